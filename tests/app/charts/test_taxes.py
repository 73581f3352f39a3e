"""The year's gain beside its budget, in dollars with the sign before the dollar sign."""

from decimal import Decimal

import pytest

from app.charts.taxes import budget_figure
from engine.monitor.tax_position import TaxPosition

ZERO = Decimal(0)


def year(st, lt, budget=None):
    return TaxPosition(
        st_gain=Decimal(st), lt_gain=Decimal(lt), st_carryforward=ZERO, lt_carryforward=ZERO, tax=ZERO, st_harvest=ZERO,
        lt_harvest=ZERO, budget=None if budget is None else Decimal(budget),
    )  # fmt: skip


def test_the_bar_is_short_and_long_term_gains_together_and_the_budget_a_line_with_its_dollars():
    figure = budget_figure(year(3000, -1000, budget=5000))

    assert list(figure.data[0].x) == [2000.0]
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(5000.0, 5000.0)]
    assert [note.text for note in figure.layout.annotations] == ["budget $5,000"]
    assert figure.layout.xaxis.range == (-750.0, 5750.0)  # 15 % of 0 to 5,000 is left free on either side
    assert figure.data[0].hovertemplate.startswith("%{x:+$,.0f}<")


@pytest.mark.parametrize(("gain", "seen"), [(-2000, (-2300.0, 300.0)), (0, (-1.0, 1.0))])
def test_a_loss_lies_left_of_zero_and_a_year_without_gains_still_has_an_axis(gain, seen):
    figure = budget_figure(year(gain, 0))

    assert list(figure.data[0].x) == [gain]
    assert figure.layout.xaxis.range == seen
    assert not figure.layout.shapes
