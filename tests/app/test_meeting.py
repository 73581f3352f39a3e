"""A client meeting: what its choices come to by hand, what is saved of it, and that it knows of one household alone.

T1 (tests/app/test_hand_firm.py): 100,000, a fourth in each of four names as its model wants. Its one loss lot, 100 AAA
bought at 140, saves 0.128 a dollar sold. Selling a share s of the account and buying a third of it in each other name
costs aversion x 0.04 x (4/3) s^2 of risk, so the best s is 0.128 / (2 x aversion x 0.04 x 4/3): 0.012 at its own 100.
"""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.steps import inputs, meeting, plan
from app.steps.meeting import Finish, Kind, Wishes, settings_at, years_until_close
from app.tables.meeting import lean_words, lot_words, signed_tax, tax_words, wish_words, years_words
from engine.domain.errors import DataError, NotAllowed
from engine.domain.lifecycle import PlanState
from engine.domain.plans import LotSale, Term
from engine.domain.settings import PlanSettings

NOTHING = Wishes()


def user(services, user_id):
    return services.users.user(user_id)


def test_to_keep_is_no_trade_no_tax_and_the_account_as_it_stands(services):
    keep = meeting.meet(services, "T1", NOTHING).keep

    assert (keep.tax, keep.trades, keep.tracking_error, keep.found) == (0, 0, 0.0, None)
    assert keep.years == 0  # at its model already


def test_balanced_is_the_plan_of_the_accounts_own_settings_to_the_hash(services):
    balanced = meeting.meet(services, "T1", NOTHING).balanced
    own = plan.what_if(services, "T1", inputs.default_settings(services, "T1"))

    assert balanced.found.plan_id == own.plan_id
    assert balanced.tax == Decimal("-153.60")  # 12 AAA x 40 of loss x 32 %
    assert balanced.tracking_error == pytest.approx(0.2 * math.sqrt(0.012**2 + 3 * 0.004**2), abs=1e-8)
    assert balanced.trades == 4


def test_matching_the_index_leaves_a_loss_that_moves_the_account_away_from_it(services):
    # At 30 x 100 the best s is 0.0004, 0.4 of a share; one whole share costs 0.00016 of risk and saves 0.000128.
    match = meeting.meet(services, "T1", NOTHING).match

    assert (match.tax, match.trades, match.tracking_error) == (0, 0, 0.0)


def test_the_least_tax_takes_the_whole_loss_and_no_gain(services):
    # At 100 / 30 the best s is 0.36; the loss lot ends at 0.10, and beyond it a dollar costs 0.2 x 0.4 of tax.
    talk = meeting.meet(services, "T1", NOTHING)
    least = meeting.choose(talk, meeting.TAX_FIRST)

    assert least.kind is Kind.BETWEEN
    assert least.tax == Decimal(-1280)  # 100 x 40 x 32 %
    # 10,000 over 25 % each of the others; whole shares keep it from being exactly a third.
    assert least.tracking_error == pytest.approx(0.2 * math.sqrt(0.1**2 + 3 * (0.1 / 3) ** 2), abs=1e-4)
    # What matching the index reaches, 0, and 0.25 points: this plan is further away and realises no gain.
    assert (talk.finish.tracking_error, talk.finish.gains) == (0.0025, 0)
    assert (talk.balanced.years, least.years) == (None, None)  # 0.277 % is beyond 0.25 % too


def test_money_asked_for_is_raised_on_top_of_what_the_account_asks_for(services):
    # T2's own settings take out 1,000: 5 + 5 shares where only the index counts, gains 5 x 40 and 5 x 48 at 20 %.
    match = meeting.meet(services, "T2", NOTHING).match
    assert match.tax == Decimal(88)
    assert sum(sale.gain for trade in match.found.plan.trades for sale in trade.lots) == 440

    more = meeting.meet(services, "T2", Wishes(withdrawal=Decimal(1000))).match
    assert more.tax == Decimal(176)
    assert more.found.plan.settings.withdrawal == 2000


def test_the_choices_and_the_scale_between_them_are_in_one_order(services):
    talk = meeting.meet(services, "T1", NOTHING)
    scale = [meeting.choose(talk, lean) for lean in range(meeting.INDEX_FIRST + 1)]

    assert scale[meeting.BALANCED_LEAN] is talk.balanced
    assert scale[meeting.INDEX_FIRST] is talk.match
    taxes, errors = [each.tax for each in scale], [each.tracking_error for each in scale]
    assert taxes == sorted(taxes)
    assert errors == sorted(errors, reverse=True)


def test_the_certified_line_runs_from_less_tax_to_the_index_through_the_balanced_plan(services):
    talk = meeting.meet(services, "T1", NOTHING)
    points = meeting.between(talk)

    assert points[0].risk_aversion == pytest.approx(100 / 30)
    assert points[-1].risk_aversion == pytest.approx(3000)
    middle = points[len(points) // 2]
    assert float(middle.tax_usd) == pytest.approx(
        -153.6, abs=0.01
    )  # its 12 shares are whole, so fractions change nothing


@pytest.mark.parametrize(
    ("lean", "factor"),
    [(0, 1 / 30), (5, 1 / math.sqrt(30)), (10, 1.0), (15, math.sqrt(30)), (20, 30.0)],
)
def test_a_lean_multiplies_risk_aversion_by_equal_factors_from_a_thirtieth_to_thirty_times(services, lean, factor):
    own = PlanSettings(risk_aversion=40.0)
    settings = settings_at(own, inputs.account_of(services, "T1"), NOTHING, lean)

    assert settings.risk_aversion == pytest.approx(40.0 * factor)
    assert replace(settings, risk_aversion=40.0) == own


@pytest.mark.parametrize("lean", [-1, 21])
def test_a_lean_off_the_scale_is_refused(services, lean):
    with pytest.raises(DataError, match=r"expected 0 .* to 20"):
        settings_at(PlanSettings(), inputs.account_of(services, "T1"), NOTHING, lean)


@pytest.mark.parametrize(
    ("so_far", "budget", "own_cap", "room"),
    [
        ((0, 0), 10_000, None, 10_000),
        ((-2_000, 5_000), 10_000, None, 7_000),
        ((-9_000, 1_000), 10_000, None, 18_000),  # losses of the year make room
        ((4_000, 8_000), 10_000, None, 0),  # spent already; no loss is demanded for it
        ((0, 0), 10_000, 500, 500),  # the account's own limit is tighter
        ((0, 0), 0, None, 0),
    ],
)
def test_a_budget_leaves_a_plan_what_the_year_has_not_realised_yet(services, so_far, budget, own_cap, room):
    account = replace(inputs.account_of(services, "T1"), ytd_st_gain=Decimal(so_far[0]), ytd_lt_gain=Decimal(so_far[1]))
    own = PlanSettings(max_net_gain=None if own_cap is None else Decimal(own_cap))
    settings = settings_at(own, account, Wishes(gains=Decimal(budget)), meeting.BALANCED_LEAN)

    assert (settings.gains_budget, settings.max_net_gain) == (budget, room)


def test_a_budget_slows_the_choices_down_and_never_moves_the_finish(services):
    free = meeting.meet(services, "T2", NOTHING)
    bound = meeting.meet(services, "T2", Wishes(gains=Decimal(0)))

    assert bound.finish == free.finish
    # 1,000 must be raised and every lot has a gain: no plan obeys both.
    assert meeting.impossible(free, free.balanced) is None
    assert meeting.impossible(bound, bound.balanced) is not None


@pytest.mark.parametrize(
    ("tracking_error", "gains", "years"),
    [
        (0.010, 0, 1),  # at the finish, whatever was realised
        (0.005, 999, 1),
        (0.0101, 0, None),
        (0.02, 50_000, 2),
        (0.02, 49_999, 3),
        (0.02, 40_000, 3),
        (0.02, 100_000, 2),  # the same gains, other lots: one year was not enough
        (0.02, 200_000, 2),
        (0.02, 3_400, 30),
        (0.02, 3_333, None),  # 31 years
    ],
)
def test_years_are_the_gains_to_realise_over_those_of_a_year_rounded_up(tracking_error, gains, years):
    finish = Finish(tracking_error=0.010, gains=Decimal(100_000))

    assert years_until_close(tracking_error=tracking_error, gains=Decimal(gains), finish=finish) == years


def test_what_is_left_out_is_sold_and_stays_left_out_beside_the_accounts_own(services):
    talk = meeting.meet(services, "T1", Wishes(exclude=("BBB", "sector:Technology")))
    sold = {trade.security_id: trade.quantity for trade in talk.match.found.plan.trades if trade.lots}

    assert (sold["BBB"], sold["CCC"]) == (250, 500)
    account, own = inputs.account_of(services, "T1"), PlanSettings(exclude=("AAA", "BBB"))
    both = settings_at(own, account, Wishes(exclude=("BBB", "CCC")), meeting.BALANCED_LEAN)
    assert both.exclude == ("AAA", "BBB", "CCC")


def test_a_meeting_speaks_of_the_taxable_accounts_of_its_household_alone(services):
    assert list(meeting.accounts(services, "H1")) == ["T1"]  # I1 is an IRA
    assert list(meeting.accounts(services, "H2")) == ["T2"]
    assert list(meeting.account_labels(services, "H1").values()) == ["Taxable account 1001, One"]
    assert meeting.obstacles(services, "H1") == {}


def test_a_household_that_does_not_exist_is_refused_without_naming_another(services):
    with pytest.raises(DataError) as refusal:
        meeting.household(services, "H3")

    assert str(refusal.value) == "household H3: no such household"


def test_a_saved_choice_is_a_proposal_with_its_note_and_no_order(services):
    talk = meeting.meet(services, "T1", NOTHING)
    plan_id = meeting.save_as_proposal(
        services, talk.balanced, actor=user(services, "ada"), note="agreed on harvesting"
    )

    stored = services.plans.get(plan_id)
    assert (stored.state, stored.note, stored.makers) == (PlanState.PROPOSED, "agreed on harvesting", {"ada"})
    assert services.orders.orders(plan_id) == ()
    assert meeting.saved_as(services, talk.balanced) is PlanState.PROPOSED
    assert meeting.saved_as(services, meeting.choose(talk, 0)) is None


@pytest.mark.parametrize("who", ["alan", "cora"])
def test_who_may_not_propose_saves_nothing(services, who):
    balanced = meeting.meet(services, "T1", NOTHING).balanced

    with pytest.raises(NotAllowed):
        meeting.save_as_proposal(services, balanced, actor=user(services, who))
    assert plan.plans_of(services, "T1") == ()


def test_a_choice_without_a_trade_cannot_be_saved(services):
    talk = meeting.meet(services, "T1", NOTHING)

    for choice in (talk.keep, talk.match):
        with pytest.raises(DataError, match="no trade"):
            meeting.save_as_proposal(services, choice, actor=user(services, "ada"))
    assert plan.plans_of(services, "T1") == ()


@pytest.mark.parametrize(
    ("tax", "words", "cell"),
    [
        ("14042.4", ("Tax due this year", "$14,042"), "$14,042 due"),
        ("-153.6", ("Tax saved this year", "$154"), "$154 saved"),
        ("0", ("Tax this year", "$0"), "none"),
        ("-0.49", ("Tax this year", "$0"), "none"),
        ("0.5", ("Tax due this year", "$0"), "none"),
    ],
)
def test_tax_is_told_as_due_or_saved_and_never_as_a_negative_amount(tax, words, cell):
    assert tax_words(Decimal(tax)) == words
    assert signed_tax(Decimal(tax)) == cell


def test_years_and_places_are_told_in_words(services):
    keep = meeting.meet(services, "T1", NOTHING).keep

    def said(years, kind=Kind.BALANCED):
        return years_words(replace(keep, kind=kind, years=years))

    assert [said(years) for years in (1, 2, 30, None)] == ["This year", "About 2 years", "About 30 years",
                                                            "Not at this pace"]  # fmt: skip
    assert said(None, Kind.KEEP) == "Never without trades"
    assert said(0, Kind.KEEP) == "Close already"
    assert [lean_words(lean) for lean in (0, 7, 10, 12, 20)] == [
        "Least tax", "3 of 10 toward less tax", "Balanced", "2 of 10 toward the index", "Closest to the index",
    ]  # fmt: skip


def test_wishes_are_told_by_name(services):
    market = meeting.meet(services, "T1", NOTHING).market
    asked = Wishes(deposit=Decimal(5000), exclude=("BBB", "sector:Energy"), gains=Decimal(0))

    assert wish_words(NOTHING, market) == ()
    assert wish_words(asked, market) == (
        "add $5,000", "leave out Beta Foods, Energy", "realise at most $0 of net gains this year",
    )  # fmt: skip


GIFT = "received as a gift on 1 September 2026, counted at"
THAT_DAY = "what they were worth on that day"
BETWEEN = f"between what they cost the giver and {THAT_DAY}"
LONG, SHORT = "held for more than a year", "held for a year or less"


@pytest.mark.parametrize(
    ("cost", "gift_price", "term", "gain", "words"),
    [
        (60, None, Term.LONG, 400, f"bought on 10 January 2025 at $60.00 each, {LONG}: a gain of $400.00"),
        (60, 90, Term.LONG, 400, f"{GIFT} what they cost the giver, $60.00 each, {LONG}: a gain of $400.00"),
        (150, 120, Term.SHORT, -200, f"{GIFT} {THAT_DAY}, $120.00 each, {SHORT}: a loss of $200.00"),
        (150, 80, Term.LONG, 0, f"{GIFT} today's price, $100.00 each, {BETWEEN}, {LONG}: no gain and no loss"),
    ],
)
def test_a_client_is_told_of_a_gift_and_the_basis_that_counts(services, cost, gift_price, term, gain, words):
    # 10 AAA at 100 today.
    talk = meeting.meet(services, "T1", NOTHING)
    gift = {} if gift_price is None else {"gift_price": Decimal(gift_price), "gift_date": date(2026, 9, 1)}
    (lot,) = [each for each in talk.snapshot.lots if each.lot_id == "t1-a-gain"]
    book = replace(talk.snapshot.book, lots=(replace(lot, cost_per_share=Decimal(cost), **gift),))
    talk = replace(talk, inputs=replace(talk.inputs, snapshot=replace(talk.snapshot, book=book)))

    told = lot_words(LotSale(lot_id="t1-a-gain", quantity=Decimal(10), term=term, gain=Decimal(gain)), talk)

    assert told == f"10 shares {words}."
