"""Which Salesforce fields say what the plan says, and what does the reviewer's answer mean here?

Pure: plan documents (engine/plan/document.py) to records, rows of queries to decisions. Field names and lengths are
those of the package in metadata/.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from engine.domain.identifiers import PlanId, SecurityId
from engine.domain.plans import Check, Side

PLAN: Final = "Rebalance_Plan__c"
PLAN_KEY: Final = "Plan_Id__c"
TRADE: Final = "Rebalance_Trade__c"
TRADE_KEY: Final = "Trade_Id__c"
CHUNK: Final = 200  # rows that Salesforce takes in one collection
MAX_TRADES: Final = 1_000  # 5 collections fit into one composite request, which is one transaction
SHORT: Final = 8  # digits of a plan's hash by which people speak of it
_HASH_PREFIX: Final = 16  # hex digits: 64 bits of the plan's hash
_NAME_LENGTH: Final = 80
_TEXT_LENGTH: Final = 255
_SUMMARY_LENGTH: Final = 32_768
_NOTE_LENGTH: Final = 4_096
_LOTS_LENGTH: Final = 131_072
_PRICE_DECIMALS: Final = 6

Record = Mapping[str, Any]


class ReviewVerdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A reviewer's final word on one plan.

    decision_id: the approval step's record id, one a decision. actor: Salesforce username. edits: (security, side,
    shares wanted); 0 shares means no trade. An approval with edits is a request for changes: approval belongs to the
    frozen document, and an edit makes another one.
    """

    plan_id: PlanId
    decision_id: str
    verdict: ReviewVerdict
    actor: str
    comment: str
    decided_at: datetime
    edits: tuple[tuple[SecurityId, Side, Decimal], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """What a plan's reviewers are shown besides its document.

    makers: names; tickers: by security_id; checks: the planner's, in words.
    """

    household_name: str
    account_name: str
    summary: str
    makers: tuple[str, ...]
    tickers: Mapping[str, str]
    checks: tuple[Check, ...]


PLAN_FIELDS: Final = (
    "Plan_Id__c", "Account_Id__c", "Account_Name__c", "Household_Name__c", "Household__c", "As_Of__c", "Status__c",
    "Status_Text__c", "Review_Outcome__c", "Summary__c", "Solution__c", "Trade_Count__c", "Buys__c", "Sells__c",
    "Net_Asset_Value__c", "Cash_Before__c", "Cash_After__c", "Tracking_Error_Before__c", "Tracking_Error_After__c",
    "ST_Gain__c", "LT_Gain__c", "Tax_Liability__c", "Harvested_Loss__c", "Disallowed_Loss__c", "Objective_Bp__c",
    "Gap_Bp__c", "Makers__c", "Superseded_By__c", "Checks_Failed__c", "Checks_Warned__c", "Checks__c", "Inputs_Hash__c",
    "Engine_Version__c",
)  # fmt: skip
TRADE_FIELDS: Final = (
    "Trade_Id__c", "Plan__c", "Security_Id__c", "Side__c", "Quantity__c", "Price__c", "Amount__c", "ST_Gain__c",
    "LT_Gain__c", "Lots__c", "Reason__c", "Worth_Bp__c", "Requested_Quantity__c", "Review_Comment__c",
)  # fmt: skip


def plan_record(document: Mapping[str, Any], shown: Presentation, links: Mapping[str, str]) -> Record:
    """Return the Rebalance_Plan__c record of a plan document, without its external id (that stands in the address).

    links: lookup field -> record id, empty where the org has no such records.
    """
    before, after, tax = document["before"], document["after"], document["tax"]
    verdicts = [check["verdict"] for check in document["checks"]]
    return {
        "Name": _fit(f"{shown.account_name} {document['as_of']} {document['plan_id'][:SHORT]}", _NAME_LENGTH),
        "Account_Id__c": document["account_id"],
        "Account_Name__c": _fit(shown.account_name, _TEXT_LENGTH),
        "Household_Name__c": _fit(shown.household_name, _TEXT_LENGTH),
        "As_Of__c": document["as_of"],
        "Status__c": "proposed",
        "Summary__c": _fit(shown.summary, _SUMMARY_LENGTH),
        "Makers__c": _fit(", ".join(shown.makers), _TEXT_LENGTH),
        "Solution__c": document["status"],
        "Trade_Count__c": len(document["trades"]),
        "Buys__c": _total(trade["amount"] for trade in document["trades"] if trade["side"] == Side.BUY),
        "Sells__c": _total(trade["amount"] for trade in document["trades"] if trade["side"] == Side.SELL),
        "Net_Asset_Value__c": before["nav"],
        "Cash_Before__c": before["cash"],
        "Cash_After__c": after["cash"],
        "Tracking_Error_Before__c": _percent(before["tracking_error"]),
        "Tracking_Error_After__c": _percent(after["tracking_error"]),
        "ST_Gain__c": tax["st_gain"],
        "LT_Gain__c": tax["lt_gain"],
        "Tax_Liability__c": tax["liability"],
        "Harvested_Loss__c": tax["harvested_loss"],
        "Disallowed_Loss__c": tax["disallowed"],
        "Objective_Bp__c": document["objective_bp"]["total"],
        "Gap_Bp__c": document["objective_bp"]["gap"],
        "Checks_Failed__c": verdicts.count("fail"),
        "Checks_Warned__c": verdicts.count("warn"),
        "Checks__c": _fit("\n".join(map(check_line, shown.checks)), _SUMMARY_LENGTH),
        "Inputs_Hash__c": document["inputs_hash"],
        "Engine_Version__c": document["engine_version"],
        **links,
    }


def check_line(check: Check) -> str:
    """Return a check with its verdict first, as a reviewer reads it."""
    return f"{check.verdict.value.upper()} {check.rule}: {check.detail}"


def trade_records(document: Mapping[str, Any], tickers: Mapping[str, str]) -> tuple[Record, ...]:
    """Return the Rebalance_Trade__c records in the document's order, each pointing to its plan by external id."""
    return tuple(_trade_record(document["plan_id"], trade, tickers) for trade in document["trades"])


def trade_keys(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the external ids of a plan's trades."""
    return frozenset(
        trade_key(document["plan_id"], trade["security_id"], trade["side"]) for trade in document["trades"]
    )


def trade_key(plan_id: str, security_id: str, side: str) -> str:
    """Return a trade's external id: unique over all plans, the same at every push of the same plan."""
    return f"{plan_id[:_HASH_PREFIX]}-{security_id}-{side}"


def chunks(records: Sequence[Record]) -> tuple[Sequence[Record], ...]:
    """Return the records in order, in pieces that Salesforce takes at once."""
    return tuple(records[start : start + CHUNK] for start in range(0, len(records), CHUNK))


def status_record(status: str, text: str) -> Record:
    """Return the fields that state where a plan stands. status: a PlanState's value."""
    return {"Status__c": status, "Status_Text__c": _fit(text, _NOTE_LENGTH)}


def successor_record(successor: PlanId) -> Record:
    """Return the field that names the plan which took another one's place; that plan must be in the org."""
    return {"Superseded_By__r": {PLAN_KEY: successor}}


def read_decision(*, plan: Record, step: Record, trades: Iterable[Record]) -> Decision:
    """Return what a reviewer decided.

    plan: Plan_Id__c and Review_Outcome__c. step: the deciding ProcessInstanceStep with Id, StepStatus, Comments,
    Actor.Username, CreatedDate. trades: the plan's trades with Requested_Quantity__c and Review_Comment__c.
    """
    rows = tuple(trades)
    edits = tuple(
        (SecurityId(row["Security_Id__c"]), Side(row["Side__c"]), Decimal(str(row["Requested_Quantity__c"])))
        for row in rows
        if row["Requested_Quantity__c"] is not None and row["Requested_Quantity__c"] != row["Quantity__c"]
    )
    remarks = [
        f"{row['Security_Id__c']} {row['Side__c']}: {row['Review_Comment__c']}"
        for row in rows
        if row["Review_Comment__c"]
    ]
    return Decision(
        plan_id=PlanId(plan["Plan_Id__c"]),
        decision_id=step["Id"],
        verdict=_verdict(step["StepStatus"], plan["Review_Outcome__c"], edited=bool(edits)),
        actor=step["Actor"]["Username"],
        comment="\n".join([step["Comments"] or "", *remarks]).strip(),
        decided_at=datetime.fromisoformat(step["CreatedDate"]),
        edits=edits,
    )


def _trade_record(plan_id: str, trade: Mapping[str, Any], tickers: Mapping[str, str]) -> Record:
    name = tickers.get(trade["security_id"], trade["security_id"])
    lots = "\n".join(f"{lot['lot_id']}: {lot['quantity']} {lot['term']} {lot['gain']}" for lot in trade["lots"])
    return {
        "attributes": {"type": TRADE},
        "Trade_Id__c": trade_key(plan_id, trade["security_id"], trade["side"]),
        "Plan__r": {PLAN_KEY: plan_id},
        "Name": _fit(f"{trade['side'].capitalize()} {name}", _NAME_LENGTH),
        "Security_Id__c": trade["security_id"],
        "Side__c": trade["side"],
        "Quantity__c": trade["quantity"],
        "Price__c": round(trade["price"], _PRICE_DECIMALS),
        "Amount__c": trade["amount"],
        "ST_Gain__c": _total(lot["gain"] for lot in trade["lots"] if lot["term"] == "ST"),
        "LT_Gain__c": _total(lot["gain"] for lot in trade["lots"] if lot["term"] == "LT"),
        "Lots__c": _fit(lots, _LOTS_LENGTH),
        "Reason__c": _fit(trade["reason"]["sentence"], _NOTE_LENGTH),
        "Worth_Bp__c": trade["reason"]["worth_bp"],
    }


def _verdict(step_status: str, outcome: str | None, *, edited: bool) -> ReviewVerdict:
    if step_status == "Approved":
        return ReviewVerdict.REQUEST_CHANGES if edited else ReviewVerdict.APPROVE
    changes = edited or outcome == ReviewVerdict.REQUEST_CHANGES
    return ReviewVerdict.REQUEST_CHANGES if changes else ReviewVerdict.REJECT


def _fit(text: str, length: int) -> str:
    """Shorten for show only; what is compared or looked up is never shortened."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _total(amounts: Iterable[float]) -> float:
    """Exact in decimals: the document's numbers are decimals that JSON wrote as floats."""
    return float(sum((Decimal(str(amount)) for amount in amounts), Decimal(0)))


def _percent(fraction: float) -> float:
    return float(Decimal(str(fraction)) * 100)
