"""What a client reads: each choice in plain words, what is assumed, and what a figure that never happened must say."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import pandas as pd

from app.steps.meeting import BALANCED_LEAN, CLOSE_ENOUGH, INDEX_FIRST, LONGEST_YEARS, TAX_FIRST, Choice, Kind, Meeting, Wishes
from app.tables.parts import named, table_of, usd
from engine.domain.market import MarketSnapshot
from engine.domain.plans import LotSale, Plan, Side, Term, Trade
from engine.domain.valuation import net_asset_value
from engine.tax.matching import WASH_SALE_DAYS

_LOCKED: Final = WASH_SALE_DAYS + timedelta(days=1)
_TITLES: Final = {
    Kind.KEEP: "Keep",
    Kind.BALANCED: "Balanced",
    Kind.MATCH: "Match the index",
    Kind.BETWEEN: "Your choice",
}
_PURPOSES: Final = {
    Kind.KEEP: "Leave everything as it is; no trade.",
    Kind.BALANCED: "Weigh tax against closeness as this account does.",
    Kind.MATCH: "Follow the index as closely as the rules allow.",
    Kind.BETWEEN: "Between less tax and the index.",
}
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
    return (
        f"In two years out of three, the account's return would be within {tracking_error:.2%} of the index's, "
        "above or below."
    )


def years_words(choice: Choice) -> str:
    """Return how long until the account is close to the index."""
    if choice.years is None:
        return "Never without trades" if choice.kind is Kind.KEEP else "Not at this pace"
    if choice.years == 0:
        return "Close already"
    return "With this plan" if choice.years == 1 else f"About {choice.years} years"


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
    value = plan.before.nav + plan.settings.deposit - plan.settings.withdrawal
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
        ("Expected cost of trading", usd(value * Decimal(str(plan.objective.cost)) / 10_000)),
        (
            "Predicted tracking error, a year",
            f"{plan.before.tracking_error:.2%} today, {plan.after.tracking_error:.2%} after",
        ),
        ("Held differently from the index", f"{plan.before.active_share:.1%} today, {plan.after.active_share:.1%} after"),
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
    """Return one lot of a sale in a sentence: how many shares, bought when and at what cost, and what comes of it."""
    lot = next(lot for lot in meeting.snapshot.lots if lot.lot_id == sale.lot_id)
    held = "held for more than a year" if sale.term is Term.LONG else "held for a year or less"
    made = "a gain" if sale.gain > 0 else "a loss" if sale.gain < 0 else "no gain: it comes to"
    count = f"{sale.quantity.normalize():,f} share{'' if sale.quantity == 1 else 's'}"
    cost = lot.basis / lot.quantity
    return f"{count} bought on {day(lot.acquired)} at ${cost:,.2f} each, {held}: {made} of ${abs(sale.gain):,.2f}."


def worth_words(trade: Trade, plan: Plan) -> str:
    """Return what leaving a trade out would cost, all else arranged again, as the plan weighs tax and closeness."""
    if trade.reason.worth_bp is None:
        return ""
    value = plan.before.nav + plan.settings.deposit - plan.settings.withdrawal
    cost = value * Decimal(str(max(trade.reason.worth_bp, 0.0))) / 10_000
    return (
        f"Left out, and everything else arranged again as well as can be, the plan would be worse by ${cost:,.2f} "
        "in tax, cost and closeness to the index together, as this choice weighs them."
    )


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
    said = [
        f"Sold at a loss: {names}. Until {day(plan.as_of + WASH_SALE_DAYS)} no account of the household, retirement "
        "accounts and reinvested dividends included, may buy them or what is substantially identical; from "
        f"{day(plan.as_of + _LOCKED)} it may again. A purchase before then takes the loss away for now, or for good "
        "where it is in an IRA."
    ]
    if plan.tax.disallowed:
        said.append(f"Purchases already made disallow {usd(plan.tax.disallowed)} of the losses of this plan.")
    return tuple(said)


def assumptions(meeting: Meeting) -> tuple[str, ...]:
    """Return what every figure of a meeting rests on, one sentence or two each."""
    account, household = meeting.account, meeting.snapshot.household
    unseen = household.not_visible or ()
    elsewhere = f" Not visible to us: {', '.join(unseen)}." if unseen else ""
    taxed = (
        f"Gains are taxed at {account.st_rate:.1%} where held for a year or less and at {account.lt_rate:.1%} where "
        "held longer; these rates are the account's, all taxes together."
        if account.registration.is_taxable
        else "This account pays no tax on its trades."
    )
    netting = (
        "They net with the year's gains and losses so far and with losses carried forward."
        if meeting.own.net_taxes
        else "Each counts at these rates: a loss saves tax only as far as there are gains to set it against, or up to "
        "$3,000 of other income a year; the rest is carried forward."
    )
    steps = [
        f"Prices are closing prices of {day(meeting.market.as_of)}. Orders are filled at other prices.",
        f"{taxed} {netting}" if account.registration.is_taxable else taxed,
        f"So far this year the account has realised net {usd(account.ytd_st_gain)} short-term and "
        f"{usd(account.ytd_lt_gain)} long-term; {usd(account.st_carryforward + account.lt_carryforward)} of losses are "
        "carried forward. Tax shown is that of the trades shown.",
        "How closely the account follows the index is predicted by a risk model from past returns, as one standard "
        "deviation of a year's difference. One year in three is expected outside the range, one in twenty outside "
        "twice the range; it may be more.",
        f"The index is the account's target, {account.model_id}. Close to it means a predicted range of at most "
        f"{meeting.finish.tracking_error:.2%}: {CLOSE_ENOUGH:.2%} above what matching it reaches today.",
        f"Years are an estimate: getting there at once would realise {usd(meeting.finish.gains)} of gains today; they "
        "are divided by the gains that a choice realises this year, as if each year were like it and prices stood "
        f"still. Beyond {LONGEST_YEARS} years we say: not at this pace.",
        "A loss counts only if nobody in the household buys the same or a substantially identical security from 30 "
        f"days before the sale to 30 days after it, in any account.{elsewhere}",
        "Harvesting a loss defers tax more than it removes it: what is bought instead has a lower cost, and may be "
        "taxed more when it is sold.",
        "Nothing here is a promise, and nothing is traded today: a proposal is checked and approved by another person.",
    ]
    return tuple(steps)


def in_one_line(meeting: Meeting) -> str:
    """Return the most important assumptions in one line, to stand on screen all the time."""
    account = meeting.account
    taxed = (
        f"tax at {account.st_rate:.1%} short-term and {account.lt_rate:.1%} long-term"
        if account.registration.is_taxable
        else "no tax in this account"
    )
    return (
        f"Hypothetical figures, no promise · prices of {day(meeting.market.as_of)} · {taxed} · closeness predicted "
        "from past returns · what is sold at a loss is not bought back for 30 days · nothing is traded today"
    )


def disclosures(*, firm: str, household: str, generated: bool) -> tuple[tuple[str, str], ...]:
    """Return what a document with hypothetical figures must say: pairs of a heading and its text."""
    return (
        *(
            (("Generated data", "This document was prepared from generated data for a demonstration. No person, account "
              "or security in it is real."),)
            if generated
            else ()
        ),
        (
            "Hypothetical figures",
            "The tax amounts, ranges, costs and years in this document are hypothetical. They were computed by a model for "
            "trades that have not been made. They are not the results of this or any other account, and no account has "
            "had or is certain to have results like them. No return is projected.",
        ),
        (
            "How they were computed",
            "For each choice an optimiser selects, tax lot by tax lot, the trades that best weigh tax, the cost of trading "
            "and the predicted difference from the index, under the rules of the account. The prices, tax rates, "
            "definitions and estimates used are listed under What is assumed. Other assumptions give other figures.",
        ),
        (
            "Risks and limits",
            "Prices change before orders are filled, and partial fills change the tax. Risk models are estimated from the "
            "past and are wrong in ways that cannot be known beforehand; in times of stress the account can differ from the "
            "index by far more than the range shown. Tax law and the household's circumstances change. Purchases elsewhere, "
            "also those that we do not see, can disallow a loss. Holding fewer securities than the index, or others, can "
            "lead to lower returns than the index's. Investments can lose value.",
        ),
        (
            "Fees",
            "The figures include an estimate of the cost of trading and no advisory, custody or other fee. Fees lower what "
            "an account earns.",
        ),
        (
            "Not tax or legal advice",
            "Tax figures are estimates to talk about, made with the rates kept for this account. Please ask your own tax "
            "adviser before you rely on them.",
        ),
        (
            "Whom this is for",
            f"Prepared by {firm} for {household} and their advisor, to support one conversation. It is not an offer, nor "
            "an order to trade, and not for anybody else.",
        ),
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


def day(on: date) -> str:
    """Return a date as people write it."""
    return f"{on.day} {on:%B %Y}"
