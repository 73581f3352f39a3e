"""What does each plan setting mean, and in which unit is it? One entry a setting, in the words that people read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    WEIGHT = "fraction of value"
    YEARLY = "fraction a year"
    SHARE = "fraction"
    NUMBER = "number"
    BP = "bp"
    USD = "USD"
    COUNT = "count"
    SWITCH = "true or false"
    CHOICE = "choice"
    NAMES = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """label: a few words for a screen. text: one sentence; what a value does, and what happens at its edge."""

    label: str
    unit: Unit
    text: str


def _of(label: str, unit: Unit, text: str) -> Meaning:
    return Meaning(label=label, unit=unit, text=text)


MEANINGS: Final[Mapping[str, Meaning]] = {
    "risk_aversion": _of(
        "Follow the target more closely",
        Unit.NUMBER,
        "Weight of a unit of tracking-error variance against tax and cost; higher follows the target more closely.",
    ),
    "tax_weight": _of(
        "Weight of tax", Unit.NUMBER, "How much a dollar of tax counts: 1 is a dollar for a dollar, 0 ignores tax."
    ),
    "cost_bp": _of(
        "Trading cost",
        Unit.BP,
        "Expected cost of a trade, of the amount traded, where the security states none of its own.",
    ),
    "impact_bp": _of(
        "Market impact",
        Unit.BP,
        "Cost of trading one day's whole average volume (adv_usd), of the amount traded; smaller trades cost in "
        "proportion. It is weighed, not paid from cash.",
    ),
    "net_taxes": _of(
        "Net gains over the year",
        Unit.SWITCH,
        "Tax is that of the year: gains and losses net with the year to date and carryforwards; else each lot counts "
        "at the account's marginal rate.",
    ),
    "carryforward_value": _of(
        "Worth of a loss kept for later",
        Unit.SHARE,
        "What a dollar of tax saved in a later year is worth today: for losses carried forward (net_taxes), and for "
        "losses that a wash sale defers (wash_sales = allow).",
    ),
    "min_cash": _of("Least cash", Unit.WEIGHT, "Cash after the plan is at least this."),
    "max_cash": _of("Most cash", Unit.WEIGHT, "Cash after the plan is at most this."),
    "max_active_weight": _of(
        "Drift of a name",
        Unit.WEIGHT,
        "A name may be over or under its target by this much; further out already is priced, unless enforce.",
    ),
    "max_sector_active": _of(
        "Drift of a sector",
        Unit.WEIGHT,
        "A sector may be over or under its target by this much; names that must go lower the limit by their target.",
    ),
    "max_factor_active": _of(
        "Drift of a factor",
        Unit.NUMBER,
        "Exposure to each factor of the risk model may differ from the target's by this much.",
    ),
    "max_tracking_error": _of(
        "Tracking error",
        Unit.YEARLY,
        "Predicted tracking error after the plan is at most this, whatever it costs.",
    ),
    "max_turnover": _of("Turnover, one way", Unit.WEIGHT, "Half of all purchases and sales together is at most this."),
    "max_net_gain": _of(
        "Net gain of this plan",
        Unit.USD,
        "Gains less losses that the plan realises are at most this, whatever it costs; below zero asks for a net loss.",
    ),
    "gains_budget": _of(
        "Gains budget of the year",
        Unit.USD,
        "Net gains of the year, this plan's included; a plan beyond it is made, and carries a warning.",
    ),
    "min_trade_usd": _of("Smallest trade", Unit.USD, "No trade is smaller, but for selling out of a name entirely."),
    "max_trades": _of("Most trades", Unit.COUNT, "At most so many names are traded; forced exits count."),
    "max_names": _of("Most names", Unit.COUNT, "At most so many names are held after the plan."),
    "whole_shares": _of(
        "Whole shares", Unit.SWITCH, "Trades are whole shares (round lots where a security has them); else fractions."
    ),
    "wash_sales": _of(
        "Losses after a purchase",
        Unit.CHOICE,
        "block: no loss is sold within 30 days of a purchase in the household; allow: it is, and what the wash sale "
        "disallows counts as deferred, or as lost behind an IRA.",
    ),
    "harvest_min_loss_usd": _of("Harvest losses from", Unit.USD, "A lot's loss smaller than this is left alone."),
    "harvest_min_loss_pct": _of(
        "Harvest losses from, of cost", Unit.SHARE, "A lot's loss smaller than this part of its basis is left alone."
    ),
    "lot_method": _of(
        "Lots to sell",
        Unit.CHOICE,
        "Which lots of a name go first: optimal (as the plan's objective likes), min_tax, hifo, fifo or lifo.",
    ),
    "gap_tolerance_bp": _of(
        "Gap that is good enough",
        Unit.BP,
        "The search stops when its plan is proven to be within this of the best possible one.",
    ),
    "deposit": _of("Deposit", Unit.USD, "Cash that comes in, to be invested by this plan."),
    "withdrawal": _of("Withdrawal", Unit.USD, "Cash that is taken out, to be raised by this plan."),
    "exclude": _of(
        "Do not hold", Unit.NAMES, "Securities, sector:NAME or tag:NAME that are sold and not bought, for this plan."
    ),
    "tilt": _of(
        "Tilts",
        Unit.NAMES,
        "Expected active return a year by security, sector:NAME or tag:NAME; above zero is bought more readily.",
    ),
    "breach_penalty": _of(
        "Price of a broken limit",
        Unit.BP,
        "Cost of each 1 % of value by which the account stays beyond a limit that it had broken already.",
    ),
    "enforce": _of(
        "Force broken limits back",
        Unit.SWITCH,
        "Limits that the account has broken already are obeyed whatever the tax; else their breach has a price.",
    ),
    "liquidate": _of(
        "Sell everything",
        Unit.SWITCH,
        "Sell all that may be sold and buy nothing; every limit but max_trades steps aside.",
    ),
}
