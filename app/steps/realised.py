"""Did a plan do what it said? Its tax, trading cost and tracking error, predicted and as the fills made them."""

from dataclasses import dataclass

from app.ports import Services
from app.steps.reconcile import filled_orders
from engine.domain.identifiers import PlanId
from engine.execute.outcome import Figures, predicted, realised
from engine.plan.document import plan_from_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Both sets of figures; realised is None before the first fill."""

    predicted: Figures
    realised: Figures | None


def outcome(services: Services, plan_id: PlanId) -> Outcome:
    """Return what a sent plan said it would do, and what its fills so far did, on the inputs it was computed from."""
    plan, _ = plan_from_document(services.plans.get(plan_id).document)
    snapshot, market = services.plans.inputs(plan_id)
    fills = services.orders.fills(plan_id)
    if not fills:
        return Outcome(predicted=predicted(plan, market), realised=None)
    day = max(fill.executed_at for fill in fills).date()
    found = realised(plan, snapshot, market, filled_orders(services, plan_id), day)
    return Outcome(predicted=predicted(plan, market), realised=found)
