"""Which lots gain, which lose, and when does each turn long-term? No more bars than an eye can tell apart."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby, pairwise
from typing import Final, NamedTuple

import plotly.graph_objects as go

from engine.domain.accounts import Lot
from engine.domain.market import MarketSnapshot
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import long_term_on

MAX_BARS: Final = 300
"""Up to so many lots each has a bar of its own; of more, neighbours share one."""
_ENDS: Final = 40  # lots at either end of the ladder that never share one
_SHARED: Final = 110  # groups between them, each of up to four kinds, mostly two
_KINDS: Final = (  # loss, long-term, label, colour: orange for losses, blue for gains, light while short-term
    (True, False, "short-term loss", "#f0a860"),
    (True, True, "long-term loss", "#b35c00"),
    (False, False, "short-term gain", "#7fb6ea"),
    (False, True, "long-term gain", "#0b5cad"),
)
_LABELS: Final = {(is_loss, is_long): label for is_loss, is_long, label, _ in _KINDS}


class Rung(NamedTuple):
    """A priced lot by its unrealised gain, USD. turns: the day from which a sale is long-term; days until then."""

    gain: float
    days: int
    turns: date
    lot: Lot

    @property
    def label(self) -> str:
        return _LABELS[self.gain < 0, self.days <= 0]


class _Bar(NamedTuple):
    place: float
    width: float
    height: float
    label: str
    text: str


def rungs_of(lots: Iterable[Lot], market: MarketSnapshot, as_of: date) -> list[Rung]:
    """Return the lots that have a price, the largest loss first."""
    rungs = []
    for lot in lots:
        mark = market.marks.get(lot.security_id)
        if mark is not None:
            turns = long_term_on(held_from_at(lot, mark.price))
            gain = float(lot.quantity * mark.price - basis_at(lot, mark.price))
            rungs.append(Rung(gain, (turns - as_of).days, turns, lot))
    return sorted(rungs, key=lambda rung: rung[:2])


def lot_ladder(rungs: Sequence[Rung], market: MarketSnapshot) -> go.Figure:
    """Return the lots side by side, the largest loss first, each as high as its unrealised gain in USD.

    Of more than MAX_BARS lots, those between the largest losses and gains share bars: neighbours of one kind have one,
    as wide as they are many and as high as their mean, so that its area is what they gain together.
    """
    figure = _figure([bar for start, group in _neighbours(rungs) for bar in _side_by_side(start, group, market)])
    figure.update_xaxes(title="lots, largest loss first")
    return figure


def turning_figure(rungs: Sequence[Rung], market: MarketSnapshot) -> go.Figure:
    """Return a bar for each short-term lot: days until it is long-term against its unrealised gain in USD.

    Of more than MAX_BARS lots, those of one day and kind share a bar, as high as theirs would be on top of each other.
    """
    short = [rung for rung in rungs if rung.days > 0]
    is_shared = len(short) > MAX_BARS
    groups = _by_day_and_kind(short) if is_shared else [[rung] for rung in short]
    figure = _figure(
        [_Bar(group[0].days, 1, sum(r.gain for r in group), group[0].label, _words(group, market)) for group in groups]
    )
    title = "days until long-term" + (", the lots of a day together" if is_shared else "")
    figure.update_xaxes(title=title, rangemode="tozero")
    return figure


def sharing(rungs: Sequence[Rung]) -> str:
    """Return in a sentence which lots share a bar of the ladder; nothing where none does."""
    if len(rungs) <= MAX_BARS:
        return ""
    most = max(len(group) for _, group in _neighbours(rungs))
    return (
        f"Of {len(rungs):,} lots the {_ENDS} at either end have a bar each. Between them up to {most} neighbours share "
        "one: as wide as they are many, as high as their mean. The table holds every lot."
    )


def _neighbours(rungs: Sequence[Rung]) -> list[tuple[int, Sequence[Rung]]]:
    """Return lots in their order, in groups, each with how many lots stand before it."""
    if len(rungs) <= MAX_BARS:
        edges = [*range(len(rungs) + 1)]
    else:
        last = len(rungs) - _ENDS
        size = -(-(last - _ENDS) // _SHARED)
        edges = [*range(_ENDS), *range(_ENDS, last, size), *range(last, len(rungs) + 1)]
    return [(start, rungs[start:end]) for start, end in pairwise(edges)]


def _side_by_side(start: int, group: Sequence[Rung], market: MarketSnapshot) -> list[_Bar]:
    """Return a bar for each kind of a group of neighbours; lot number n is drawn from n - 1/2 to n + 1/2."""
    bars, edge = [], start + 0.5
    for label in _LABELS.values():
        own = [rung for rung in group if rung.label == label]
        if own:
            mean = sum(rung.gain for rung in own) / len(own)
            bars.append(_Bar(edge + len(own) / 2, len(own), mean, label, _words(own, market)))
            edge += len(own)
    return bars


def _by_day_and_kind(rungs: Sequence[Rung]) -> list[list[Rung]]:
    def key(rung: Rung) -> tuple[int, str]:
        return rung.days, rung.label

    return [list(group) for _, group in groupby(sorted(rungs, key=key), key)]


def _words(group: Sequence[Rung], market: MarketSnapshot) -> str:
    """Return what a bar says under the pointer: the one lot that it stands for, or its many together."""
    if len(group) > 1:
        gains = [rung.gain for rung in group]
        return f"{len(group):,} lots, {_usd(min(gains))} to {_usd(max(gains))} each<br>together {_usd(sum(gains))}"
    gain, days, turns, lot = group[0]
    until = f"{days} days until long-term" if days > 0 else f"long-term since {turns:%d %b %Y}"
    name = f"{market.securities[lot.security_id].ticker} {lot.lot_id}, {lot.quantity.normalize():,f} shares"
    return f"{name}<br>{until}<br>{_usd(gain)}"


def _figure(bars: Sequence[_Bar]) -> go.Figure:
    traces = [
        {
            "type": "bar",
            "x": [bar.place for bar in own],
            "y": [bar.height for bar in own],
            "width": [bar.width for bar in own],
            "hovertext": [bar.text for bar in own],
            "name": label,
            "marker": {"color": colour, "line": {"width": 0}},
            "hovertemplate": "%{hovertext}<extra>" + label + "</extra>",
        }
        for _, _, label, colour in _KINDS
        if (own := [bar for bar in bars if bar.label == label])
    ]
    layout = {
        "barmode": "relative",
        "height": 340,
        "margin": {"l": 8, "r": 8, "t": 24, "b": 8},
        "yaxis": {"title": {"text": "unrealised gain, USD"}, "tickformat": "~s"},
        "legend": {"orientation": "h", "y": -0.25},
        "showlegend": True,
    }
    return go.Figure({"data": traces, "layout": layout})


def _usd(amount: float) -> str:
    """Return dollars with their sign before the dollar sign, as every table has it."""
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.0f}"
