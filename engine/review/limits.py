"""Does the plan keep its limits? Turnover, gains, counts, weights and tracking error, worked out from raw weights."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import sqrt
from typing import Final

from engine.domain.accounts import Rule
from engine.domain.identifiers import SecurityId
from engine.review.case import CENT, DUST, WEIGHT_SLACK, Case, is_meant

Weights = Mapping[SecurityId, Decimal]

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
        exits = case.shares_after[trade.security_id] <= DUST or case.must_go(trade.security_id)
        if trade.quantity * trade.price < settings.min_trade_usd and not exits:
            yield f"{trade.security_id}: trade of {trade.amount}, minimum {settings.min_trade_usd}"
    held = sum(shares > DUST for shares in case.shares_after.values())
    if settings.max_names is not None and held > settings.max_names:
        yield f"{held} names held after the plan, limit {settings.max_names}"


def active_weights(case: Case) -> Iterable[str]:
    """No name leaves its band by the plan. A name that must go has no band."""
    bound = case.settings.max_active_weight
    if bound is None or case.settings.liquidate:
        return
    room = Decimal(str(bound))
    before, after = case.active(case.shares_before), case.active(case.shares_after)
    for name, now in after.items():
        if not case.must_go(name) and _is_out(case, now, before.get(name, _ZERO), -room, room):
            yield f"{name}: active weight {now:.4f}, bound {bound}"


def sectors(case: Case) -> Iterable[str]:
    """No sector leaves its band by the plan.

    The lower bound of a sector falls by the target weight of its names that the account must not hold.
    """
    bound = case.settings.max_sector_active
    if bound is None or case.settings.liquidate:
        return
    room = Decimal(str(bound))
    before, after = by_sector(case, case.active(case.shares_before)), by_sector(case, case.active(case.shares_after))
    for sector, now in after.items():
        gone = sum(
            (
                target
                for name, target in case.targets.items()
                if case.security(name).sector == sector and case.must_go(name)
            ),
            _ZERO,
        )
        if _is_out(case, now, before.get(sector, _ZERO), -room - gone, room):
            yield f"{sector}: active weight {now:.4f}, bound {bound}"


def factors(case: Case) -> Iterable[str]:
    """No factor of the risk model leaves its band by the plan."""
    bound = case.settings.max_factor_active
    if bound is None or case.settings.liquidate:
        return
    room = Decimal(str(bound))
    before = exposures(case, case.active(case.shares_before))
    after = exposures(case, case.active(case.shares_after))
    for factor, was, now in zip(case.market.risk.factors, before, after, strict=True):
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
        names = [n for n in case.shares_after if is_meant(restriction.target, case.security(n))]
        if restriction.target in case.market.securities and case.must_go(SecurityId(restriction.target)):
            continue
        was = sum((case.weight(case.shares_before, name) for name in names), _ZERO)
        now = sum((case.weight(case.shares_after, name) for name in names), _ZERO)
        low, high = (_ZERO, restriction.value) if restriction.rule is Rule.MAX_WEIGHT else (restriction.value, now)
        if _is_out(case, now, was, low, high):
            yield f"{restriction.target}: weight {now:.4f} of value, {restriction.rule} {restriction.value}"


def tracking_error(case: Case) -> Iterable[str]:
    """The tracking error after the plan is within its limit, where there is one."""
    found, limit = volatility(case, case.active(case.shares_after)), case.settings.max_tracking_error
    if limit is not None and found > limit + RISK_SLACK and not case.settings.liquidate:
        yield f"tracking error after {found:.4%}, limit {limit:.4%}"


def _is_out(case: Case, now: Decimal, was: Decimal, low: Decimal, high: Decimal) -> bool:
    """Return whether a weight is out of its band; where it was out before, only further out unless limits are forced.

    Before and after are both fractions of the value after the flow.
    """
    if not case.settings.enforce:
        low, high = min(low, was), max(high, was)
    return not low - WEIGHT_SLACK <= now <= high + WEIGHT_SLACK


def by_sector(case: Case, active: Weights) -> dict[str, Decimal]:
    """Return the active weight of each sector."""
    totals: dict[str, Decimal] = {}
    for name, weight in active.items():
        sector = case.security(name).sector
        totals[sector] = totals.get(sector, _ZERO) + weight
    return totals


def exposures(case: Case, active: Weights) -> list[float]:
    """Return the active exposure to each factor."""
    risk = case.market.risk
    return [
        sum(float(weight) * float(risk.exposures[risk.position[name]][k]) for name, weight in active.items())
        for k in range(len(risk.factors))
    ]


def volatility(case: Case, active: Weights) -> float:
    """Return the annual tracking error of these active weights: the root of d'(F Omega F' + diag D) d."""
    risk, of_factors = case.market.risk, exposures(case, active)
    variance = sum(
        float(weight) ** 2 * float(risk.specific_variance[risk.position[name]]) for name, weight in active.items()
    )
    for i, own in enumerate(of_factors):
        variance += sum(own * float(risk.factor_covariance[i][j]) * other for j, other in enumerate(of_factors))
    return sqrt(max(variance, 0.0))
