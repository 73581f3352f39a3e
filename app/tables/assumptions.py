"""What do a meeting's figures rest on, and what must a document say whose figures never happened?

The disclosures have hypothetical performance in mind (SEC Marketing Rule, 17 CFR 275.206(4)-1(d)(6)): whom the figures
are for, how they were computed and on what assumptions, and their risks and limits.
"""

from app.steps.meeting import CLOSE_ENOUGH, LONGEST_YEARS, Meeting
from app.tables.parts import day, rate, usd


def assumptions(meeting: Meeting) -> tuple[str, ...]:
    """Return what every figure of a meeting rests on, one sentence or two each."""
    account, household = meeting.account, meeting.snapshot.household
    unseen = household.not_visible or ()
    elsewhere = f" Not visible to us: {', '.join(unseen)}." if unseen else ""
    said = f"""
        Prices are closing prices of {day(meeting.market.priced_on)}. Orders are filled at other prices.

        {_taxed(meeting)}

        So far this year the account has realised net {usd(account.ytd_st_gain)} short-term and
        {usd(account.ytd_lt_gain)} long-term; {usd(account.st_carryforward + account.lt_carryforward)} of losses are
        carried forward. Tax shown is that of the trades shown.

        How closely the account follows the index is predicted by a risk model from past returns, as one standard
        deviation of a year's difference. One year in three is expected outside the range, one in twenty outside twice
        the range; it may be more.

        The index is the account's target, {account.model_id}. Close to it means a predicted range of at most
        {meeting.finish.tracking_error:.2%}: {100 * CLOSE_ENOUGH:.2f} percentage points above what matching it reaches
        today.

        Years are an estimate: getting there at once would realise {usd(meeting.finish.gains)} of gains today; they are
        divided by the gains that a choice realises this year, as if each year were like it and prices stood still.
        Beyond {LONGEST_YEARS} years we say: not at this pace.

        A loss counts only if nobody in the household buys the same or a substantially identical security from 30 days
        before the sale to 30 days after it, in any account.{elsewhere}

        Harvesting a loss defers tax more than it removes it: what is bought instead has a lower cost, and may be taxed
        more when it is sold.

        Nothing here is a promise, and nothing is traded today: a proposal is checked and approved by another person.
        """
    return tuple(" ".join(sentences.split()) for sentences in said.strip().split("\n\n"))


def in_one_line(meeting: Meeting) -> str:
    """Return the most important assumptions in one line, to stand on screen all the time."""
    account = meeting.account
    taxed = (
        f"tax at {rate(account.st_rate)} short-term, {rate(account.lt_rate)} long-term"
        if account.registration.is_taxable
        else "no tax in this account"
    )
    return (
        f"Hypothetical, no promise · prices of {day(meeting.market.priced_on)} · {taxed} · closeness predicted from "
        "past returns · what is sold at a loss is not bought back for 30 days"
    )


def disclosures(*, firm: str, household: str, generated: bool) -> tuple[tuple[str, str], ...]:
    """Return what a document with hypothetical figures must say: pairs of a heading and its text."""
    made_up = """
        Generated data: This document was prepared from generated data for a demonstration. No person, account or
        security in it is real.
        """
    said = f"""
        Hypothetical figures: The tax amounts, ranges, costs and years in this document are hypothetical. They
        were computed by a model for trades that have not been made. They are not the results of this or any
        other account, and no account has had or is certain to have results like them. No return is projected.

        How they were computed: For each choice an optimiser selects, tax lot by tax lot, the trades that best
        weigh tax, the cost of trading and the predicted difference from the index, under the rules of the
        account. The prices, tax rates, definitions and estimates used are listed under What is assumed. Other
        assumptions give other figures.

        Risks and limits: Prices change before orders are filled, and partial fills change the tax. Risk
        models are estimated from the past and are wrong in ways that cannot be known beforehand; in times of
        stress the account can differ from the index by far more than the range shown. Tax law and the
        household's circumstances change. Purchases elsewhere, also those that we do not see, can disallow a
        loss. Holding fewer securities than the index, or others, can lead to lower returns than the index's.
        Investments can lose value.

        Fees: The figures include an estimate of the cost of trading and no advisory, custody or other fee.
        Fees lower what an account earns.

        Not tax or legal advice: Tax figures are estimates to talk about, made with the rates kept for this
        account. Please ask your own tax adviser before you rely on them.

        Whom this is for: Prepared by {firm} for {household} and their advisor, to support one conversation.
        It is not an offer, nor an order to trade, and not for anybody else.
        """
    parts = (made_up if generated else "").strip().split("\n\n") + said.strip().split("\n\n")
    pairs = (" ".join(part.split()).partition(": ") for part in parts if part)
    return tuple((heading, text) for heading, _, text in pairs)


def _taxed(meeting: Meeting) -> str:
    account = meeting.account
    if not account.registration.is_taxable:
        return "This account pays no tax on its trades."
    rates = (
        f"Gains are taxed at {rate(account.st_rate)} where held for a year or less and at {rate(account.lt_rate)} "
        "where held longer; these rates are the account's, all taxes together."
    )
    if meeting.own.net_taxes:
        return f"{rates} They net with the year's gains and losses so far and with losses carried forward."
    return (
        f"{rates} Each counts at these rates: a loss saves tax only as far as there are gains to set it against, or up "
        "to $3,000 of other income a year; the rest is carried forward."
    )
