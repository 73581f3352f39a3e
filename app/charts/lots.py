"""Which lots gain, which lose, and how long have they been held?"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import plotly.graph_objects as go

from engine.domain.accounts import Lot
from engine.domain.market import MarketSnapshot

_YEAR: Final = 366  # the first day count that is long-term whatever the calendar


def lot_ladder(lots: Sequence[Lot], market: MarketSnapshot, as_of: date) -> go.Figure:
    """Return each priced lot as a point: days held against unrealised gain in USD; left of the line is short-term."""
    priced = [lot for lot in lots if lot.security_id in market.marks]
    gains = [lot.quantity * market.marks[lot.security_id].price - lot.basis for lot in priced]
    figure = go.Figure()
    for label, wanted in (("loss", False), ("gain", True)):
        chosen = [(lot, gain) for lot, gain in zip(priced, gains, strict=True) if (gain >= Decimal(0)) is wanted]
        figure.add_scatter(
            x=[(as_of - lot.held_from).days for lot, _ in chosen],
            y=[float(gain) for _, gain in chosen],
            text=[f"{market.securities[lot.security_id].ticker} {lot.lot_id}" for lot, _ in chosen],
            mode="markers",
            name=label,
            marker={"size": 6, "opacity": 0.7},
            hovertemplate="%{text}<br>%{x} days<br>$%{y:,.0f}",
        )
    figure.add_vline(x=_YEAR, line_dash="dot", annotation_text="long-term", annotation_position="top right")
    figure.update_layout(
        height=340,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        xaxis={"title": "days held", "rangemode": "tozero"},
        yaxis={"title": "unrealised gain, USD"},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure
