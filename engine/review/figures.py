"""Are the figures that the plan states those of its trades? The account before and after it, and its objective."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from engine.domain.identifiers import LotId, SecurityId
from engine.domain.plans import Metrics, PlanStatus
from engine.review.case import CENT, Case, gain_of, held_over_a_year, starts_on
from engine.review.limits import RISK_SLACK, by_sector, volatility

_ZERO: Final = Decimal(0)
_WEIGHT: Final = 1e-7  # a document states eight decimals
_BP: Final = 0.0005  # a document states four decimals; the objective has up to six parts


def before(case: Case) -> Iterable[str]:
    """The account as it stands: value, cash, active weights, tracking error, unrealised gains."""
    cash, value = case.snapshot.account.cash, case.value_before
    yield from _money(case, case.plan.before, cash=cash, nav=value, sold={})
    yield from _weights(case, case.plan.before, case.shares_before, cash=cash, value=value)


def after(case: Case) -> Iterable[str]:
    """The account once the plan is carried out; weights are fractions of the value after the external flow."""
    nav = case.cash_after + case.worth(case.shares_after)
    yield from _money(case, case.plan.after, cash=case.cash_after, nav=nav, sold=case.sold)
    yield from _weights(case, case.plan.after, case.shares_after, cash=case.cash_after, value=case.value)


def objective(case: Case) -> Iterable[str]:
    """The parts add up, the gap is what lies above the bound, and only a gap within tolerance is called optimal.

    The parts that follow from figures checked elsewhere are derived: risk from the tracking error, tax from the
    liability, less what a disallowed loss may still save later. In bp of the value after the flow.
    """
    stated, settings, tax = case.plan.objective, case.settings, case.plan.tax
    parts = stated.risk + stated.tax + stated.cost + stated.tilt + stated.breach
    if abs(parts - stated.total) > _BP:
        yield f"objective {stated.total}, its parts add up to {parts:.4f}"
    if abs(stated.total - stated.lower_bound - stated.gap) > _BP or stated.gap < 0:
        yield f"gap {stated.gap}, expected {stated.total - stated.lower_bound:.4f}"
    if case.plan.status is PlanStatus.OPTIMAL and stated.gap > settings.gap_tolerance_bp + _BP:
        yield f"called optimal at a gap of {stated.gap} bp, tolerance {settings.gap_tolerance_bp}"
    risk = settings.risk_aversion * volatility(case, case.active(case.shares_after)) ** 2 * 1e4
    if abs(risk - stated.risk) > _BP + 1e-6 * risk:
        yield f"risk {stated.risk}, expected {risk:.4f}"
    account = case.snapshot.account
    later = Decimal(str(settings.carryforward_value)) * max(account.st_rate, account.lt_rate) * tax.disallowed
    scale = Decimal(str(settings.tax_weight)) / case.value * 10_000
    high, low = scale * tax.liability, scale * (tax.liability - later)
    slack = Decimal(str(_BP)) + scale * CENT
    if not low - slack <= Decimal(str(stated.tax)) <= high + slack:
        yield f"tax {stated.tax}, expected {high:.4f}"


def _money(case: Case, stated: Metrics, *, cash: Decimal, nav: Decimal, sold: Mapping[LotId, Decimal]) -> Iterable[str]:
    slack = CENT * (len(case.plan.trades) + 1)
    expected = {"cash": cash, "nav": nav}
    for name, amount in expected.items():
        if abs(getattr(stated, name) - amount) > slack:
            yield f"{name} {getattr(stated, name)}, expected {amount:.2f}"
    gains = _unrealised(case, sold)
    for name, amount in gains.items():
        if abs(getattr(stated.unrealised, name) - amount) > CENT * (len(case.sales) + 1):
            yield f"unrealised {name} {getattr(stated.unrealised, name)}, expected {amount:.2f}"


def _unrealised(case: Case, sold: Mapping[LotId, Decimal]) -> dict[str, Decimal]:
    totals = {"st_gain": _ZERO, "st_loss": _ZERO, "lt_gain": _ZERO, "lt_loss": _ZERO}
    for lot in case.snapshot.lots:
        price = case.market.marks[lot.security_id].price
        gain = gain_of(lot, lot.quantity - sold.get(lot.lot_id, _ZERO), price)
        term = "lt" if held_over_a_year(starts_on(lot, price), case.snapshot.as_of) else "st"
        totals[f"{term}_gain" if gain >= 0 else f"{term}_loss"] += gain
    return totals


def _weights(
    case: Case, stated: Metrics, shares: Mapping[SecurityId, Decimal], *, cash: Decimal, value: Decimal
) -> Iterable[str]:
    active = case.active(shares, value)
    share = (sum(abs(weight) for weight in active.values()) + (abs(cash / value) if value > 0 else _ZERO)) / 2
    if abs(float(share) - stated.active_share) > _WEIGHT:
        yield f"active share {stated.active_share:.6f}, expected {share:.6f}"
    error = volatility(case, active)
    if abs(error - stated.tracking_error) > RISK_SLACK:
        yield f"tracking error {stated.tracking_error:.4%}, expected {error:.4%}"
    found, said = by_sector(case, active), dict(stated.sectors)
    for sector in sorted({*found, *said}):
        if abs(float(found.get(sector, _ZERO)) - said.get(sector, 0.0)) > _WEIGHT:
            yield f"sector {sector} {said.get(sector)}, expected {found.get(sector, _ZERO):.6f}"
