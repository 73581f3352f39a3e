"""Where in the book are the dollars? Drift against the tax that harvesting saves, one tile a pair of ranges."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
import plotly.graph_objects as go

_SCALE: Final = ((0.0, "#dce9f7"), (0.5, "#5aa0e0"), (1.0, "#0b3f78"))  # one hue, light to dark: no colour to mix up
_CHOSEN: Final = "#d9822b"
_DARK_FROM: Final = 0.45


def heat_figure(
    cells: pd.DataFrame,
    *,
    drifts: Sequence[str],
    savings: Sequence[str],
    dollars: bool,
    chosen: tuple[Sequence[str], Sequence[str]],
) -> go.Figure:
    """Return one bar a cell, which can be clicked: drift to the right, tax saved upwards, its number written in it.

    cells: as app.tables.book.heat makes them. dollars: colour by at_stake
    instead of accounts. chosen: the drifts and savings filtered by, whose cells get a frame. A bar's customdata begins
    with its drift and its saving.
    """
    figures, words = ("at_stake", "dollars") if dollars else ("accounts", "count")
    most = float(cells[figures].max()) if len(cells) else 1.0
    shares = [
        (float(value) / most) ** 0.5 if most else 0.0 for value in cells[figures]
    ]  # many cells are small beside one
    framed = [_is_chosen(drift, saving, chosen) for drift, saving in zip(cells["drift"], cells["saving"], strict=True)]
    figure = go.Figure(
        go.Bar(
            x=[drifts.index(drift) for drift in cells["drift"]],
            y=[1.0] * len(cells),
            base=[savings.index(saving) - 0.5 for saving in cells["saving"]],
            width=1.0,
            customdata=cells[["drift", "saving", "accounts", "at_stake"]].astype(object).to_numpy(),
            text=list(cells[words]),
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": ["#ffffff" if share > _DARK_FROM else "#1c2733" for share in shares], "size": 12},
            marker={
                "color": shares,
                "colorscale": [list(stop) for stop in _SCALE],
                "cmin": 0.0,
                "cmax": 1.0,
                "line": {"color": [_CHOSEN if each else "#8793a0" for each in framed],
                         "width": [3 if each else 0.5 for each in framed]},
            },
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            hovertemplate="drift %{customdata[0]}, saves %{customdata[1]}<br>%{customdata[2]:,} accounts, "
            "$%{customdata[3]:,.0f} at stake<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(
        height=290,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        dragmode=False,
        bargap=0,
        xaxis={"title": "largest drift of a name", "tickvals": list(range(len(drifts))), "ticktext": list(drifts),
               "range": [-0.5, len(drifts) - 0.5], "showgrid": False, "zeroline": False, "fixedrange": True},
        yaxis={"title": "tax that harvesting saves", "tickvals": list(range(len(savings))), "ticktext": list(savings),
               "range": [-0.5, len(savings) - 0.5], "showgrid": False, "zeroline": False, "fixedrange": True},
    )  # fmt: skip
    return figure


def _is_chosen(drift: str, saving: str, chosen: tuple[Sequence[str], Sequence[str]]) -> bool:
    drifts, savings = chosen
    return bool(drifts or savings) and (not drifts or drift in drifts) and (not savings or saving in savings)
