"""What an approver sees: plans on their way, their history, and trades that may be edited."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import pandas as pd

from app.steps.exchange import MARKET_TIME
from app.steps.queue import Assessment, Entry, Standing
from app.steps.review import Adjusted
from app.tables.parts import named, table_of, usd
from data.plans import PlanHead, PlanMove
from engine.domain.identifiers import PlanId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Check, Plan, Side, Verdict
from engine.execute.cut_off import time_left
from engine.review.difference import Difference

# A sign beside each word, so that nobody needs the colour.
_STANDING: Final = {
    Standing.FAILS: "✗ fails",
    Standing.REMARKS: "! remarks",
    Standing.CHECKING: "… being checked",
    Standing.PASSES: "✓ passes",
    Standing.STALE: "⟳ no longer holds",
}
STANDINGS: Final = tuple(word for standing, word in _STANDING.items() if standing is not Standing.CHECKING)
_VERDICTS: Final = {Verdict.FAIL: "✗ fails", Verdict.WARN: "! remark", Verdict.PASS: "✓ passes"}
_PLANNER, _SECOND = "planner", "second checker"


def queue_table(entries: Iterable[Entry], now: datetime) -> pd.DataFrame:
    """Return one row a plan that waits for an approver, in the order given."""
    return table_of(
        [
            {
                "account": entry.account.account_id,
                "household": entry.household.name,
                "standing": _STANDING[entry.standing],
                "checks": _checks_text(entry.assessment),
                "time_left": time_left(entry.cut_off, now),
                "custodian": entry.account.custodian,
                "traded": float(entry.traded),
                "tax_usd": float(entry.plan.tax.liability),
                "te_before_pct": 100 * entry.plan.before.tracking_error,
                "te_after_pct": 100 * entry.plan.after.tracking_error,
                "year_gain": _number(None if entry.assessment is None else entry.assessment.year_gain),
                "budget": _number(entry.plan.settings.gains_budget),
                "made_by": ", ".join(sorted(entry.head.makers)),
                "edited": f"{len(entry.plan.edited)} by hand" if entry.plan.edited else "",
                "age": age_text(entry.head.created_at, now),
                "advisor": entry.household.advisor,
                "document": entry.head.plan_id[:12],
                "verdict_line": verdict_line(entry.assessment),
            }
            for entry in entries
        ],
        "account household standing checks time_left traded tax_usd te_before_pct te_after_pct year_gain budget "
        "made_by edited age custodian advisor verdict_line document",
    )


def filtered_entries(
    entries: Iterable[Entry],
    *,
    standings: Sequence[str] = (),
    custodians: Sequence[str] = (),
    advisors: Sequence[str] = (),
) -> tuple[Entry, ...]:
    """Return the entries that have one of the chosen values in each column; an empty choice leaves all."""
    return tuple(
        entry
        for entry in entries
        if (not standings or _STANDING[entry.standing] in standings)
        and (not custodians or entry.account.custodian in custodians)
        and (not advisors or entry.household.advisor in advisors)
    )


def verdict_line(assessment: Assessment | None) -> str:
    """Return what the checks come to in one line, with the first reason where it is no clean pass."""
    if assessment is None:
        return "being checked"
    if assessment.stale:
        more = f", and {len(assessment.stale) - 1} more" if len(assessment.stale) > 1 else ""
        return f"no longer holds: {assessment.stale[0]}{more}"
    for verdict, word in ((Verdict.FAIL, "fails"), (Verdict.WARN, "passes with a remark on")):
        met = [check for check in assessment.checks if check.verdict is verdict]
        if met:
            more = f", and {len(met) - 1} more" if len(met) > 1 else ""
            return f"{word} {met[0].rule}: {met[0].detail}{more}"
    return f"passes all {len(assessment.checks)} checks"


def objections(assessment: Assessment | None) -> list[str]:
    """Return everything that speaks against a plan, one sentence each: why it no longer holds, failures, remarks."""
    if assessment is None:
        return []
    said = [
        f"{check.rule}: {check.detail}"
        for verdict in (Verdict.FAIL, Verdict.WARN)
        for check in assessment.checks
        if check.verdict is verdict
    ]
    return [*assessment.stale, *said]


def check_table(assessment: Assessment) -> pd.DataFrame:
    """Return one row a check of the planner and of the second checker, with its evidence; the worst come first."""
    order = [Verdict.FAIL, Verdict.WARN, Verdict.PASS]
    told = [(check, _PLANNER) for check in assessment.planned] + [(check, _SECOND) for check in assessment.second]
    stale = [Check(rule="still holds today", verdict=Verdict.FAIL, detail=reason) for reason in assessment.stale]
    if not stale:
        stale = [Check(rule="still holds today", verdict=Verdict.PASS, detail="lots, prices, cash and household agree")]
    told = [(check, "today") for check in stale] + told
    return table_of(
        [
            {"outcome": _VERDICTS[check.verdict], "rule": check.rule, "detail": check.detail, "checked_by": by}
            for check, by in sorted(told, key=lambda one: order.index(one[0].verdict))
        ],
        "outcome rule detail checked_by",
    )


def opinion_text(assessment: Assessment) -> str:
    """Return when the second checker was last asked, and of which day's prices; empty where it could not be."""
    opinion = assessment.opinion
    if opinion is None:
        return ""
    return (
        f"Checked on {opinion.at:%d %b %Y %H:%M} UTC with prices of {opinion.on:%d %b %Y}; checked again when its "
        "inputs change, and always before it is approved or sent."
    )


def difference_table(found: Difference, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a trade that an edit added, removed or changed; a sale's shares and dollars below zero."""
    return table_of(
        [
            {
                **named(market, one.security_id),
                "change": one.change.value,
                "shares_before": float(one.shares_before),
                "shares_after": float(one.shares_after),
                "usd_before": float(one.usd_before),
                "usd_after": float(one.usd_after),
            }
            for one in found.trades
        ],
        "ticker name change shares_before shares_after usd_before usd_after",
    )


def budget_text(assessment: Assessment, plan: Plan) -> str:
    """Return the year's net gain with a plan against its budget, in one sentence."""
    gain, budget = assessment.year_gain, plan.settings.gains_budget
    if gain is None:
        return "This account pays no tax on gains."
    if budget is None:
        return f"Net gain of the year with this plan {usd(gain)}; no gains budget is set."
    left = budget - gain
    rest = f"{usd(left)} of it left" if left >= 0 else f"over it by {usd(-left)}"
    return f"Net gain of the year with this plan {usd(gain)}, budget {usd(budget)}: {rest}."


def cut_off_text(cut_off: datetime, now: datetime) -> str:
    """Return a cut-off in the market's own time with what is left to it."""
    there, today = cut_off.astimezone(MARKET_TIME), now.astimezone(MARKET_TIME).date()
    day = "" if there.date() == today else f"{there:%a %d %b} "
    return f"{day}{there:%H:%M} New York, {time_left(cut_off, now)}"


def age_text(made: datetime, now: datetime) -> str:
    """Return how long ago something was made, in its largest unit."""
    minutes = max(int((now - made).total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


def _checks_text(assessment: Assessment | None) -> str:
    if assessment is None:
        return ""
    passed = sum(check.verdict is Verdict.PASS for check in assessment.checks)
    return f"{passed} of {len(assessment.checks)}"


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def plan_table(heads: Iterable[PlanHead]) -> pd.DataFrame:
    """Return one row a stored plan, in the order given."""
    return table_of(
        [
            {
                "plan": head.plan_id[:12],
                "account": head.account_id,
                "stage": head.state.value.replace("_", " "),
                "created": head.created_at,
                "made_by": ", ".join(sorted(head.makers)),
                "note": head.note.replace("\n", " · "),
            }
            for head in heads
        ],
        "plan account stage created made_by note",
    )


def returned_table(heads: Iterable[PlanHead], words: Mapping[PlanId, str]) -> pd.DataFrame:
    """Return one row a plan that lies with its makers, with what was last said about it."""
    heads = list(heads)
    table = plan_table(heads)
    table.insert(3, "comment", [words.get(head.plan_id, "") for head in heads])
    return table


def history_table(moves: Iterable[PlanMove]) -> pd.DataFrame:
    """Return one row a step of a plan's life."""
    return table_of(
        [
            {
                "at": move.at,
                "actor": move.actor,
                "action": move.action.value.replace("_", " "),
                "stage": move.target.value.replace("_", " "),
                "comment": move.comment,
            }
            for move in moves
        ],
        "at actor action stage comment",
    )


def editable_trades(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return the trades as signed shares, for a person to change: negative sells, 0 drops the trade."""
    return pd.DataFrame(
        {
            "security": [trade.security_id for trade in plan.trades],
            "ticker": [market.securities[trade.security_id].ticker for trade in plan.trades],
            "side": [trade.side.value for trade in plan.trades],
            "signed_shares": [
                float(trade.quantity if trade.side is Side.BUY else -trade.quantity) for trade in plan.trades
            ],
            "amount": [float(trade.amount) for trade in plan.trades],
            "why": [trade.reason.sentence for trade in plan.trades],
        }
    )


def edit_table(adjusted: Adjusted, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row an edited trade with the price of that edit alone."""
    return table_of(
        [
            {
                **named(market, edit.security_id),
                "before": float(edit.before),
                "after": float(edit.after),
                "price_bp": edit.price_bp,
                "price_usd": float(edit.price_usd),
            }
            for edit in adjusted.edits
        ],
        "ticker name sector before after price_bp price_usd",
    )
