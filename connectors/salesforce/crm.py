"""How does a plan get to its reviewers in Salesforce, once and whole, and what did they decide?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.salesforce import mapping
from connectors.salesforce.approvals import Approvals
from connectors.salesforce.client import SalesforceClient, Step, Usage, listed, quoted
from connectors.salesforce.companions import ensure_activity, ensure_file, ensure_task
from connectors.salesforce.config import FinancialAccountNames, SalesforceConfig
from connectors.salesforce.mapping import (
    PLAN,
    PLAN_KEY,
    TRADE,
    TRADE_KEY,
    Decision,
    Presentation,
    ReviewVerdict,
)
from connectors.salesforce.org_check import missing_parts
from connectors.salesforce.plan_file import plan_pdf
from connectors.salesforce.refusal import SalesforceRefusal
from engine.domain.errors import DataError
from engine.domain.identifiers import PlanId

_KEYS_A_QUERY: Final = 100  # 64-character ids: keeps the address well below Salesforce's 16,384 bytes
_TASK_SUBJECT: Final = "Review rebalance plan"
_HOUSEHOLD: Final = "Household__c"


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

    @property
    def usage(self) -> Usage | None:
        """What the newest answer said of the org's daily limit; None before the first."""
        return self._client.usage

    def verify(self) -> tuple[str, ...]:
        """Return what the org lacks of what plans need, a sentence each; empty when all is there."""
        return missing_parts(self._client, self._config)

    def push_plan(self, document: Mapping[str, Any], shown: Presentation) -> PushReceipt:
        """Put a plan before its reviewers: the plan with all its trades or nothing, then what goes with it, each once.

        That is a file, a task, an activity on the household and one approval request. May be repeated at will, also
        after a failure half-way: what is there already is not made again, and what was submitted is not written again.
        Raises DataError for more trades than one transaction takes.
        """
        count = len(document["trades"])
        if count > mapping.MAX_TRADES:
            raise DataError(
                f"plan {document['plan_id']}: expected at most {mapping.MAX_TRADES} trades in one Salesforce "
                f"transaction, found {count}"
            )
        links = self._links(document["account_id"])
        record_id = self._find(document["plan_id"])
        if record_id is None or self._approvals.status(record_id) is None:
            record_id = self._write(document, shown, links)
        self._expect_trades(record_id, document)
        self._accompany(record_id, document, shown, links.get(_HOUSEHOLD))
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

    def supersede(self, plan_id: PlanId, successor: PlanId) -> None:
        """Write which plan took another one's place, for people in Salesforce to follow; both are there."""
        record_id = self._record_id(plan_id)
        self._client.call("PATCH", f"sobjects/{PLAN}/{record_id}", mapping.successor_record(successor))

    def missing(self, plan_ids: Sequence[PlanId]) -> tuple[PlanId, ...]:
        """Return those of some pushed plans whose records are not there any more."""
        found: set[str] = set()
        for start in range(0, len(plan_ids), _KEYS_A_QUERY):
            keys = listed(plan_ids[start : start + _KEYS_A_QUERY])
            rows = self._client.rows(f"SELECT {PLAN_KEY} FROM {PLAN} WHERE {PLAN_KEY} IN {keys}")  # noqa: S608
            found |= {row[PLAN_KEY] for row in rows}
        return tuple(plan_id for plan_id in plan_ids if plan_id not in found)

    def _write(self, document: Mapping[str, Any], shown: Presentation, links: Mapping[str, str]) -> str:
        record, trades = mapping.plan_record(document, shown, links), mapping.trade_records(document, shown.tickers)
        path = f"sobjects/{PLAN}/{PLAN_KEY}/{document['plan_id']}"
        steps = [Step(name="plan", method="PATCH", path=path, body=record)]
        for number, records in enumerate(mapping.chunks(trades), start=1):
            body = {"allOrNone": True, "records": list(records)}
            path = f"composite/sobjects/{TRADE}/{TRADE_KEY}"
            steps.append(Step(name=f"trades{number}", method="PATCH", path=path, body=body))
        return str(self._client.all_or_nothing(steps)["plan"]["id"])

    def _links(self, account_id: str) -> Mapping[str, str]:
        names = self._config.financial_accounts
        if names is None:
            return {}
        own = ["Id", *([names.household] if names.household else [])]
        rows = self._client.rows(
            f"SELECT {', '.join(own)} FROM {names.object} WHERE {names.key} = {quoted(account_id)}"  # noqa: S608
        )
        if not rows:
            return {}
        if len(rows) > 1:
            raise SalesforceRefusal(
                "MORE_THAN_ONE", f"{names.object}: expected one record with {names.key} = {account_id}, found several"
            )
        household = rows[0][names.household] if names.household else self._owner(names, rows[0]["Id"])
        links = {names.link: rows[0]["Id"], _HOUSEHOLD: household}
        return {lookup: target for lookup, target in links.items() if target}

    def _owner(self, names: FinancialAccountNames, financial_account: str) -> str | None:
        """Return the one owner's Account record; None where there are several, for neither is the household."""
        party = names.party
        if party is None:
            return None
        rows = self._client.rows(
            f"SELECT {party.account} FROM {party.object} WHERE {party.financial_account} = "  # noqa: S608
            f"{quoted(financial_account)} AND {party.role} = {quoted(party.owner)}"
        )
        owners = {row[party.account] for row in rows if row[party.account]}
        return owners.pop() if len(owners) == 1 else None

    def _expect_trades(self, record_id: str, document: Mapping[str, Any]) -> None:
        rows = self._client.rows(f"SELECT {TRADE_KEY} FROM {TRADE} WHERE Plan__c = {quoted(record_id)}")  # noqa: S608
        found = {row[TRADE_KEY] for row in rows}
        expected = mapping.trade_keys(document)
        if found != expected:
            strays = ", ".join(sorted(found ^ expected)[:5])
            raise SalesforceRefusal(
                "TRADES_DIFFER",
                f"plan {document['plan_id']}: expected its {len(expected)} trades, found {len(found)}; "
                f"missing or added in Salesforce: {strays}",
            )

    def _accompany(
        self, record_id: str, document: Mapping[str, Any], shown: Presentation, household: str | None
    ) -> None:
        short = document["plan_id"][: mapping.SHORT]
        ensure_file(
            self._client,
            record_id,
            title=f"Plan summary {short}",
            name=f"plan-{short}.pdf",
            content=plan_pdf(document, shown),
        )
        ensure_task(self._client, record_id, subject=_TASK_SUBJECT, text=shown.summary)
        if household is not None:
            subject = f"Rebalance plan {short} proposed for {shown.account_name}"
            ensure_activity(self._client, household, subject=subject, text=shown.summary, day=document["as_of"])

    def _find(self, plan_id: str) -> str | None:
        rows = self._client.rows(f"SELECT Id FROM {PLAN} WHERE {PLAN_KEY} = {quoted(plan_id)}")  # noqa: S608
        return rows[0]["Id"] if rows else None

    def _record_id(self, plan_id: str) -> str:
        record_id = self._find(plan_id)
        if record_id is None:
            raise SalesforceRefusal("NOT_FOUND", f"plan {plan_id} was never pushed, or is hidden from this user")
        return record_id
