"""How far is each sector, factor or name from its target, before and after?"""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

_STATES: Final = {"": "#4a8fd6", "out of balance": "#d9822b", "restricted": "#8793a0"}
_ROW_PX: Final = 19


def sector_figure(series: Sequence[tuple[str, Sequence[tuple[str, float]]]], *, band: float | None) -> go.Figure:
    """Return active weights by sector as bars in per cent, one series a moment or plan, with the tolerance band.

    series: pairs of a label and (sector, active weight as a fraction). band: the bound on either side, a fraction.
    """
    figure = go.Figure()
    for label, sectors in series:
        names = [name for name, _ in sectors]
        percents = [100 * active for _, active in sectors]
        figure.add_bar(y=names, x=percents, name=label, orientation="h", hovertemplate="%{y}: %{x:+.2f} %")
    _band(figure, None if band is None else 100 * band)
    figure.update_layout(
        barmode="group",
        height=380,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"title": "weight less target, % of value", "zeroline": True},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": -0.2},
        showlegend=len(series) > 1,
    )
    return figure


def drift_figure(
    rows: Sequence[tuple[str, float, str]], *, band: float | None, title: str, digits: int = 2
) -> go.Figure:
    """Return one bar a row in the unit of the title, the tolerance band behind them; colour and hover tell the state.

    rows: label, distance from target, and state: "" (within its band), "out of balance" or "restricted". band: the
    bound on either side, in the same unit; None where there is none.
    """
    figure = go.Figure()
    for state, colour in _STATES.items():
        chosen = [(label, value) for label, value, is_in in rows if is_in == state]
        if chosen:
            name = state or ("within its band" if band is not None else "no band is set")
            figure.add_bar(
                y=[label for label, _ in chosen],
                x=[value for _, value in chosen],
                orientation="h",
                name=name,
                marker={"color": colour, "pattern": {"shape": "/" if state else ""}},
                hovertemplate=f"%{{y}}: %{{x:+.{digits}f}}<extra>{name}</extra>",
            )
    _band(figure, band)
    figure.update_layout(
        height=120 + _ROW_PX * len(rows),
        bargap=0.25,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"title": title, "zeroline": True},
        yaxis={"categoryorder": "array", "categoryarray": [label for label, *_ in reversed(rows)], "dtick": 1},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        showlegend=True,
    )
    return figure


def _band(figure: go.Figure, band: float | None) -> None:
    if band is not None:
        figure.add_vrect(x0=-band, x1=band, opacity=0.14, line_width=0, fillcolor="gray", layer="below")
