"""How is each column of a table shown? One entry a column name of app.tables: label, format, help."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from streamlit import column_config as c


def _money(label: str, help: str | None = None) -> Any:  # noqa: A002  Streamlit's own word
    return c.NumberColumn(label, format="$%,.0f", help=help)


def _percent(label: str, help: str | None = None, decimals: int = 2) -> Any:  # noqa: A002
    return c.NumberColumn(label, format=f"%.{decimals}f%%", help=help)


def _trend(label: str) -> Any:
    return c.LineChartColumn(label, width=110, help="One point a day that was scanned, the newest on the right")


COLUMNS: Final[Mapping[str, Any]] = {
    "account": c.TextColumn("Account", pinned=True, width=80),
    "household": c.TextColumn("Household"),
    "advisor": c.TextColumn("Advisor"),
    "registration": c.TextColumn("Registration"),
    "custodian": c.TextColumn("Custodian"),
    "at_stake": _money(
        "At stake",
        "What a plan could win at most, USD: the tax that harvesting saves today, and the price that the account's "
        "settings put on its tracking error for a year while it is out of a band (tax at stake + risk at stake)",
    ),
    "risk_at_stake": _money(
        "Risk at stake", "Risk aversion x tracking error² x value: what the settings would pay to be rid of the risk"
    ),
    "tax_at_stake": _money("Tax at stake", "Weight of tax x the tax that harvesting saves today"),
    "at_stake_trend": _trend("At stake, trend"),
    "te_trend": _trend("Tracking error, trend"),
    "nav_trend": _trend("Value, trend"),
    "saved_trend": _trend("Tax saved, trend"),
    "plan_state": c.TextColumn("Plan", help="Where the newest plan of the account stands"),
    "model": c.TextColumn("Model"),
    "gains_left": _money("Gains budget left", "Below zero: the year's gains budget is spent"),
    "reasons": c.ListColumn("Why", width=250),
    "nav": _money("Value"),
    "te_pct": _percent("Tracking error", "Predicted, a year, against the account's target"),
    "max_active_pct": _percent("Largest drift"),
    "cash_pct": _percent("Cash"),
    "tax_saved": _money("Tax saved", "By harvesting every loss that no wash sale disallows today"),
    "st_loss": _money("ST loss", "Harvestable short-term loss"),
    "lt_loss": _money("LT loss", "Harvestable long-term loss"),
    "locks": c.NumberColumn("Locks", help="Wash-sale locks of the household on names of this account"),
    "data_age_days": c.NumberColumn("Data age", format="%d d"),
    "fenced": c.CheckboxColumn("Fenced", help="Data problems keep it from being planned"),
    "ticker": c.TextColumn("Ticker", pinned=True, width=80),
    "name": c.TextColumn("Name"),
    "sector": c.TextColumn("Sector"),
    "weight_pct": _percent("Weight"),
    "target_pct": _percent("Target"),
    "active_pct": c.NumberColumn("Drift", format="%+.2f%%", help="Weight less target"),
    "state": c.TextColumn("State"),
    "factor": c.TextColumn("Factor"),
    "exposure": c.NumberColumn("Active exposure", format="%+.3f"),
    "lot": c.TextColumn("Lot"),
    "acquired": c.DateColumn("Acquired"),
    "term": c.TextColumn("Term", width=60),
    "days_short": c.NumberColumn("Until long-term", format="%d d", help="Days until a sale of the lot is long-term"),
    "shares": c.NumberColumn("Shares", format="localized"),
    "basis": c.NumberColumn("Cost basis", format="dollar", help="After wash-sale adjustments"),
    "value": c.NumberColumn("Value", format="dollar"),
    "gain": c.NumberColumn("Gain", format="dollar", width=105, help="Below zero: a loss"),
    "gain_pct": c.NumberColumn("Gain %", format="%+.1f%%"),
    "wash_adjustment": c.NumberColumn("Wash adjustment", format="dollar"),
    "loss": c.NumberColumn("Loss", format="dollar", width=85),
    "disallowed": c.NumberColumn("Disallowed", format="dollar", width=90, help="What a wash sale takes of the loss"),
    "goes_to": c.TextColumn("What becomes of it", width="large"),
    "sold_on": c.DateColumn("Sold"),
    "bought_on": c.DateColumn("Bought"),
    "proceeds": c.NumberColumn("Proceeds", format="dollar"),
    "allowed": c.NumberColumn("Allowed", format="dollar"),
    "basis_increase": c.NumberColumn("Added to basis", format="dollar"),
    "held_since": c.DateColumn("Held since", help="Start of the holding period with that of the shares sold added"),
    "binds": c.TextColumn("For", help="The accounts that it binds"),
    "days_left": c.NumberColumn("Days", format="%d", help="Until it is free"),
    "because": c.TextColumn("Because", width="large"),
    "pair_te_pct": _percent("Tracking error", "Predicted, a year, of one held for the other"),
    "correlation": c.NumberColumn("Correlation", format="%.3f"),
    "factor_te_pct": _percent("Of it factors", "Tracking error that factors alone make"),
    "same_sector": c.TextColumn("Same sector", width=85),
    "named_rank": c.NumberColumn("On the firm's list", help="Its place in the firm's own list of substitutes"),
    "blocked": c.TextColumn("Cannot be harvested because", width="large"),
    "until": c.DateColumn("Until"),
    "rule": c.TextColumn("Rule"),
    "free_from": c.DateColumn("Free from", help="The first day on which the trade is free again"),
    "cause": c.TextColumn("Transaction"),
    "change_pct": c.NumberColumn("Moved", format="%+.1f%%"),
    "sigmas": c.NumberColumn("Standard deviations", format="%.1f"),
    "dollars": _money("Effect"),
    "severity": c.TextColumn("Severity"),
    "problem": c.TextColumn("Problem", width="large"),
    "security": c.TextColumn("Security"),
    "scope": c.TextColumn("Holds for"),
    "target": c.TextColumn("Target"),
    "limit_pct": _percent("Limit"),
    "reason": c.TextColumn("Reason"),
    "side": c.TextColumn("Side", width=60),
    "price": c.NumberColumn("Price", format="dollar"),
    "amount": c.NumberColumn("Amount", format="dollar", width=105),
    "terms": c.TextColumn("Term", width=60),
    "worth_bp": c.NumberColumn("Worth, bp", format="%.3f", help="How much worse the plan is without this trade"),
    "why": c.TextColumn("Why", width="large"),
    "price_bp": c.NumberColumn("Price, bp", format="%.3f", help="What a little more room would save, of value"),
    "price_usd": c.NumberColumn("Price", format="dollar", help="The same in dollars"),
    "setting": c.TextColumn("Setting", pinned=True),
    "direction": c.TextColumn("Step", width=70),
    "moved": c.TextColumn("Now → then", width=150),
    "tax_change": c.NumberColumn("Tax, $", format="%+,.0f", help="Tax then less tax now; below zero saves tax"),
    "te_change_pp": c.NumberColumn("Tracking error, pp", format="%+.3f", help="Percentage points a year"),
    "objective_change_bp": c.NumberColumn(
        "Objective, bp",
        format="%+.3f",
        help="Above zero is worse. Empty where the setting is itself a part of what is measured",
    ),
    "trades_change": c.NumberColumn("Trades", format="%+d", width=70),
    "gap_bp": c.NumberColumn("Certified gap, bp", format="%.3f", help="Of the plan after the step"),
    "detail": c.TextColumn("Detail", width="large"),
    "verdict": c.TextColumn("Verdict", width=70),
    "figure": c.TextColumn("Figure", pinned=True),
    "st_usd": c.NumberColumn("Short-term", format="dollar"),
    "lt_usd": c.NumberColumn("Long-term", format="dollar"),
    "both_usd": c.NumberColumn("Together", format="dollar"),
    "plan": c.TextColumn("Plan", pinned=True),
    "stage": c.TextColumn("Stage"),
    "created": c.DatetimeColumn("Made", format="YYYY-MM-DD HH:mm"),
    "made_by": c.TextColumn("By"),
    "note": c.TextColumn("Note"),
    "at": c.DatetimeColumn("At", format="YYYY-MM-DD HH:mm:ss"),
    "actor": c.TextColumn("Who"),
    "action": c.TextColumn("Did"),
    "comment": c.TextColumn("Comment", width="large"),
    "signed_shares": c.NumberColumn("Shares", format="localized", help="Below zero sells; 0 drops the trade"),
    "part": c.TextColumn("What it does for the plan", width=210),
    "bp": c.NumberColumn("bp of value", format="%+.3f", help="Above zero makes the plan better"),
    "usd": c.NumberColumn("Dollars", format="dollar", help="The same in dollars, above zero is better"),
    "sold": c.NumberColumn("Sold", format="localized", help="Shares of it that the plan sells"),
    "tax_per_100": c.NumberColumn(
        "Tax per $100", format="dollar", help="Of tax for each $100 sold, at marginal rates; below zero saves tax"
    ),
    "kept_because": c.TextColumn("Why it stays", width="large"),
    "tax_avoided": _money("Tax avoided", "What the gain would cost if these shares were sold"),
    "only_in": c.TextColumn("Only in"),
    "spread": _money("Difference"),
    "before": c.Column("Before"),
    "after": c.Column("After"),
    "allocations": c.NumberColumn("Accounts"),
    "cl_ord_id": c.TextColumn("ClOrdID"),
    "filled": c.NumberColumn("Filled", format="localized"),
    "reference_price": c.NumberColumn("Reference price", format="dollar"),
    "kind": c.TextColumn("Break"),
    "sentence": c.TextColumn("What", width="large"),
    "status": c.TextColumn("Status"),
    "text": c.TextColumn("Text"),
    "topic": c.TextColumn("For"),
    "attempts": c.NumberColumn("Attempts"),
    "due": c.DatetimeColumn("Next try", format="YYYY-MM-DD HH:mm:ss"),
    "error": c.TextColumn("Last error", width="large"),
    "seq": c.NumberColumn("#", width=60),
    "what": c.TextColumn("What"),
    "subject": c.TextColumn("Subject"),
    "hash": c.TextColumn("Hash"),
    "job": c.TextColumn("Job", pinned=True),
    "took_s": c.NumberColumn("Took, s", format="%.1f"),
    "faults": c.NumberColumn("Faults", help="Of the data that it met"),
    "source": c.TextColumn("Source"),
    "place": c.TextColumn("Where", width="medium"),
    "found": c.TextColumn("Found"),
    "expected": c.TextColumn("Expected", width="medium"),
    "effect": c.TextColumn("What was done"),
    "system": c.TextColumn("System", pinned=True),
    "last_success": c.DatetimeColumn("Last success", format="YYYY-MM-DD HH:mm:ss"),
    "waiting": c.NumberColumn("Waiting", help="Messages that it has yet to take"),
}


def text_columns(names: Iterable[str]) -> dict[str, Any]:
    """Return columns named after plans that hold figures as text, right-aligned as numbers are."""
    return {name: c.TextColumn(name, alignment="right") for name in names}


def money_columns(names: Iterable[str]) -> dict[str, Any]:
    """Return columns named after plans that hold signed dollars."""
    return {name: c.NumberColumn(name, format="dollar", help="Bought; below zero sold") for name in names}
