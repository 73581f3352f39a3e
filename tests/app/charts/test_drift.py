"""Drift as bars: per cent, the tolerance band in the same unit, every state by name, the order of the rows."""

from app.charts.drift import drift_figure, sector_figure


def bars(figure):
    return {trace.name: dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data}


def bands(figure):
    return [(shape.x0, shape.x1) for shape in figure.layout.shapes]


def test_sectors_are_drawn_in_per_cent_a_series_a_moment_with_the_band_on_either_side():
    figure = sector_figure(
        [("today", [("Energy", 0.25), ("Food", -0.125)]), ("after", [("Energy", 0.0), ("Food", 0.0625)])], band=0.03125
    )

    assert bars(figure) == {
        "today": {"Energy": 25.0, "Food": -12.5}, "after": {"Energy": 0.0, "Food": 6.25},
    }  # fmt: skip
    assert bands(figure) == [(-3.125, 3.125)]
    assert figure.layout.showlegend
    assert figure.data[0].hovertemplate == "%{y}: %{x:+.2f} %"


def test_without_a_limit_there_is_no_band_and_one_series_needs_no_legend():
    figure = sector_figure([("today", [("Energy", 0.25)])], band=None)

    assert bands(figure) == []
    assert not figure.layout.showlegend


def test_bars_of_all_states_keep_the_order_of_the_rows_from_above():
    rows = [("A", 2.5, "out of balance"), ("B", -2.0, "restricted"), ("C", 0.5, ""), ("D", 1.5, "out of balance")]

    figure = drift_figure(rows, band=1.0, title="%", digits=3)

    assert bars(figure) == {
        "within its band": {"C": 0.5}, "out of balance": {"A": 2.5, "D": 1.5}, "restricted": {"B": -2.0},
    }  # fmt: skip
    assert list(figure.layout.yaxis.categoryarray) == ["D", "C", "B", "A"]  # plotly draws from below
    assert {trace.hovertemplate for trace in figure.data} == {
        f"%{{y}}: %{{x:+.3f}}<extra>{name}</extra>" for name in ("within its band", "out of balance", "restricted")
    }


def test_where_no_band_is_set_nothing_is_said_to_be_within_it():
    assert list(bars(drift_figure([("A", 2.5, "")], band=None, title="%"))) == ["no band is set"]
