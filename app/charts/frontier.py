"""What does following the index more closely cost in tax?"""

from collections.abc import Sequence

import plotly.graph_objects as go

from engine.plan.frontier import FrontierPoint


def frontier_figure(
    points: Sequence[FrontierPoint], kept: Sequence[tuple[str, float, float]], today: tuple[float, float]
) -> go.Figure:
    """Return tax now (USD, negative is saved) against tracking error (% a year), with today and the kept plans on it.

    kept: (label, tracking error as a fraction, tax in USD) of each kept plan. today: the same of doing nothing.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[100 * point.tracking_error for point in points],
        y=[float(point.tax_usd) for point in points],
        mode="lines+markers",
        name="best possible at these settings",
        customdata=[point.gap_bp for point in points],
        hovertemplate="tracking error %{x:.2f} %<br>tax $%{y:,.0f}<br>certified gap %{customdata:.3f} bp",
    )
    figure.add_scatter(
        x=[100 * today[0]], y=[today[1]], mode="markers", name="do nothing", marker={"size": 12, "symbol": "square"}
    )
    figure.add_scatter(
        x=[100 * error for _, error, _ in kept],
        y=[tax for _, _, tax in kept],
        text=[label for label, _, _ in kept],
        mode="markers+text",
        textposition="top center",
        name="kept plans",
        marker={"size": 12, "symbol": "diamond"},
    )
    figure.update_layout(
        height=400,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        xaxis={"title": "predicted tracking error, % a year"},
        yaxis={"title": "tax now, USD (below zero: saved)"},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure
