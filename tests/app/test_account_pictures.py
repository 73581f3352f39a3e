"""What the account page draws, against figures worked by hand from the hand-written firm."""

from datetime import date

import pytest

from app.charts.drift import drift_figure
from app.charts.lots import lot_ladder, turning_figure
from app.charts.taxes import budget_figure
from app.steps import monitor
from app.tables.monitor import lot_table, tax_table


@pytest.fixture
def view(desk):
    return monitor.look_at(desk.services(), "T1")


def bars(figure):
    return {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure.data}


def test_each_lot_is_a_bar_as_high_as_its_gain_and_the_largest_loss_comes_first(view):
    # AAA 150 at 60 and 100 at 140, marked 100; BBB, CCC, DDD at cost
    figure = lot_ladder(view.snapshot.lots, view.market, view.snapshot.as_of)

    assert bars(figure) == {
        "short-term loss": {1: -4000.0},
        "long-term gain": {2: 0.0, 3: 0.0, 4: 0.0, 5: 6000.0},
    }
    assert all("<br>%{y:+$,.0f}<" in trace.hovertemplate for trace in figure.data)  # -$4,000, and not $-4,000


def test_a_short_term_lot_stands_at_the_days_that_it_still_needs(view):
    # bought 2 March 2026, long-term from 3 March 2027: 103 days after 20 November 2026
    assert bars(turning_figure(view.snapshot.lots, view.market, view.snapshot.as_of)) == {
        "short-term loss": {(date(2027, 3, 3) - date(2026, 11, 20)).days: -4000.0}
    }


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
