"""What the account page draws, against figures worked by hand from the hand-written firm."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.charts.drift import drift_figure
from app.charts.lots import MAX_BARS, lot_ladder, rungs_of, sharing, turning_figure
from app.charts.taxes import budget_figure
from app.steps import monitor
from app.tables.monitor import lot_table, tax_table


@pytest.fixture
def view(desk):
    return monitor.look_at(desk.services(), "T1")


@pytest.fixture
def rungs(view):
    return rungs_of(view.snapshot.lots, view.market, view.snapshot.as_of)


@pytest.fixture
def many(view):
    """A thousand lots of AAA, marked 100: each of its own basis, 97 losses and 903 gains, bought over some 500 days."""
    lot, as_of = view.snapshot.lots[0], view.snapshot.as_of
    lots = [
        replace(
            lot,
            lot_id=f"m{number}",
            quantity=Decimal(1 + number % 7),
            cost_per_share=110 - Decimal(number) / 10,
            acquired=as_of - timedelta(days=1 + number * 131 % 499),
        )
        for number in range(3, 1003)
    ]
    return rungs_of(lots, view.market, as_of)


def by_kind(figure):
    """The dollars of each kind of lot as the areas of its bars tell them."""
    return {bar.name: pytest.approx(sum(w * h for w, h in zip(bar.width, bar.y, strict=True))) for bar in figure.data}


def dollars(rungs):
    sums = Counter()
    for rung in rungs:
        term = "long" if rung.turns <= date(2026, 11, 20) else "short"
        sums[f"{term}-term {'loss' if rung.gain < 0 else 'gain'}"] += rung.gain
    return sums


def bars(figure):
    return {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure.data}


def test_each_lot_is_a_bar_as_high_as_its_gain_and_the_largest_loss_comes_first(rungs, view):
    # AAA 150 at 60 and 100 at 140, marked 100; BBB, CCC, DDD at cost
    assert bars(lot_ladder(rungs, view.market)) == {
        "short-term loss": {1: -4000.0},
        "long-term gain": {2: 0.0, 3: 0.0, 4: 0.0, 5: 6000.0},
    }


def test_a_short_term_lot_stands_at_the_days_that_it_still_needs(rungs, view):
    # bought 2 March 2026, long-term from 3 March 2027: 103 days after 20 November 2026
    assert bars(turning_figure(rungs, view.market)) == {
        "short-term loss": {(date(2027, 3, 3) - date(2026, 11, 20)).days: -4000.0}
    }


def test_where_lots_share_bars_the_areas_still_tell_what_each_kind_gains_together(many, view):
    figure = lot_ladder(many, view.market)

    assert by_kind(figure) == dollars(many)
    assert sum(len(trace.x) for trace in figure.data) <= MAX_BARS


def test_bars_stand_side_by_side_from_the_first_lot_to_the_last(many, view):
    edges = sorted(
        (x - w / 2, x + w / 2)
        for bar in lot_ladder(many, view.market).data
        for x, w in zip(bar.x, bar.width, strict=True)
    )

    assert edges[0][0] == 0.5
    assert edges[-1][1] == 1000.5
    assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]]


def test_the_largest_losses_and_gains_keep_a_bar_each_and_the_page_says_which_lots_share_one(many, view):
    figure = lot_ladder(many, view.market)
    alone = {round(x) for bar in figure.data for x, w in zip(bar.x, bar.width, strict=True) if w == 1}

    assert {*range(1, 41), *range(961, 1001)} <= alone
    assert "Of 1,000 lots the 40 at either end" in sharing(many)
    assert "up to 9 neighbours share one" in sharing(many)  # 920 between them in at most 110 groups
    assert "The table holds every lot" in sharing(many)


def test_a_shared_bar_says_how_many_lots_it_stands_for_and_what_they_come_to_as_its_area_does(many, view):
    shared = [
        (text, width, width * height)
        for bar in lot_ladder(many, view.market).data
        for text, width, height in zip(bar.hovertext, bar.width, bar.y, strict=True)
        if width > 1
    ]

    assert shared
    for text, width, area in shared:
        count, together = text.split(" lots, ")[0], text.rpartition("together ")[2]
        assert (int(count), float(together.replace("$", "").replace(",", ""))) == (width, pytest.approx(area, abs=0.51))


def test_a_gift_at_a_loss_stands_at_its_worth_on_the_day_of_the_gift_and_a_lot_without_a_price_nowhere(view):
    """10 AAA, marked 100: the giver paid 150 in 2020, they were worth 120 on 2 November 2026. -200, short-term."""
    given = replace(
        view.snapshot.lots[0], quantity=Decimal(10), cost_per_share=Decimal(150), acquired=date(2020, 1, 2),
        wash_adjustment=Decimal(0), holding_start=None, gift_price=Decimal(120), gift_date=date(2026, 11, 2),
    )  # fmt: skip
    unpriced = replace(given, lot_id="unpriced", security_id="ZZZ")

    [rung] = rungs_of([given, unpriced], view.market, view.snapshot.as_of)

    assert (rung.lot, rung.gain, rung.turns, rung.label) == (given, -200.0, date(2027, 11, 3), "short-term loss")


def test_few_lots_share_no_bar_and_nothing_is_said_of_it(many, view):
    few = many[:MAX_BARS]

    assert sharing(few) == ""
    assert all(width == 1 for bar in lot_ladder(few, view.market).data for width in bar.width)


def test_many_short_term_lots_stand_as_one_bar_a_day_and_kind_with_all_their_dollars(many, view):
    short = [rung for rung in many if rung.days > 0]
    figure = turning_figure(many, view.market)

    assert len(short) > MAX_BARS
    assert by_kind(figure) == dollars(short)
    assert all(len(set(bar.x)) == len(bar.x) for bar in figure.data)
    assert "the lots of a day together" in figure.layout.xaxis.title.text


def test_the_table_of_lots_tells_the_same_days_and_gains(view):
    table = lot_table(view.snapshot, view.market).set_index("lot")

    assert table.loc["t1-a-loss", ["term", "days_short", "gain"]].tolist() == ["ST", 103, -4000.0]
    assert table.loc["t1-a-gain", "gain"] == 6000.0
    assert table["days_short"].notna().sum() == 1


def test_out_of_balance_is_told_by_name_and_pattern_and_not_by_colour_alone():
    figure = drift_figure([("A", 2.5, "out of balance"), ("B", -0.5, "")], band=1.0, title="%")

    assert {trace.name: (list(trace.y), trace.marker.pattern.shape) for trace in figure.data} == {
        "within its band": (["B"], ""),
        "out of balance": (["A"], "/"),
    }
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(-1.0, 1.0)]


def test_a_year_without_trades_has_no_gain_and_all_its_losses_to_take(view):
    table = tax_table(view.taxes).set_index("figure")

    assert table.loc["Net of the year"].tolist() == [0.0, 0.0, 0.0]
    assert table.loc["Losses that could be taken today"].tolist() == [-4000.0, 0.0, -4000.0]
    assert list(budget_figure(view.taxes).data[0].x) == [0.0]


def test_a_loss_under_the_pointer_has_its_sign_before_the_dollar_sign(rungs, view):
    hovers = [text for trace in lot_ladder(rungs, view.market).data for text in trace.hovertext]

    assert [text.rpartition("<br>")[2] for text in hovers if "AAA" in text] == ["-$4,000", "+$6,000"]
