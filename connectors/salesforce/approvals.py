"""Where does a pushed plan stand in Salesforce's approval process, and how is it moved on?"""

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.salesforce.client import SalesforceClient, listed, quoted
from connectors.salesforce.mapping import (
    PLAN,
    PLAN_KEY,
    TRADE,
    TRADE_KEY,
    Decision,
    Record,
    ReviewVerdict,
    read_decision,
)
from connectors.salesforce.refusal import SalesforceRefusal
from engine.domain.identifiers import PlanId

_ACTIONS: Final = {
    ReviewVerdict.APPROVE: "Approve",
    ReviewVerdict.REJECT: "Reject",
    ReviewVerdict.REQUEST_CHANGES: "Reject",  # Salesforce knows two answers; the plan's Review_Outcome__c the third
}
_RESULTS: Final = {"Approve": "Approved", "Reject": "Rejected"}


class Approvals:
    """The approval process of Rebalance_Plan__c records. Every method raises SalesforceRefusal."""

    def __init__(self, client: SalesforceClient, process: str) -> None:
        self._client = client
        self._process = process

    def status(self, record_id: str) -> str | None:
        """Return Pending, Approved or Rejected; None for a record never submitted, or recalled since."""
        rows = self._client.rows(
            f"SELECT Status FROM ProcessInstance WHERE TargetObjectId = {quoted(record_id)} "  # noqa: S608
            "AND Status != 'Removed' ORDER BY CreatedDate DESC LIMIT 1"
        )
        return rows[0]["Status"] if rows else None

    def work_item(self, record_id: str) -> str | None:
        """Return the id of the pending request, None where nobody is asked."""
        rows = self._client.rows(
            f"SELECT Id FROM ProcessInstanceWorkitem WHERE ProcessInstance.TargetObjectId = {quoted(record_id)}"  # noqa: S608
        )
        return rows[0]["Id"] if rows else None

    def ensure_submitted(self, record_id: str) -> str | None:
        """Return the pending work item, submitting the plan where that never happened; None when it is decided."""
        if self.status(record_id) is None:
            request = {"actionType": "Submit", "contextId": record_id, "processDefinitionNameOrId": self._process}
            self._client.once(lambda: self.work_item(record_id), lambda: self._client.act(request)["newWorkitemIds"][0])
        return self.work_item(record_id)

    def decide(self, record_id: str, verdict: ReviewVerdict, comment: str) -> None:
        """Give the signed-in user's decision; the same decision may be given again, another one is refused."""
        if self._has_result(record_id, verdict):
            return
        work_item = self.work_item(record_id)
        if work_item is None:
            state = self.status(record_id) or "not submitted"
            raise SalesforceRefusal("NOT_IN_REVIEW", f"cannot {verdict}: expected a pending approval, found {state}")
        action = _ACTIONS[verdict]
        if action == "Reject":
            self._client.call("PATCH", f"sobjects/{PLAN}/{record_id}", {"Review_Outcome__c": verdict.value})
        request = {"actionType": action, "contextId": work_item, "comments": comment}
        self._client.once(
            lambda: "done" if self._has_result(record_id, verdict) else None,
            lambda: str(self._client.act(request)["instanceStatus"]),
        )

    def decisions(self, plan_ids: Sequence[PlanId]) -> Iterator[Decision]:
        """Yield the decisions on those of the plans that are decided, in no special order."""
        plans = self._client.rows(
            f"SELECT Id, Plan_Id__c, Review_Outcome__c FROM {PLAN} WHERE {PLAN_KEY} IN {listed(plan_ids)}"  # noqa: S608
        )
        if not plans:
            return
        targets = listed([plan["Id"] for plan in plans])
        steps = self._client.rows(
            "SELECT Id, ProcessInstance.TargetObjectId, StepStatus, Comments, Actor.Username, CreatedDate "  # noqa: S608
            f"FROM ProcessInstanceStep WHERE ProcessInstance.TargetObjectId IN {targets} "
            "AND ProcessInstance.Status IN ('Approved', 'Rejected') AND StepStatus IN ('Approved', 'Rejected') "
            "ORDER BY CreatedDate"
        )
        trades = self._client.rows(
            "SELECT Plan__c, Security_Id__c, Side__c, Quantity__c, Requested_Quantity__c, Review_Comment__c "  # noqa: S608
            f"FROM {TRADE} WHERE Plan__c IN {targets} ORDER BY {TRADE_KEY}"
        )
        last = {step["ProcessInstance"]["TargetObjectId"]: step for step in steps}
        for plan in plans:
            if step := last.get(plan["Id"]):
                own = [trade for trade in trades if trade["Plan__c"] == plan["Id"]]
                yield read_decision(plan=plan, step=step, trades=own)

    def _has_result(self, record_id: str, verdict: ReviewVerdict) -> bool:
        if self.status(record_id) != _RESULTS[_ACTIONS[verdict]]:
            return False
        plan: Record = self._client.call("GET", f"sobjects/{PLAN}/{record_id}")
        return verdict is ReviewVerdict.APPROVE or plan["Review_Outcome__c"] == verdict
