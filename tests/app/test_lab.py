"""The what-if lab's values, worked out by hand: why a trade and why its lots, scenarios, plans beside each other."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from app.charts.frontier import AVERSION, FULL, KEPT, Place, frontier_figure
from app.steps.inputs import PlanInputs
from app.steps.plan import WhatIf, best_plan
from app.steps.scenarios import round_amounts, with_gift, within_budget
from app.steps.why import trade_reason
from app.tables.compare import comparison_table, differing_trades_table, settings_table
from app.tables.plan import gift_table, lot_choice_table, reason_table
from engine.domain.plans import LotSale, Reason, Side, Term, Trade
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.frontier import FrontierPoint
from tests.engine.plan.conftest import account_of, market_of

__all__ = ["account_of", "market_of"]
LONG_AGO, LATELY = date(2024, 1, 5), date(2026, 8, 3)
OPEN = PlanSettings(max_active_weight=None, max_sector_active=None)
WHY = Reason(risk_bp=2.0, tax_bp=-0.5, cost_bp=-0.25, worth_bp=1.25, rules=("max_turnover",), sentence="Because.")


@pytest.fixture
def inputs(market_of, account_of):
    """60,000 USD of A in three lots, 39,000 of B, 1,000 of cash: 100,000 in all. Rates: those of account_of."""
    market = market_of({"A": 100, "B": 50}, {"A": "0.5", "B": "0.5"})
    snapshot = account_of(
        1_000,
        ("dear", "A", 100, 150, LONG_AGO), ("young", "A", 200, 80, LATELY), ("old", "A", 300, 40, LONG_AGO),
        ("b", "B", 780, 50, LONG_AGO),
    )  # fmt: skip
    account = replace(snapshot.account, st_rate=D("0.5"), lt_rate=D("0.25"), ytd_st_gain=D(3_000), ytd_lt_gain=D(2_000))
    book = replace(snapshot.book, account=account)
    return PlanInputs(snapshot=replace(snapshot, book=book, household_books=(book,)), market=market, own=OPEN)


def sale(*lots, quantity):
    return Trade(
        security_id="A", side=Side.SELL, quantity=D(quantity), price=D(100), amount=D(100 * quantity), lots=lots,
        reason=WHY,
    )  # fmt: skip


def lot(lot_id, quantity, gain):
    return LotSale(lot_id=lot_id, quantity=D(quantity), term=Term.LONG, gain=D(gain))


def having(inputs, *trades, **settings):
    """The plan of the account with exactly these trades in it."""
    found = best_plan(inputs, inputs.own)
    plan = replace(found.plan, trades=trades, settings=replace(found.plan.settings, **settings), not_harvested=())
    return WhatIf(plan=plan, run=found.run, summary=found.summary, snapshot=found.snapshot, market=found.market)


def test_parts_of_a_reason_are_told_in_dollars_of_what_the_account_is_worth_after_the_flow(inputs):
    # 100,000 less 20,000: a basis point is 8 dollars.
    reason = trade_reason(having(inputs, sale(lot("dear", 100, -5_000), quantity=100), withdrawal=D(20_000)), "A")

    assert reason.parts == (("Risk", 2.0, D(16)), ("Tax", -0.5, D(-4)), ("Trading cost", -0.25, D(-2)))
    assert reason.worth_usd == 10
    assert reason_table(reason)["usd"].tolist() == [16, -4, -2, 10]


def test_lots_go_by_tax_per_dollar_and_the_next_says_what_it_would_have_cost(inputs):
    # Per 100 dollars sold: dear saves 25 % of 50; young costs 50 % of 20; old 25 % of 60.
    reason = trade_reason(having(inputs, sale(lot("dear", 100, -5_000), quantity=100)), "A")

    assert [(each.lot.lot_id, each.sold, each.gain, each.tax_per_100) for each in reason.lots] == [
        ("dear", 100, -5_000, D("-12.5")),
        ("young", 0, 4_000, D(10)),
        ("old", 0, 18_000, D(15)),
    ]
    assert reason.lots_sentence == (
        "Lots go by tax per dollar sold, least first. The dearest sold, dear, saves $12.50 of tax on each $100 sold; "
        "the next, young, would cost $10.00 of tax."
    )
    assert lot_choice_table(reason)["tax_per_100"].tolist() == [-12.5, 10, 15]


@pytest.mark.parametrize(
    ("cost", "gift_price", "gain", "kind", "tax_per_100"),
    [
        # 100 shares at 100; given 80 days ago by who had held them for years.
        (40, 90, 6_000, Term.LONG, "15"),  # the giver's cost, and time: 25 % of 60
        (
            150,
            120,
            -2_000,
            Term.SHORT,
            "-10",
        ),  # a loss from what they were worth that day, and from then on: 50 % of 20
        (150, 80, 0, Term.LONG, "0"),  # between the two there is neither gain nor loss
    ],
)
def test_lots_received_as_a_gift_go_by_the_basis_and_the_time_that_count(
    inputs, cost, gift_price, gain, kind, tax_per_100
):
    given = replace(
        inputs.snapshot.lots[0], lot_id="given", cost_per_share=D(cost), gift_price=D(gift_price),
        gift_date=date(2026, 9, 1),
    )  # fmt: skip
    book = replace(inputs.snapshot.book, lots=(given, *inputs.snapshot.lots[1:]))
    own = replace(inputs, snapshot=replace(inputs.snapshot, book=book, household_books=(book,)))

    reason = trade_reason(having(own, sale(lot("given", 100, gain), quantity=100)), "A")

    (found,) = [each for each in reason.lots if each.lot.lot_id == "given"]
    assert (found.gain, found.term, found.tax_per_100) == (gain, kind, D(tax_per_100))


def test_a_method_that_fixes_the_order_is_named_and_its_order_kept(inputs):
    found = having(inputs, sale(lot("young", 200, 4_000), quantity=200), lot_method=LotMethod.LIFO)

    reason = trade_reason(found, "A")

    assert [each.lot.lot_id for each in reason.lots] == ["young", "dear", "old"]
    assert reason.lots_sentence == (
        "The settings fix the order of lots: the newest goes first (LIFO). The dearest sold, young, costs $10.00 of "
        "tax on each $100 sold; the next, dear, would save $12.50 of tax."
    )


def test_where_every_lot_is_sold_there_is_no_next_one_and_netting_is_said_to_count_otherwise(inputs):
    lots = (lot("dear", 100, -5_000), lot("young", 200, 4_000), lot("old", 300, 18_000))

    sentence = trade_reason(having(inputs, sale(*lots, quantity=600), net_taxes=True), "A").lots_sentence

    assert sentence.endswith(
        "old, costs $15.00 of tax on each $100 sold; no other lot of this name could be sold. These are marginal "
        "rates; the plan itself nets the year's gains and losses."
    )


def test_a_name_that_is_not_traded_has_no_reason(inputs):
    with pytest.raises(KeyError):
        trade_reason(having(inputs), "A")


def test_scenario_amounts_are_round_shares_of_the_account(inputs):
    assert round_amounts(inputs) == (1_000, 2_000, 5_000, 10_000, 20_000)


def test_a_gains_budget_leaves_this_plan_what_the_year_has_not_used(inputs):
    # 5,000 are realised already: of a budget of 12,000 this plan may use 7,000; of none, no gain.
    account = inputs.snapshot.account

    assert within_budget(OPEN, account, D(12_000)) == {"gains_budget": 12_000, "max_net_gain": 7_000}
    assert within_budget(OPEN, account, D(0)) == {"gains_budget": 0, "max_net_gain": 0}


@pytest.mark.parametrize(("cap", "left"), [(3_000, 3_000), (9_000, 7_000), (-1_000, -1_000)])
def test_a_gains_budget_leaves_a_tighter_cap_of_the_account_as_it_is(inputs, cap, left):
    own = replace(OPEN, max_net_gain=D(cap))

    settings = within_budget(own, inputs.snapshot.account, D(12_000))  # of which 7,000 are left

    assert settings == {"gains_budget": 12_000, "max_net_gain": left}


def test_a_gift_takes_the_lot_with_most_gain_per_dollar_out_of_the_inputs_and_of_their_hash(inputs):
    # old gains 60 cents a dollar, the only long-term gain: 50 of its shares are worth 5,000 and gain 3,000.
    after, gifts = with_gift(inputs, D(5_000))

    assert [(each.lot.lot_id, each.quantity, each.gain, each.tax) for each in gifts] == [("old", 50, 3_000, 750)]
    assert {each.lot_id: each.quantity for each in after.snapshot.lots}["old"] == 250
    assert after.hash != inputs.hash
    assert with_gift(inputs, None) == (inputs, ())
    assert gift_table(gifts, inputs.market)[["value", "gain", "tax_avoided"]].to_numpy().tolist() == [
        [5_000, 3_000, 750]
    ]


def bought(security_id, shares, price):
    return Trade(
        security_id=security_id, side=Side.BUY, quantity=D(shares), price=D(price), amount=D(shares * price), lots=(),
        reason=WHY,
    )  # fmt: skip


def test_only_trades_that_differ_are_shown_largest_difference_first_and_where_they_are(inputs):
    sold = sale(lot("dear", 100, -5_000), quantity=100)
    first = having(inputs, sold, bought("B", 10, 50))
    second = having(inputs, bought("B", 50, 50))
    same = having(inputs, sold, bought("B", 10, 50))

    table = differing_trades_table([("one", first), ("two", second)], inputs.market)

    assert table[["ticker", "only_in", "spread"]].to_numpy().tolist() == [["A", "one", 10_000], ["B", "", 2_000]]
    assert table["one"].tolist() == [-10_000, 500]
    assert table["two"].isna().tolist() == [True, False]
    assert differing_trades_table([("one", first), ("three", same)], inputs.market).empty


def test_only_settings_that_differ_are_shown(inputs):
    one, two = having(inputs, max_trades=50), having(inputs, max_trades=50, tax_weight=0.0)

    table = settings_table([("one", one), ("two", two)])

    assert table.to_numpy().tolist() == [["Weight of tax", "1", "0"]]
    assert settings_table([("one", one), ("again", one)]).empty


def test_the_best_of_figures_that_differ_has_a_star(inputs):
    found = having(inputs)
    good = replace(found.summary, tracking_error=0.01, tax_now=D(-500), harvested_loss=D(900), trades=7)
    poor = replace(found.summary, tracking_error=0.02, tax_now=D(100), harvested_loss=D(900), trades=5)
    plans = [(name, replace(found, summary=summary)) for name, summary in (("good", good), ("poor", poor))]

    table = comparison_table(plans).set_index("figure")

    assert table.loc["Tracking error after, % a year"].tolist() == ["★ 1.000%", "2.000%"]
    assert table.loc["Tax now, USD (below zero: saved)"].tolist() == ["★ -500", "+100"]
    assert table.loc["Losses harvested, USD"].tolist() == ["900", "900"]
    assert table.loc["Trades"].tolist() == ["7", "★ 5"]


def test_every_point_of_the_frontier_says_what_a_click_on_it_takes():
    point = FrontierPoint(risk_aversion=20.0, tracking_error=0.015, tax_usd=D(-400), gap_bp=0.01)
    today, plan, full, kept = (
        Place(label=label, tracking_error=error, tax_usd=tax, key=key)
        for label, error, tax, key in (
            ("do nothing", 0.03, 0.0, ""),
            ("this plan", 0.02, -300.0, ""),
            (FULL, 0.01, 900.0, ""),
            ("mine", 0.02, 5.0, "p1"),
        )
    )  # fmt: skip

    figure = frontier_figure([point], today=today, plan=plan, full=full, kept=[kept])

    places = {trace.name: (trace.x[0], trace.y[0], list(trace.customdata[0])[:2]) for trace in figure.data}
    assert places == {
        "best possible": (1.5, -400, [AVERSION, 20.0]),
        "do nothing": (3.0, 0, ["today", ""]),
        "full rebalance": (1.0, 900, [FULL, ""]),
        "kept plans": (2.0, 5, [KEPT, "p1"]),
        "this plan": (2.0, -300, ["plan", ""]),
    }
    assert len({trace.marker.symbol for trace in figure.data}) == 5  # told apart without colour
    assert all("tax %{y:$,.0f}" in trace.hovertemplate for trace in figure.data)  # -$400, and not $-400
