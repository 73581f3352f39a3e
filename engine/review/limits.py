"""Does the plan keep its limits? Turnover, gains, counts, weights and tracking error, worked out from raw weights."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import Rule
from engine.review.case import CENT, DUST, WEIGHT_SLACK, Case

RISK_SLACK: Final = 1e-6  # a fraction a year
_ZERO: Final = Decimal(0)


def trade_limits(case: Case) -> Iterable[str]:
    """Turnover, realised gain, size of a trade, number of trades and of names stay within their limits.

    Selling everything keeps the number of trades alone. What must go may be sold as far as it can be, however little.
    """
    settings, trades = case.settings, case.plan.trades
    if settings.max_trades is not None and len(trades) > settings.max_trades:
        yield f"{len(trades)} trades, limit {settings.max_trades}"
    if settings.liquidate:
        return
    turnover = sum((trade.quantity * trade.price for trade in trades), _ZERO) / 2 / case.value
    if settings.max_turnover is not None and turnover > Decimal(str(settings.max_turnover)) + WEIGHT_SLACK:
        yield f"turnover {turnover:.4f}, limit {settings.max_turnover}"
    gain, taxable = case.plan.tax.st_gain + case.plan.tax.lt_gain, case.snapshot.account.registration.is_taxable
    slack = 2 * CENT + 2 * DUST * sum((trade.price for trade in trades), _ZERO)
    if taxable and settings.max_net_gain is not None and gain > settings.max_net_gain + slack:
        yield f"net gain {gain:.2f}, limit {settings.max_net_gain}"
    for trade in trades:
        if trade.quantity * trade.price >= settings.min_trade_usd:
            continue
        if case.shares_after[trade.security_id] > DUST and not case.must_go(trade.security_id):
            yield f"{trade.security_id}: trade of {trade.amount}, minimum {settings.min_trade_usd}"
    if settings.max_names is not None:
        held = sum(shares > DUST for shares in case.shares_after.values())
        if held > settings.max_names:
            yield f"{held} names held after the plan, limit {settings.max_names}"


def active_weights(case: Case) -> Iterable[str]:
    """No name leaves its band by the plan. A name that must go has no band."""
    bound = case.settings.max_active_weight
    if bound is None or case.settings.liquidate:
        return
    room = Decimal(str(bound))
    for at in np.flatnonzero(np.abs(case.after.rough) > bound):
        name = case.names.ids[at]
        now, was = case.after.exact(name), case.before.exact(name)
        if not case.must_go(name) and _is_out(case, now, was, -room, room):
            yield f"{name}: active weight {now:.4f}, bound {bound}"


def sectors(case: Case) -> Iterable[str]:
    """No sector leaves its band by the plan.

    The lower bound of a sector falls by the target weight of its names that the account must not hold.
    """
    bound = case.settings.max_sector_active
    if bound is None or case.settings.liquidate:
        return
    room = Decimal(str(bound))
    for sector, rough in case.after.rough_of_sectors.items():
        if abs(rough) <= bound:
            continue
        now, was = case.after.exact_of_sector(sector), case.before.exact_of_sector(sector)
        gone = sum((case.targets.get(n, _ZERO) for n in case.names.of_sector[sector] if case.must_go(n)), _ZERO)
        if _is_out(case, now, was, -room - gone, room):
            yield f"{sector}: active weight {now:.4f}, bound {bound}"


def factors(case: Case) -> Iterable[str]:
    """No factor of the risk model leaves its band by the plan."""
    bound = case.settings.max_factor_active
    if bound is None or case.settings.liquidate:
        return
    room = Decimal(str(bound))
    before, after = case.before.exposures, case.after.exposures
    for factor, was, now in zip(case.market.risk.factors, before.tolist(), after.tolist(), strict=True):
        if _is_out(case, Decimal(now), Decimal(was), -room, room):
            yield f"{factor}: active exposure {now:.4f}, bound {bound}"


def weights(case: Case) -> Iterable[str]:
    """Restrictions on the weight of a name, a sector or a tag hold after the plan.

    A name that must go has no such limit of its own.
    """
    if case.settings.liquidate:
        return
    for restriction in case.in_force:
        if restriction.rule not in (Rule.MIN_WEIGHT, Rule.MAX_WEIGHT) or restriction.value is None:
            continue
        meant = case.meant(restriction.target)
        if restriction.target in case.market.securities:  # or in that of a name which it became
            meant = frozenset(name for name in meant if not case.must_go(name))
            if not meant:
                continue
        names = [name for name in case.shares_after if name in meant]
        was = sum((case.weight(case.shares_before, name) for name in names), _ZERO)
        now = sum((case.weight(case.shares_after, name) for name in names), _ZERO)
        low, high = (_ZERO, restriction.value) if restriction.rule is Rule.MAX_WEIGHT else (restriction.value, now)
        if _is_out(case, now, was, low, high):
            yield f"{restriction.target}: weight {now:.4f} of value, {restriction.rule} {restriction.value}"


def tracking_error(case: Case) -> Iterable[str]:
    """The tracking error after the plan is within its limit, where there is one."""
    found, limit = case.after.volatility, case.settings.max_tracking_error
    if limit is not None and found > limit + RISK_SLACK and not case.settings.liquidate:
        yield f"tracking error after {found:.4%}, limit {limit:.4%}"


def _is_out(case: Case, now: Decimal, was: Decimal, low: Decimal, high: Decimal) -> bool:
    """Return whether a weight is out of its band; where it was out before, only further out unless limits are forced.

    Before and after are both fractions of the value after the flow.
    """
    if not case.settings.enforce:
        low, high = min(low, was), max(high, was)
    return not low - WEIGHT_SLACK <= now <= high + WEIGHT_SLACK
