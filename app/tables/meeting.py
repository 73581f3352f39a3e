"""What a client reads: each choice in plain words, what is assumed, and what a figure that never happened must say."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pandas as pd

from app.steps.meeting import (
    BALANCED_LEAN,
    INDEX_FIRST,
    TAX_FIRST,
    Choice,
    Kind,
    Meeting,
    Wishes,
)
from app.tables.parts import day, named, table_of, usd
from app.tables.plan import rule_text, setting_text
from engine.domain.accounts import Lot
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS
from engine.domain.plans import LotSale, Plan, Side, Term, Trade, bp_usd
from engine.domain.valuation import net_asset_value
from engine.tax.gifts import basis_at
from engine.tax.matching import WASH_SALE_DAYS

_LOCKED: Final = WASH_SALE_DAYS + timedelta(days=1)
_TITLES: Final = {
    Kind.KEEP: "Keep",
    Kind.BALANCED: "Balanced",
    Kind.MATCH: "Match the index",
    Kind.BETWEEN: "Your choice",
}
_PURPOSES: Final = {
    Kind.KEEP: "Make no trade.",
    Kind.BALANCED: "Weigh tax and closeness as agreed.",
    Kind.MATCH: "As close as the rules allow.",
    Kind.BETWEEN: "Between less tax and the index.",
}
WORTH: Final = (
    "What a trade is worth: by how much the plan would be worse without it, everything else arranged again as well as "
    "can be, in tax, cost and closeness to the index together, as this choice weighs them."
)
_SMALL_USD: Final = Decimal("0.50")  # less than this reads as $0


def title(choice: Choice) -> str:
    """Return what a choice is called."""
    return _TITLES[choice.kind]


def purpose(choice: Choice) -> str:
    """Return what a choice is for, in a sentence."""
    return _PURPOSES[choice.kind]


def lean_words(lean: int) -> str:
    """Return a place between less tax and the index in words."""
    ends = {TAX_FIRST: "Least tax", BALANCED_LEAN: "Balanced", INDEX_FIRST: "Closest to the index"}
    steps = abs(lean - BALANCED_LEAN)
    return ends.get(lean) or f"{steps} of {BALANCED_LEAN} toward {'less tax' if lean < BALANCED_LEAN else 'the index'}"


def tax_words(tax: Decimal) -> tuple[str, str]:
    """Return whether tax is due or saved this year, and the amount, never below zero."""
    if abs(tax) < _SMALL_USD:
        return "Tax this year", "$0"
    return ("Tax saved this year" if tax < 0 else "Tax due this year"), usd(abs(tax))


def signed_tax(tax: Decimal) -> str:
    """Return the same as one cell of a table."""
    words, amount = tax_words(tax)
    return "none" if amount == "$0" else f"{amount} {'saved' if 'saved' in words else 'due'}"


def closeness_words(tracking_error: float) -> str:
    """Return predicted tracking error in plain words: one standard deviation of a normal distribution, either side."""
    return f"In two years out of three, the account's return would be within {tracking_error:.2%} of the index's."


def years_words(choice: Choice) -> str:
    """Return how long until the account is close to the index."""
    if choice.years is None:
        return "Never without trades" if choice.kind is Kind.KEEP else "Not at this pace"
    if choice.years == 0:
        return "Close already"
    return "This year" if choice.years == 1 else f"About {choice.years} years"


def choice_table(choices: Sequence[Choice]) -> pd.DataFrame:
    """Return one row a figure and one column a choice, as text."""
    rows = [
        ("Tax this year", [signed_tax(choice.tax) for choice in choices]),
        ("Two years out of three within", [f"{choice.tracking_error:.2%} a year" for choice in choices]),
        ("Trades", [f"{choice.trades:,}" if choice.trades else "none" for choice in choices]),
        ("Years until close to the index", [years_words(choice) for choice in choices]),
    ]
    names = [title(choice) for choice in choices]
    return pd.DataFrame([{"figure": row, **dict(zip(names, cells, strict=True))} for row, cells in rows])


def plan_table(choice: Choice) -> pd.DataFrame:
    """Return one row a figure of a choice's plan, as text: label and value. Empty for no trade at all."""
    if choice.found is None:
        return table_of([], "figure value")
    plan = choice.found.plan
    tax = plan.tax
    bought = sum((trade.amount for trade in plan.trades if trade.side is Side.BUY), Decimal(0))
    sold = sum((trade.amount for trade in plan.trades if trade.side is Side.SELL), Decimal(0))
    rows = [
        ("Value of the account today", usd(plan.before.nav)),
        *([("Money added", usd(plan.settings.deposit))] if plan.settings.deposit else []),
        *([("Money taken out", usd(plan.settings.withdrawal))] if plan.settings.withdrawal else []),
        ("Sold", usd(sold)),
        ("Bought", usd(bought)),
        ("Trades", f"{len(plan.trades):,}"),
        ("Losses harvested", usd(tax.harvested_loss)),
        *([("of them disallowed as wash sales", usd(tax.disallowed))] if tax.disallowed else []),
        ("Net short-term gain", usd(tax.st_gain)),
        ("Net long-term gain", usd(tax.lt_gain)),
        tax_words(tax.liability),
        ("Expected cost of trading", usd(bp_usd(plan, plan.objective.cost))),
        (
            "Predicted tracking error, a year",
            f"{plan.before.tracking_error:.2%} today, {plan.after.tracking_error:.2%} after",
        ),
        (
            "Held differently from the index",
            f"{plan.before.active_share:.1%} today, {plan.after.active_share:.1%} after",
        ),
        ("Cash after", usd(plan.after.cash)),
    ]
    return pd.DataFrame([{"figure": label, "value": text} for label, text in rows])


def largest_first(plan: Plan) -> tuple[Trade, ...]:
    """Return a plan's trades, the largest first."""
    return tuple(sorted(plan.trades, key=lambda trade: (-trade.amount, trade.security_id)))


def trade_label(trade: Trade, market: MarketSnapshot) -> str:
    """Return a trade in a few words, for a list to choose from."""
    called = named(market, trade.security_id)
    return f"{trade.side.value.capitalize()} {called['name'] or called['ticker']}, {usd(trade.amount)}"


def lot_words(sale: LotSale, meeting: Meeting) -> str:
    """Return one lot of a sale in a sentence: how many shares, got when and at what cost, and what comes of it."""
    lot = next(lot for lot in meeting.snapshot.lots if lot.lot_id == sale.lot_id)
    held = "held for more than a year" if sale.term is Term.LONG else "held for a year or less"
    made = f"a {'gain' if sale.gain > 0 else 'loss'} of ${abs(sale.gain):,.2f}" if sale.gain else "no gain and no loss"
    count = f"{sale.quantity.normalize():,f} share{'' if sale.quantity == 1 else 's'}"
    return f"{count} {_origin_words(lot, meeting.market.marks[lot.security_id].price)}, {held}: {made}."


def _origin_words(lot: Lot, price: Decimal) -> str:
    """Say where a lot comes from, and the basis of each share that counts for a sale at a price."""
    basis = basis_at(lot, price)
    each = f"${basis / lot.quantity:,.2f} each"
    if lot.gift_date is None:
        return f"bought on {day(lot.acquired)} at {each}"
    if basis == lot.basis:
        counted = f"counted at what they cost the giver, {each}"
    elif basis == lot.quantity * price:  # between the two bases of a gift: neither counts
        counted = (
            f"counted at today's price, {each}, between what they cost the giver and what they were worth on that day"
        )
    else:
        counted = f"counted at what they were worth on that day, {each}"
    return f"received as a gift on {day(lot.gift_date)}, {counted}"


def worth_usd(trade: Trade, plan: Plan) -> Decimal | None:
    """Return by how much a plan would be worse without a trade, USD, see WORTH; None where no plan does without it."""
    if trade.reason.worth_bp is None:
        return None
    return bp_usd(plan, max(trade.reason.worth_bp, 0.0))


def client_trades(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a trade, the largest first, in a client's words."""
    return table_of(
        [
            {
                **named(market, trade.security_id),
                "side": trade.side.value,
                "shares": float(trade.quantity),
                "amount": float(trade.amount),
                "gain": float(sum(sale.gain for sale in trade.lots)) if trade.lots else None,
                "why": trade.reason.sentence,
            }
            for trade in largest_first(plan)
        ],
        "ticker name side shares amount gain why",
    )


def wash_words(plan: Plan, market: MarketSnapshot) -> tuple[str, ...]:
    """Return what the household may not buy, until when, and what wash sales take of this plan's losses."""
    sold = [trade for trade in largest_first(plan) if any(sale.gain < 0 for sale in trade.lots)]
    if not sold:
        return ("No loss is taken, so no purchase of the household can disallow one.",)
    names = ", ".join(named(market, trade.security_id)["ticker"] for trade in sold)
    rule = (
        f"Sold at a loss: {names}. Until {day(plan.as_of + WASH_SALE_DAYS)} no account of the household, retirement "
        "accounts and reinvested dividends included, may buy them or what is substantially identical; from "
        f"{day(plan.as_of + _LOCKED)} it may again. A purchase before then takes the loss away for now, or for good "
        "where it is in an IRA."
    )
    if not plan.tax.disallowed:
        return (rule,)
    return rule, f"Purchases already made or arranged disallow {usd(plan.tax.disallowed)} of this plan's losses."


def conflict_words(plan: Plan, market: MarketSnapshot) -> tuple[str, ...]:
    """Return the rules and wishes that cannot all be obeyed, a few words each, settings with their values."""
    return tuple(
        f"{rule_text(rule, market)}: {setting_text(rule, getattr(plan.settings, rule))}"
        if rule in MEANINGS and rule != "wash_sales"  # a lock of the household, not the setting of that name
        else rule_text(rule, market)
        for rule in plan.conflicts
    )


def value_today(meeting: Meeting) -> Decimal:
    """Return what the account is worth, USD, before any money is added or taken out."""
    return net_asset_value(meeting.snapshot, meeting.market)


def wish_words(wishes: Wishes, market: MarketSnapshot) -> tuple[str, ...]:
    """Return what a client asked for, a few words each; nothing where nothing was asked for."""
    return tuple(
        words
        for asked, words in (
            (wishes.deposit, f"add {usd(wishes.deposit)}"),
            (wishes.withdrawal, f"take out {usd(wishes.withdrawal)}"),
            (wishes.exclude, f"leave out {', '.join(_left_out(name, market) for name in wishes.exclude)}"),
            (wishes.gains is not None, f"realise at most {usd(wishes.gains or 0)} of net gains this year"),
        )
        if asked
    )


def _left_out(target: str, market: MarketSnapshot) -> str:
    kind, _, name = target.partition(":")
    if kind in ("sector", "tag") and name:
        return name
    called = named(market, target)
    return called["name"] or called["ticker"]
