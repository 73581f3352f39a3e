"""Which lots gain, which lose, and when does each turn long-term?"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple

import plotly.graph_objects as go

from engine.domain.accounts import Lot
from engine.domain.market import MarketSnapshot
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import long_term_on

_KINDS: Final = (  # loss, long-term, label, colour: orange for losses, blue for gains, light while short-term
    (True, False, "short-term loss", "#f0a860"),
    (True, True, "long-term loss", "#b35c00"),
    (False, False, "short-term gain", "#7fb6ea"),
    (False, True, "long-term gain", "#0b5cad"),
)


class _Rung(NamedTuple):
    gain: float  # USD
    days: int  # until a sale is long-term; <= 0 where it is
    text: str


def lot_ladder(lots: Sequence[Lot], market: MarketSnapshot, as_of: date) -> go.Figure:
    """Return a bar for each priced lot, the largest loss first, as high as its unrealised gain in USD."""
    rungs = sorted(_rungs(lots, market, as_of))
    places = {id(rung): place for place, rung in enumerate(rungs, start=1)}
    figure = _bars(rungs, lambda rung: places[id(rung)])
    figure.update_xaxes(title="lots, largest loss first")
    return figure


def turning_figure(lots: Sequence[Lot], market: MarketSnapshot, as_of: date) -> go.Figure:
    """Return a bar for each priced short-term lot: days until it is long-term against its unrealised gain in USD."""
    figure = _bars([rung for rung in _rungs(lots, market, as_of) if rung.days > 0], lambda rung: rung.days)
    figure.update_xaxes(title="days until long-term", rangemode="tozero")
    return figure


def _rungs(lots: Sequence[Lot], market: MarketSnapshot, as_of: date) -> list[_Rung]:
    rungs = []
    for lot in lots:
        if lot.security_id not in market.marks:
            continue
        price = market.marks[lot.security_id].price
        turns = long_term_on(held_from_at(lot, price))
        days = (turns - as_of).days
        until = f"{days} days until long-term" if days > 0 else f"long-term since {turns:%d %b %Y}"
        named = f"{market.securities[lot.security_id].ticker} {lot.lot_id}, {lot.quantity.normalize():,f} shares"
        gain = float(lot.quantity * price - basis_at(lot, price))
        rungs.append(_Rung(gain, days, f"{named}<br>{until}"))
    return rungs


def _bars(rungs: Sequence[_Rung], place: Callable[[_Rung], int]) -> go.Figure:
    figure = go.Figure()
    for is_loss, is_long, label, colour in _KINDS:
        chosen = [rung for rung in rungs if (rung.gain < 0) is is_loss and (rung.days <= 0) is is_long]
        if chosen:
            figure.add_bar(
                x=[place(rung) for rung in chosen],
                y=[rung.gain for rung in chosen],
                width=1,
                hovertext=[rung.text for rung in chosen],
                name=label,
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="%{hovertext}<br>%{y:+$,.0f}<extra>" + label + "</extra>",
            )
    figure.update_layout(
        barmode="relative",
        height=340,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        yaxis={"title": "unrealised gain, USD", "tickformat": "~s"},
        legend={"orientation": "h", "y": -0.25},
        showlegend=True,
    )
    return figure
