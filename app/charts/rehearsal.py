"""What would another policy change? Tracking errors, the whole book's tax against them, and each account."""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from app.charts.frontier import Place
from engine.review.rehearsed import Compared, Totals

_NOW, _THEN, _STILL = "#4a90d9", "#d9822b", "#808b96"  # seen apart by the colour-blind, light and dark
_MARGIN: Final = {"l": 8, "r": 8, "t": 12, "b": 8}
_LEGEND: Final = {"orientation": "h", "y": -0.25}
_BINS: Final = 30


def error_figure(pairs: Sequence[Compared]) -> go.Figure:
    """Return how many accounts have which tracking error (% a year) after tonight's trades, now and then."""
    now = [100 * pair.now.te_after for pair in pairs if pair.now.te_after is not None]
    then = [100 * pair.then.te_after for pair in pairs if pair.then.te_after is not None]
    most = max([*now, *then], default=1.0) or 1.0
    bins = {"start": 0.0, "end": most * 1.0001, "size": most / _BINS}
    return go.Figure(
        {
            "data": [
                _bars(now, "present policy", _NOW, bins, pattern=""),
                _bars(then, "changed policy", _THEN, bins, pattern="/"),
            ],
            "layout": {
                "height": 300,
                "margin": _MARGIN,
                "barmode": "overlay",
                "xaxis": {"title": {"text": "tracking error after the trades, % a year"}},
                "yaxis": {"title": {"text": "accounts"}},
                "legend": _LEGEND,
            },
        }
    )


def book_figure(totals: tuple[Totals, Totals]) -> go.Figure:
    """Return the whole book's tax (USD, negative is saved) against its tracking error weighted by value (% a year).

    Marks: today, as the book stands; the present policy and the changed one, after tonight's trades. Under another risk
    model or index today has a tracking error for each, and two marks.
    """
    now, then = totals
    places = [
        (Place(label="today", tracking_error=now.mean_te_before or 0.0, tax_usd=0.0), "square", _STILL),
        (Place(label="present policy", tracking_error=now.mean_te_after or 0.0, tax_usd=now.tax), "circle", _NOW),
        (Place(label="changed policy", tracking_error=then.mean_te_after or 0.0, tax_usd=then.tax), "star", _THEN),
    ]
    if then.mean_te_before != now.mean_te_before:
        measured = Place(label="today, as changed", tracking_error=then.mean_te_before or 0.0, tax_usd=0.0)
        places.insert(1, (measured, "square-open", _STILL))
    return go.Figure(
        {
            "data": [_mark(*each) for each in places],
            "layout": {
                "height": 300,
                "margin": _MARGIN,
                "xaxis": {"title": {"text": "tracking error by value, % a year"}, "rangemode": "tozero"},
                "yaxis": {"title": {"text": "tax, USD (below zero: saved)"}, "tickformat": "$,.3~s"},
                "legend": _LEGEND,
                "hovermode": "closest",
            },
        }
    )


def account_figure(pairs: Sequence[Compared]) -> go.Figure:
    """Return each account that differs by its change of tracking error (pp) and of tax (USD); a click takes its id.

    Another mark is for those with a newly broken rule or newly not planned.
    """
    known = [
        pair for pair in pairs if not pair.same and pair.now.te_after is not None and pair.then.te_after is not None
    ]
    worse = [pair for pair in known if pair.new_breaches or pair.newly_not_planned]
    usual = [pair for pair in known if not (pair.new_breaches or pair.newly_not_planned)]
    return go.Figure(
        {
            "data": [
                _points(usual, "other trades", "circle", _NOW),
                _points(worse, "newly broken rule or not planned", "x", _THEN),
            ],
            "layout": {
                "height": 300,
                "margin": _MARGIN,
                "xaxis": {"title": {"text": "tracking error then less now, percentage points"}},
                "yaxis": {"title": {"text": "tax then less now, USD"}, "tickformat": "$,.3~s"},
                "legend": _LEGEND,
                "clickmode": "event+select",
                "hovermode": "closest",
            },
        }
    )


def _bars(values: list[float], name: str, colour: str, bins: dict[str, float], *, pattern: str) -> dict[str, Any]:
    return {
        "type": "histogram",
        "x": values,
        "name": name,
        "xbins": bins,
        "autobinx": False,
        "opacity": 0.65,
        "marker": {"color": colour, "pattern": {"shape": pattern}, "line": {"width": 0.5}},
        "hovertemplate": f"{name}<br>%{{x}} %: %{{y:,}} accounts<extra></extra>",
    }


def _mark(place: Place, symbol: str, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [100 * place.tracking_error],
        "y": [place.tax_usd],
        "name": place.label,
        "mode": "markers",
        "marker": {"size": 15, "symbol": symbol, "color": colour, "line": {"width": 1}},
        "hovertemplate": f"<b>{place.label}</b><br>tracking error %{{x:.3f}} %<br>tax %{{y:$,.0f}}<extra></extra>",
    }


def _points(pairs: Sequence[Compared], name: str, symbol: str, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [100 * ((pair.then.te_after or 0.0) - (pair.now.te_after or 0.0)) for pair in pairs],
        "y": [pair.then.liability - pair.now.liability for pair in pairs],
        "customdata": [[pair.now.account_id, pair.now.household, pair.changed_usd] for pair in pairs],
        "name": name,
        "mode": "markers",
        "marker": {"size": 9, "symbol": symbol, "color": colour, "opacity": 0.75},
        "unselected": {"marker": {"opacity": 0.75}},
        "hovertemplate": "<b>%{customdata[0]}</b> %{customdata[1]}<br>tracking error %{x:+.3f} pp<br>tax %{y:+$,.0f}"
        "<br>other trades $%{customdata[2]:,.0f}<extra></extra>",
    }
