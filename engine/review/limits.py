"""Does the plan keep its limits? Turnover, gains, counts, weights and tracking error, worked out from raw weights."""

from collections.abc import Iterable
from decimal import Decimal
from math import sqrt
from typing import Final

from engine.domain.accounts import Rule
from engine.domain.identifiers import SecurityId
from engine.domain.plans import Side
from engine.domain.policy import means
from engine.domain.settings import LotMethod, WashSalePolicy
from engine.review.case import ACQUIRES, WEIGHT_SLACK, Case, gain_of
from engine.review.replacements import WINDOW

_RISK_SLACK: Final = 1e-6  # a fraction a year
_FIXED_ORDER: Final = frozenset({LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO})


def trade_limits(case: Case) -> Iterable[str]:
    """Turnover, realised gain, size of a trade, number of trades and of names stay within their limits.

    Selling everything keeps the number of trades alone. What must go may be sold as far as it can be, however little.
    """
    settings, trades = case.settings, case.plan.trades
    if settings.max_trades is not None and len(trades) > settings.max_trades:
        yield f"{len(trades)} trades, limit {settings.max_trades}"
    if settings.liquidate:
        return
    turnover = sum((trade.quantity * trade.price for trade in trades), Decimal(0)) / 2 / case.value
    if settings.max_turnover is not None and turnover > Decimal(str(settings.max_turnover)) + WEIGHT_SLACK:
        yield f"turnover {turnover:.4f}, limit {settings.max_turnover}"
    gain, taxable = case.plan.tax.st_gain + case.plan.tax.lt_gain, case.snapshot.account.registration.is_taxable
    if taxable and settings.max_net_gain is not None and gain > settings.max_net_gain + 1 and gain > 0:
        yield f"net gain {gain:.2f}, limit {settings.max_net_gain}"
    for trade in trades:
        exits = case.shares_after[trade.security_id] == 0 or case.must_go(trade.security_id)
        if trade.quantity * trade.price < settings.min_trade_usd and not exits:
            yield f"{trade.security_id}: trade of {trade.amount}, minimum {settings.min_trade_usd}"
    held = sum(shares > 0 for shares in case.shares_after.values())
    if settings.max_names is not None and held > settings.max_names:
        yield f"{held} names held after the plan, limit {settings.max_names}"


def active_weights(case: Case) -> Iterable[str]:
    """A trade may not push a name out of its band; one that is out already may not get worse.

    A name that must go has no band.
    """
    bound = case.settings.max_active_weight
    if bound is None or case.settings.liquidate:
        return
    for trade in case.plan.trades:
        name = trade.security_id
        if case.must_go(name):
            continue
        target = case.targets.get(name, Decimal(0))
        before = abs(case.weight(case.shares_before, name) - target)
        after = case.weight(case.shares_after, name) - target
        wrong_way = after > 0 if trade.side is Side.BUY else after < 0
        if wrong_way and abs(after) > max(Decimal(str(bound)), before) + case.one_share(name):
            yield f"{name}: active weight {after:.4f}, bound {bound}"


def sectors(case: Case) -> Iterable[str]:
    """No sector leaves its band by the plan. One that is out already may not get further out.

    The lower bound of a sector falls by the target weight of its names that the account must not hold.
    """
    bound = case.settings.max_sector_active
    if bound is None or case.settings.liquidate:
        return
    room = Decimal(str(bound))
    before, after = case.active(case.shares_before), case.active(case.shares_after)
    names = {*before, *after}
    for sector in sorted({case.security(name).sector for name in names}):
        members = [name for name in names if case.security(name).sector == sector]
        was = sum((before.get(name, Decimal(0)) for name in members), Decimal(0))
        now = sum((after.get(name, Decimal(0)) for name in members), Decimal(0))
        gone = sum((case.targets.get(name, Decimal(0)) for name in members if case.must_go(name)), Decimal(0))
        low, high = min(-room - gone, was), max(room, was)
        if not low - WEIGHT_SLACK <= now <= high + WEIGHT_SLACK:
            yield f"{sector}: active weight {now:.4f}, bound {bound}"


def tracking_error(case: Case) -> Iterable[str]:
    """The tracking error that the plan states is that of its weights, and within the limit where there is one."""
    risk, active = case.market.risk, case.active(case.shares_after)
    weights = {name: float(weight) for name, weight in active.items()}
    rows = {name: risk.exposures[risk.position[name]] for name in weights}
    factors = [sum(weights[name] * float(rows[name][k]) for name in weights) for k in range(len(risk.factors))]
    variance = sum(weights[name] ** 2 * float(risk.specific_variance[risk.position[name]]) for name in weights)
    for i, own in enumerate(factors):
        variance += sum(own * float(risk.factor_covariance[i][j]) * other for j, other in enumerate(factors))
    found, stated, limit = sqrt(max(variance, 0.0)), case.plan.after.tracking_error, case.settings.max_tracking_error
    if abs(found - stated) > _RISK_SLACK:
        yield f"tracking error after {stated:.4%}, expected {found:.4%}"
    if limit is not None and found > limit + _RISK_SLACK and not case.settings.liquidate:
        yield f"tracking error after {found:.4%}, limit {limit:.4%}"


def liquidation(case: Case) -> Iterable[str]:
    """Where everything is to be sold, nothing is bought, and what stays has a rule that keeps it."""
    if not case.settings.liquidate:
        return
    for trade in case.plan.trades:
        if trade.side is Side.BUY:
            yield f"{trade.security_id}: bought, though everything is to be sold"
    if _is_capped(case):
        return
    for name, shares in case.shares_after.items():
        if shares > 0 and not _is_kept(case, name):
            yield f"{name}: {shares.normalize():f} shares stay, though everything is to be sold"


def _is_capped(case: Case) -> bool:
    """Return whether a count of trades, or an order of lots that must be kept, may stop a sale of everything."""
    return case.settings.max_trades is not None or case.settings.lot_method in _FIXED_ORDER


def _is_kept(case: Case, name: SecurityId) -> bool:
    """Return whether a rule may keep shares of a name: a restriction, a wash sale, too small a loss, no market."""
    security = case.security(name)
    price = case.market.marks[security.security_id].price
    if security.tradable is False or price <= 0:
        return True
    for restriction in case.in_force:
        if restriction.rule in (Rule.DO_NOT_SELL, Rule.MIN_WEIGHT) and means(restriction.target, security):
            return True
    left = [lot for lot in case.snapshot.lots if lot.security_id == name]
    losing = [lot for lot in left if gain_of(lot, lot.quantity, price) < 0]
    small = case.settings.harvest_min_loss_usd > 0 or case.settings.harvest_min_loss_pct > 0
    return bool(losing) and (small or _bought_lately(case, security.group))


def _bought_lately(case: Case, group: str) -> bool:
    since = case.snapshot.as_of - WINDOW
    lots = [lot for book in case.snapshot.household_books for lot in book.lots]
    if case.settings.wash_sales is WashSalePolicy.ALLOW and group not in case.twin_groups:
        return False
    rows = [row for row in case.history() if row.type in ACQUIRES and row.trade_date >= since]
    return any(case.security(row.security_id).group == group for row in rows) or any(
        lot.security_id in case.market.securities
        and case.security(lot.security_id).group == group
        and lot.acquired >= since
        for lot in lots
    )
