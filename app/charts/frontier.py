"""What does following the index more closely cost in tax? The best possible, and where every plan lies beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from engine.plan.frontier import FrontierPoint

AVERSION: Final = "risk_aversion"
FULL: Final = "full rebalance"
KEPT: Final = "kept"
_LINE: Final = "best possible"
_PLAN, _KEPT, _STILL = (
    "#d9822b",
    "#b83280",
    "#808b96",
)  # seen apart by the colour-blind, light and dark; shapes differ too


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a plan lies. tracking_error: a fraction a year; tax_usd: negative is saved. key: what stands for it."""

    label: str
    tracking_error: float
    tax_usd: float
    key: str = ""


def frontier_figure(
    points: Sequence[FrontierPoint],
    *,
    today: Place,
    plan: Place | None,
    full: Place | None,
    kept: Sequence[Place] = (),
    is_old: bool = False,
) -> go.Figure:
    """Return tax now (USD, negative is saved) against tracking error (% a year), each kind of plan with its own mark.

    today: doing nothing. plan: the one on screen. full: as if tax did not count. is_old: the curve is that of other
    settings, its successor on the way. What can be taken by a click has
    customdata: what kind it is (AVERSION, FULL or KEPT), and its risk aversion or its key.
    """
    curve = {
        "type": "scatter",
        "x": [100 * point.tracking_error for point in points],
        "y": [float(point.tax_usd) for point in points],
        "customdata": [[AVERSION, point.risk_aversion, point.gap_bp] for point in points],
        "mode": "lines+markers",
        "name": f"{_LINE}, before the change" if is_old else _LINE,
        "marker": {"size": 8},
        "line": {"width": 2, "dash": "dot" if is_old else "solid"},
        "unselected": {"marker": {"opacity": 1}},
        "hovertemplate": "tracking error %{x:.2f} %<br>tax %{y:$,.0f}<br>follow the target: %{customdata[1]:.4g}"
        "<br>certified gap %{customdata[2]:.3f} bp<br><b>click to take it</b><extra></extra>",
    }
    marks = [_mark([today], "square", _STILL, [["today", ""]], click="")]
    if full is not None:
        marks.append(_mark([full], "triangle-down", _STILL, [[FULL, ""]], click="<br><b>click to take it</b>"))
    if kept:
        custom = [[KEPT, place.key] for place in kept]
        marks.append(
            _mark(kept, "diamond", _KEPT, custom, name="kept plans", click="<br><b>click to take its settings</b>")
        )
    if plan is not None:
        marks.append(_mark([plan], "star", _PLAN, [["plan", ""]], click="", size=16))
    layout = {
        "height": 330,
        "margin": {"l": 8, "r": 8, "t": 12, "b": 8},
        "xaxis": {"title": {"text": "predicted tracking error, % a year"}},
        "yaxis": {"title": {"text": "tax now, USD (below zero: saved)"}, "tickformat": "$,.3~s"},
        "legend": {"orientation": "h", "y": -0.22},
        "clickmode": "event+select",
        "hovermode": "closest",
        "uirevision": "frontier",  # a zoom outlives the next plan
    }
    return go.Figure({"data": [curve, *marks], "layout": layout})


def _mark(
    places: Sequence[Place],
    symbol: str,
    colour: str,
    custom: list[list[str]],
    *,
    click: str,
    name: str = "",
    size: int = 13,
) -> dict[str, object]:
    return {
        "type": "scatter",
        "x": [100 * place.tracking_error for place in places],
        "y": [place.tax_usd for place in places],
        "text": [place.label for place in places],
        "customdata": custom,
        "mode": "markers+text" if name else "markers",
        "textposition": "top center",
        "name": name or places[0].label,
        "marker": {"size": size, "symbol": symbol, "color": colour, "line": {"width": 1}},
        "hovertemplate": f"<b>%{{text}}</b><br>tracking error %{{x:.2f}} %<br>tax %{{y:$,.0f}}{click}<extra></extra>",
        "unselected": {"marker": {"opacity": 1}},
    }
