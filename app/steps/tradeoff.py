"""What would other settings bring? The frontier of tax against tracking error, and a step of each setting."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from app.ports import Services
from app.steps.inputs import PlanInputs, inputs_of
from engine.domain.identifiers import AccountId
from engine.domain.settings import PlanSettings
from engine.plan.fractional import Figures
from engine.plan.frontier import FrontierPoint, frontier
from engine.plan.sensitivity import Sensitivities, Sensitivity, Step, change, sensitivities

FRONTIER_POINTS: Final = 20


def tradeoff(services: Services, account_id: AccountId, settings: PlanSettings) -> tuple[FrontierPoint, ...]:
    """Return the frontier of tax now against tracking error for an account, in certified points.

    Settings that ignore tax have no trade-off to show: its weight is then one.
    """
    return frontier_under(inputs_of(services, account_id), settings)


def frontier_under(inputs: PlanInputs, settings: PlanSettings) -> tuple[FrontierPoint, ...]:
    """Return the same for an account that was read already."""
    weighed = replace(settings, tax_weight=settings.tax_weight or 1.0)
    return frontier(inputs.snapshot, inputs.market, weighed, points=FRONTIER_POINTS)


def full_rebalance(inputs: PlanInputs, settings: PlanSettings) -> FrontierPoint | None:
    """Return what the plan would come to if tax did not count; None where no plan obeys the rules."""
    points = frontier(inputs.snapshot, inputs.market, replace(settings, tax_weight=0.0), points=1)
    return points[0] if points else None


def would_change(services: Services, account_id: AccountId, settings: PlanSettings) -> Sensitivities | None:
    """Return what a step of each setting would change, in certified plans; None where no plan obeys the rules."""
    return would_change_under(inputs_of(services, account_id), settings)


def would_change_under(inputs: PlanInputs, settings: PlanSettings) -> Sensitivities | None:
    """Return the same for an account that was read already."""
    return sensitivities(inputs.snapshot, inputs.market, settings)


def sensitivity_document(account_id: AccountId, found: Sensitivities) -> dict[str, Any]:
    """Return what settings would change as JSON values: figures now, and by step the change of each."""
    base = found.base
    return {
        "account_id": account_id,
        "base": {
            "tax_usd": round(float(base.tax_usd), 2),
            "tracking_error": round(base.tracking_error, 8),
            "objective_bp": round(base.objective_bp, 4),
            "trades": base.trades,
            "gap_bp": round(base.gap_bp, 4),
        },
        "settings": [
            {
                "setting": each.setting,
                "value": _json_number(each.value),
                "same_measure": each.same_measure,
                "tighter": _step_document(base, each, each.tighter),
                "looser": _step_document(base, each, each.looser),
            }
            for each in found.settings
        ],
    }


def _step_document(base: Figures, of: Sensitivity, step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    changed = change(base, of, step)
    if changed is None:
        return {"value": _json_number(step.value), "feasible": False}
    return {
        "value": _json_number(step.value),
        "feasible": True,
        "tax_usd": round(float(changed.tax_usd), 2),
        "tracking_error": round(changed.tracking_error, 8),
        "objective_bp": None if changed.objective_bp is None else round(changed.objective_bp, 4),
        "trades": changed.trades,
        "gap_bp": round(changed.gap_bp, 4),
    }


def _json_number(value: float | Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)
