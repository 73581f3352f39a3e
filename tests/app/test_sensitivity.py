"""Which setting matters most: a step of each as a table and as bars, against differences worked out by hand."""

from decimal import Decimal

import pandas as pd
import pytest

from app.charts.sensitivity import MEASURES, sensitivity_figure
from app.tables.plan import sensitivity_table
from engine.plan.fractional import Figures
from engine.plan.sensitivity import Sensitivities, Sensitivity, Step


def figures(tax, tracking_error, objective, trades):
    return Figures(
        tracking_error=tracking_error, tax_usd=Decimal(tax), objective_bp=objective, gap_bp=0.01, trades=trades
    )


STEPS = Sensitivities(
    base=figures(1000, 0.01, 5.0, 20),
    settings=(
        Sensitivity(
            setting="max_turnover", value=0.1, same_measure=True,
            tighter=Step(value=0.09, figures=None), looser=Step(value=0.11, figures=figures(900, 0.0095, 4.5, 23)),
        ),
        Sensitivity(
            setting="tax_weight", value=0.0, same_measure=False,
            tighter=Step(value=0.1, figures=figures(400, 0.012, 3.0, 18)), looser=None,
        ),
        Sensitivity(
            setting="max_cash", value=0.01, same_measure=True,
            tighter=Step(value=0.009, figures=figures(1000, 0.01, 5.0, 20)), looser=None,
        ),
    ),
)  # fmt: skip


def test_a_row_a_step_tells_its_change_and_says_where_there_is_no_plan_or_no_common_measure():
    rows = sensitivity_table(STEPS).to_dict("records")

    assert [(row["setting"], row["direction"], row["moved"]) for row in rows] == [
        ("Turnover, one way", "tighter", "10 % → 9 %"),
        ("Turnover, one way", "looser", "10 % → 11 %"),
        ("Weight of tax", "tighter", "0 → 0.1"),
        ("Most cash", "tighter", "1 % → 0.9 %"),
    ]
    assert rows[0]["state"] == "no plan obeys the rules then"
    assert (rows[1]["tax_change"], rows[1]["te_change_pp"], rows[1]["objective_change_bp"]) == (-100.0, -0.05, -0.5)
    assert (rows[1]["trades_change"], rows[1]["state"]) == (3, "")
    assert rows[2]["tax_change"] == -600.0
    assert pd.isna(rows[2]["objective_change_bp"])


def test_the_setting_that_moves_most_is_on_top_and_one_that_moves_nothing_is_named_apart():
    figure, idle = sensitivity_figure(STEPS, "Tax")

    assert idle == ("Most cash",)
    assert list(figure.data[0].y) == ["Turnover, one way", "Weight of tax"]  # drawn from below
    assert list(figure.data[0].x) == [0.0, -600.0]
    assert list(figure.data[1].x) == [-100.0, 0.0]


@pytest.mark.parametrize(
    ("measure", "tighter", "looser", "hover"),
    [
        ("Tax", -600.0, -100.0, "%{x:+$,.0f}"),
        ("Tracking error", 0.2, -0.05, "%{x:+.3f} pp"),  # percentage points
        ("Objective", None, -0.5, "%{x:+.3f} bp"),  # of another weight of tax the objective does not compare
        ("Trades", -2.0, 3.0, "%{x:+d}"),
    ],
)
def test_each_measure_is_drawn_in_its_own_unit_as_then_less_now(measure, tighter, looser, hover):
    figure, _ = sensitivity_figure(STEPS, measure)
    bars = [dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data]

    assert bars[0].get("Weight of tax") == (None if tighter is None else pytest.approx(tighter))
    assert bars[1]["Turnover, one way"] == pytest.approx(looser)
    assert all(hover in trace.hovertemplate for trace in figure.data)
    assert figure.layout.xaxis.title.text == MEASURES[measure][0]
