"""Did tracking error come out as the risk model had said?"""

from collections.abc import Sequence

import plotly.graph_objects as go

from engine.domain.market import RiskMonth


def risk_figure(months: Sequence[RiskMonth]) -> go.Figure:
    """Return predicted and realised tracking error of the test portfolios by month, % a year."""
    figure = go.Figure()
    ends = [month.ends for month in months]
    for name, values, dash in (
        ("predicted", [100 * month.predicted for month in months], "dot"),
        ("realised", [100 * month.realised for month in months], "solid"),
    ):
        figure.add_scatter(
            x=ends,
            y=values,
            mode="lines+markers",
            name=name,
            line={"dash": dash},
            hovertemplate=f"21 days to %{{x|%d %b %Y}}<br>{name} %{{y:.2f}} %<extra></extra>",
        )
    figure.update_layout(
        height=260,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        yaxis={"title": "tracking error, % a year", "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.2},
        hovermode="x unified",
    )
    return figure
