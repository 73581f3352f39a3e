"""What does being close to the index cost this year, and where do the choices stand?"""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from app.steps.meeting import Choice, Kind
from engine.plan.frontier import FrontierPoint

_SYMBOLS: Final = {Kind.KEEP: "square", Kind.BALANCED: "circle", Kind.MATCH: "triangle-up", Kind.BETWEEN: "diamond"}
_RING: Final = "#d9822b"
_LINE: Final = "#5a8fc4"
_MARK: Final = "#6b7785"


def choices_figure(points: Sequence[FrontierPoint], choices: Sequence[tuple[str, Choice]], chosen: Choice) -> go.Figure:
    """Return tax this year (USD, below zero saved) against predicted tracking error (% a year), the choices marked.

    points: the best possible between the ends, none where it is not known. choices: each with what it is called; shapes
    tell them apart, and the chosen one has a ring.
    """
    figure = go.Figure()
    if points:
        ordered = sorted(points, key=lambda point: point.tracking_error)
        figure.add_scatter(
            x=[100 * point.tracking_error for point in ordered],
            y=[float(point.tax_usd) for point in ordered],
            mode="lines",
            name="best possible in between",
            line={"color": _LINE, "width": 2},
            hoverinfo="skip",
        )
    for label, choice in choices:
        here = choice.kind is chosen.kind
        figure.add_scatter(
            x=[100 * choice.tracking_error],
            y=[float(choice.tax)],
            mode="markers",
            name=label,
            marker={"symbol": _SYMBOLS[choice.kind], "size": 12, "color": _RING if here else _MARK},
            hovertemplate=f"{label}<br>within %{{x:.2f}} %<br>tax %{{y:$,.0f}}<extra></extra>",
        )
    figure.add_scatter(
        x=[100 * chosen.tracking_error],
        y=[float(chosen.tax)],
        mode="markers",
        marker={"symbol": "circle-open", "size": 24, "color": _RING, "line": {"width": 2}},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(
        height=300,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"title": "predicted tracking error, % a year (left is closer)", "rangemode": "tozero"},
        yaxis={"title": "tax this year, USD (below zero: saved)"},
        legend={"orientation": "h", "y": -0.3},
    )
    return figure
