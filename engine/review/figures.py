"""Are the figures that the plan states those of its trades? The account before and after it, and its objective."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.identifiers import LotId
from engine.domain.plans import Metrics, PlanStatus
from engine.review.case import CENT, Case
from engine.review.limits import RISK_SLACK
from engine.review.unrealised import FIGURES
from engine.review.weights import ActiveWeights

_ZERO: Final = Decimal(0)
_WEIGHT: Final = 1e-7  # a document states eight decimals
_NEAR: Final = 1e-9  # far more than a float's last digits make of a weight
_BP: Final = 0.0005  # a document states four decimals; the objective has up to six parts


def before(case: Case) -> Iterable[str]:
    """The account as it stands: value, cash, active weights, tracking error, unrealised gains."""
    cash, value = case.snapshot.account.cash, case.value_before
    yield from _money(case, case.plan.before, cash=cash, nav=value, sold={})
    yield from _weights(case.as_it_stands, case.plan.before, cash=cash)


def after(case: Case) -> Iterable[str]:
    """The account once the plan is carried out; weights are fractions of the value after the external flow."""
    nav = case.cash_after + case.worth(case.shares_after)
    yield from _money(case, case.plan.after, cash=case.cash_after, nav=nav, sold=case.sold)
    yield from _weights(case.after, case.plan.after, cash=case.cash_after)


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
    risk = settings.risk_aversion * case.after.volatility**2 * 1e4
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
    yield from _unrealised(case, stated, sold)


def _unrealised(case: Case, stated: Metrics, sold: Mapping[LotId, Decimal]) -> Iterable[str]:
    said = {name: getattr(stated.unrealised, name) for name in FIGURES}
    slack = CENT * (len(case.sales) + 1)
    rough, off = case.unsold.rough(sold)
    if all(abs(rough[name] - float(said[name])) <= float(slack) - off for name in FIGURES):
        return
    for name, amount in case.unsold.exact(sold).items():
        if abs(said[name] - amount) > slack:
            yield f"unrealised {name} {said[name]}, expected {amount:.2f}"


def _weights(active: ActiveWeights, stated: Metrics, *, cash: Decimal) -> Iterable[str]:
    """Compare as floats, and what comes near a disagreement once more exactly."""
    idle = abs(cash / active.value) if active.value > 0 else _ZERO
    rough = (float(np.abs(active.rough).sum()) + float(idle)) / 2
    if _differs(rough, stated.active_share, _WEIGHT - _NEAR):
        share = (sum(abs(active.exact(name)) for name in active.names.ids) + idle) / 2
        if _differs(float(share), stated.active_share, _WEIGHT):
            yield f"active share {stated.active_share:.6f}, expected {share:.6f}"
    if _differs(active.volatility, stated.tracking_error, RISK_SLACK):
        yield f"tracking error {stated.tracking_error:.4%}, expected {active.volatility:.4%}"
    found, said = active.rough_of_sectors, dict(stated.sectors)
    for sector in sorted({*found, *said}):
        if _differs(found.get(sector, 0.0), said.get(sector, 0.0), _WEIGHT - _NEAR):
            weight = active.exact_of_sector(sector)
            if _differs(float(weight), said.get(sector, 0.0), _WEIGHT):
                yield f"sector {sector} {said.get(sector)}, expected {weight:.6f}"


def _differs(found: float, stated: float, slack: float) -> bool:
    return abs(found - stated) > slack
