"""What is drawn of a rehearsal lies where its figures say."""

from dataclasses import replace

import pytest

from app.charts.rehearsal import account_figure, book_figure, error_figure
from engine.review.rehearsed import AccountFigures, Compared, totals

NOW = AccountFigures(
    account_id="A", household_id="H", household="Hill", advisor="Ann", registration="taxable", model_id="M",
    outcome="proposed", nav=1_000.0, te_before=0.04, te_after=0.02, trades=(("X", -100.0),), st_gain=0.0, lt_gain=0.0,
    liability=50.0, harvested=0.0, breaches=(), cause="",
)  # fmt: skip
THEN = replace(NOW, te_after=0.015, liability=80.0, trades=(("X", -150.0),))
LOST = replace(NOW, account_id="L", te_before=None, te_after=None, nav=None)


def test_tracking_errors_are_drawn_in_per_cent_on_the_same_bins_without_accounts_that_have_none():
    now, then = error_figure([Compared(now=NOW, then=THEN), Compared(now=LOST, then=LOST)]).data

    assert (list(now.x), list(then.x)) == ([2.0], [1.5])
    assert now.xbins == then.xbins
    assert now.xbins.start == 0
    assert now.xbins.end >= 2.0


def test_the_book_is_drawn_today_and_after_the_trades_of_each_policy():
    figure = book_figure((totals([NOW]), totals([THEN])))

    found = {mark.name: (mark.x[0], mark.y[0]) for mark in figure.data}
    assert found == {
        "today": (pytest.approx(4.0), 0.0),
        "present policy": (pytest.approx(2.0), 50.0),
        "changed policy": (pytest.approx(1.5), 80.0),
    }
    assert len({mark.marker.symbol for mark in figure.data}) == 3


def test_under_another_risk_model_today_has_a_tracking_error_for_each_policy():
    figure = book_figure((totals([NOW]), totals([replace(THEN, te_before=0.03)])))

    assert {mark.name: mark.x[0] for mark in figure.data}["today, as changed"] == pytest.approx(3.0)


def test_an_account_lies_at_its_differences_and_one_that_became_worse_has_another_mark():
    worse = replace(THEN, account_id="W", breaches=("cash band",))
    pairs = [
        Compared(now=NOW, then=THEN), Compared(now=replace(NOW, account_id="W"), then=worse),
        Compared(now=LOST, then=replace(LOST, outcome="exception")), Compared(now=NOW, then=NOW),
        Compared(now=replace(NOW, account_id="E"), then=replace(THEN, account_id="E", outcome="exception")),
    ]  # fmt: skip

    usual, broken = account_figure(pairs).data

    assert [list(point) for point in usual.customdata] == [["A", "Hill", 50.0]]
    assert (usual.x[0], usual.y[0]) == (pytest.approx(-0.5), 30.0)
    assert [point[0] for point in broken.customdata] == ["W", "E"]
    assert usual.marker.symbol != broken.marker.symbol


def test_a_book_of_nobody_is_an_empty_picture():
    assert [len(part.x) for part in error_figure([]).data] == [0, 0]
    assert [len(part.x) for part in account_figure([]).data] == [0, 0]
