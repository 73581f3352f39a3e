"""How does a plan get to its reviewers in Salesforce, once and whole, and what did they decide?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.salesforce import mapping
from connectors.salesforce.approvals import Approvals
from connectors.salesforce.client import SalesforceClient, Step, quoted
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.mapping import PLAN, PLAN_KEY, TRADE, TRADE_KEY, Decision, ReviewVerdict
from connectors.salesforce.org_check import missing_parts
from connectors.salesforce.refusal import SalesforceRefusal
from engine.domain.errors import DataError
from engine.domain.identifiers import PlanId

_KEYS_A_QUERY: Final = 100  # 64-character ids: keeps the address well below Salesforce's 16,384 bytes
_TASK_SUBJECT: Final = "Review rebalance plan"
_TASK_TEXT_LENGTH: Final = 32_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReceipt:
    """Where the plan is in Salesforce. work_item_id: the pending approval request, None when it is decided."""

    record_id: str
    trade_count: int
    work_item_id: str | None


class SalesforceCrm:
    """One org's review of plans. Every method raises ExternalRefusal when Salesforce refuses or cannot be reached."""

    def __init__(self, config: SalesforceConfig) -> None:
        self._config = config
        self._client = SalesforceClient(config)
        self._approvals = Approvals(self._client, config.approval_process)

    def verify(self) -> tuple[str, ...]:
        """Return what the org lacks of what plans need, a sentence each; empty when all is there."""
        return missing_parts(self._client, self._config)

    def push_plan(
        self, document: Mapping[str, Any], *, household_name: str, account_name: str, summary: str
    ) -> PushReceipt:
        """Put a plan before its reviewers: the plan with all its trades or nothing, a task, one approval request.

        May be repeated at will, also after a failure half-way: what is there already is not made again, and what was
        submitted is not written again. Raises DataError for more trades than one transaction takes.
        """
        count = len(document["trades"])
        if count > mapping.MAX_TRADES:
            raise DataError(
                f"plan {document['plan_id']}: expected at most {mapping.MAX_TRADES} trades in one Salesforce "
                f"transaction, found {count}"
            )
        record_id = self._find(document["plan_id"])
        if record_id is None or self._approvals.status(record_id) is None:
            record = mapping.plan_record(
                document,
                household_name=household_name,
                account_name=account_name,
                summary=summary,
                links=self._links(document["account_id"]),
            )
            record_id = self._write(document, record)
        self._expect_trades(record_id, document)
        self._ensure_task(record_id, summary)
        work_item = self._approvals.ensure_submitted(record_id)
        return PushReceipt(record_id=record_id, trade_count=count, work_item_id=work_item)

    def decide(self, plan_id: PlanId, verdict: ReviewVerdict, comment: str) -> None:
        """Give the signed-in user's decision on a plan in review; the same decision may be given again.

        The user must be one of the assigned approvers; see SalesforceConfig.acting_as.
        """
        self._approvals.decide(self._record_id(plan_id), ReviewVerdict(verdict), comment)

    def read_decisions(self, plan_ids: Sequence[PlanId]) -> tuple[Decision, ...]:
        """Return the decisions on those of the plans that are decided, in the order asked; others are left out."""
        decisions: dict[PlanId, Decision] = {}
        for start in range(0, len(plan_ids), _KEYS_A_QUERY):
            some = plan_ids[start : start + _KEYS_A_QUERY]
            decisions |= {decision.plan_id: decision for decision in self._approvals.decisions(some)}
        return tuple(decisions[plan_id] for plan_id in plan_ids if plan_id in decisions)

    def mark(self, plan_id: PlanId, status: str, text: str) -> None:
        """Write where the plan stands (a PlanState's value) and why, for people in Salesforce to read."""
        record_id = self._record_id(plan_id)
        self._client.call("PATCH", f"sobjects/{PLAN}/{record_id}", mapping.status_record(status, text))

    def _write(self, document: Mapping[str, Any], record: mapping.Record) -> str:
        path = f"sobjects/{PLAN}/{PLAN_KEY}/{document['plan_id']}"
        steps = [Step(name="plan", method="PATCH", path=path, body=record)]
        for number, records in enumerate(mapping.chunks(mapping.trade_records(document)), start=1):
            body = {"allOrNone": True, "records": list(records)}
            path = f"composite/sobjects/{TRADE}/{TRADE_KEY}"
            steps.append(Step(name=f"trades{number}", method="PATCH", path=path, body=body))
        return str(self._client.all_or_nothing(steps)["plan"]["id"])

    def _links(self, account_id: str) -> Mapping[str, str]:
        names = self._config.financial_accounts
        if names is None:
            return {}
        rows = self._client.rows(
            f"SELECT Id, {names.household} FROM {names.object} WHERE {names.key} = {quoted(account_id)}"  # noqa: S608
        )
        if not rows:
            return {}
        if len(rows) > 1:
            raise SalesforceRefusal(
                "MORE_THAN_ONE", f"{names.object}: expected one record with {names.key} = {account_id}, found several"
            )
        links = {names.link: rows[0]["Id"], "Household__c": rows[0][names.household]}
        return {lookup: target for lookup, target in links.items() if target}

    def _expect_trades(self, record_id: str, document: Mapping[str, Any]) -> None:
        rows = self._client.rows(f"SELECT {TRADE_KEY} FROM {TRADE} WHERE Plan__c = {quoted(record_id)}")  # noqa: S608
        found = {row[TRADE_KEY] for row in rows}
        expected = {record[TRADE_KEY] for record in mapping.trade_records(document)}
        if found != expected:
            strays = ", ".join(sorted(found ^ expected)[:5])
            raise SalesforceRefusal(
                "TRADES_DIFFER",
                f"plan {document['plan_id']}: expected its {len(expected)} trades, found {len(found)}; "
                f"missing or added in Salesforce: {strays}",
            )

    def _ensure_task(self, record_id: str, summary: str) -> None:
        def find() -> str | None:
            rows = self._client.rows(
                f"SELECT Id FROM Task WHERE WhatId = {quoted(record_id)} AND Subject = {quoted(_TASK_SUBJECT)}"  # noqa: S608
            )
            return rows[0]["Id"] if rows else None

        def create() -> str:
            task = {
                "WhatId": record_id,
                "Subject": _TASK_SUBJECT,
                "Status": "Not Started",
                "Description": summary[:_TASK_TEXT_LENGTH],
            }
            return str(self._client.call("POST", "sobjects/Task", task, repeatable=False)["id"])

        if find() is None:
            self._client.once(find, create)

    def _find(self, plan_id: str) -> str | None:
        rows = self._client.rows(f"SELECT Id FROM {PLAN} WHERE {PLAN_KEY} = {quoted(plan_id)}")  # noqa: S608
        return rows[0]["Id"] if rows else None

    def _record_id(self, plan_id: str) -> str:
        record_id = self._find(plan_id)
        if record_id is None:
            raise SalesforceRefusal("NOT_FOUND", f"plan {plan_id} was never pushed, or is hidden from this user")
        return record_id
