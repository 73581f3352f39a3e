"""Every step of a review meets every fault; who repeats it finds everything once, and both sides of one mind."""

from collections.abc import Callable

import pytest

from connectors.salesforce.mapping import ReviewVerdict
from connectors.sandbox.org.faults import Kind
from engine.domain.errors import ExternalRefusal
from engine.domain.identifiers import PlanId

ONCE = {"Rebalance_Plan__c": 1, "Rebalance_Trade__c": 2, "ContentVersion": 1, "Task": 1, "ProcessInstance": 1}
PLACES = {
    Kind.LOCK: ("Rebalance_Plan__c", "Rebalance_Trade__c", "ContentVersion", "Task"),
    Kind.ENTITY_LOCKED: ("Rebalance_Plan__c", "Rebalance_Trade__c", "ContentVersion", "Task"),
}
EVERYWHERE = ("GET query", "POST composite", "POST sobjects/Content", "POST sobjects/Task", "POST process", "PATCH")
_MOST_REPEATS = 8


def repeated(step: Callable[[], object]) -> object:
    """Do a step until it is not refused, as the outbox does."""
    for _ in range(_MOST_REPEATS):
        try:
            return step()
        except ExternalRefusal:
            continue
    pytest.fail(f"refused {_MOST_REPEATS} times")


@pytest.mark.parametrize("strikes", [1, 3])
@pytest.mark.parametrize("kind", list(Kind))
def test_each_fault_at_each_step_neither_loses_nor_doubles_anything(server, document, push, kind, strikes):
    for number, place in enumerate(PLACES.get(kind, EVERYWHERE), start=1):
        plan = document(account_id=f"A-{number}")
        plan_id = PlanId(plan["plan_id"])
        crm, reviewer = server.crm(attempts=2), server.reviewer()
        steps = (
            lambda crm=crm, plan=plan: push(crm, plan),
            lambda who=reviewer, name=plan_id: who.decide(name, ReviewVerdict.REQUEST_CHANGES, "Less."),
            lambda crm=crm, name=plan_id: crm.mark(name, "changes_requested", "Less."),
        )
        for step in steps:
            server.fail(kind, strikes, place, seconds=0.01)
            repeated(step)
            server.stand_in.org.faults.clear()
        server.fail(kind, strikes, place, seconds=0.01)
        [decision] = repeated(lambda crm=crm, name=plan_id: crm.read_decisions([name]))
        server.stand_in.org.faults.clear()

        assert (decision.verdict, decision.comment) == (ReviewVerdict.REQUEST_CHANGES, "Less.")
        assert {name: len(server.rows(name)) for name in ONCE} == {name: number * each for name, each in ONCE.items()}
        row = next(row for row in server.rows("Rebalance_Plan__c") if row["Plan_Id__c"] == plan_id)
        assert (row["Status__c"], row["Status_Text__c"]) == ("changes_requested", "Less.")
        answers = [step for step in server.rows("ProcessInstanceStep") if step["StepStatus"] == "Rejected"]
        assert len(answers) == number
