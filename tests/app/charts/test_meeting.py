"""Tax against closeness: each choice where its figures say, told apart by shape, the chosen one ringed."""

from decimal import Decimal

import pytest

from app.charts.meeting import choices_figure
from app.steps.meeting import Choice, Kind
from engine.plan.frontier import FrontierPoint


def choice(kind, tracking_error, tax):
    return Choice(
        kind=kind, lean=None, tax=Decimal(tax), tracking_error=tracking_error, trades=0, years=None, found=None
    )


def point(tracking_error, tax):
    return FrontierPoint(risk_aversion=1.0, tracking_error=tracking_error, tax_usd=Decimal(tax), gap_bp=0.0)


KEEP, MATCH, OWN = choice(Kind.KEEP, 0.02, 0), choice(Kind.MATCH, 0.0025, 8000), choice(Kind.BETWEEN, 0.01, -1200)
CHOICES = [("Keep", KEEP), ("Match the index", MATCH), ("Your choice", OWN)]


def places(figure):
    return {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in figure.data}


def test_closeness_is_in_per_cent_tax_saved_is_below_zero_and_the_ring_is_on_the_chosen_one():
    found = places(choices_figure([], CHOICES, OWN))

    assert found == {
        "Keep": [(2.0, 0.0)], "Match the index": [(0.25, 8000.0)], "Your choice": [(1.0, -1200.0)],
        None: [(1.0, -1200.0)],
    }  # fmt: skip


def test_choices_differ_in_shape_and_their_hover_has_the_sign_before_the_dollar_sign():
    marks = [trace for trace in choices_figure([], CHOICES, OWN).data if trace.name]

    assert len({trace.marker.symbol for trace in marks}) == 3
    assert marks[0].hovertemplate == "Keep<br>within %{x:.2f} %<br>tax %{y:$,.0f}<extra></extra>"


def test_the_best_possible_is_a_line_from_close_to_far():
    line = places(choices_figure([point(0.02, -3000), point(0.005, 5000), point(0.01, 0)], CHOICES, KEEP))

    assert line["best possible in between"] == [
        (pytest.approx(0.5), 5000.0), (pytest.approx(1.0), 0.0), (pytest.approx(2.0), -3000.0),
    ]  # fmt: skip
