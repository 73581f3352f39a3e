"""The 61 days around a loss, and the month of locks ahead."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import plotly.graph_objects as go

from engine.domain.accounts import Account, Transaction, TransactionType
from engine.domain.identifiers import AccountId
from engine.domain.plans import Lock, LockRule
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.realised import Loss

_BUYS: Final = frozenset({TransactionType.BUY, TransactionType.REINVEST})
_ROW_PX: Final = 44
_LABEL: Final = {-1: "top right", 0: "top center", 1: "top left"}  # clear of a line that falls, lies or rises
_LOSS: Final = "#d9413b"
_CAUGHT: Final = "#d9822b"
_OTHER: Final = "#8793a0"  # seen on white and on black
_LABELS: Final = {LockRule.NO_BUY: "do not buy", LockRule.NO_LOSS_SALE: "do not sell at a loss"}
_COLOURS: Final = {LockRule.NO_BUY: _CAUGHT, LockRule.NO_LOSS_SALE: "#4a8fd6"}


def window_figure(
    loss: Loss, rows: Sequence[Transaction], *, as_of: date, accounts: Mapping[AccountId, Account]
) -> go.Figure:
    """Return the 61 days around a loss: a row an account, purchases up, sales down, lines to the shares that caught it.

    A line's label is the number of matched shares; a purchase that caught none is hollow. Every account has its row,
    also one that did nothing.
    """
    row_of = {name: row for row, name in enumerate(reversed(tuple(accounts)))}
    caught = {match.transaction_id: match for match in loss.matches}
    figure = go.Figure()
    for row in rows:
        match = caught.get(row.transaction_id)
        if match is not None:
            leans = (row.trade_date - loss.trade_date).days * (row_of[row.account_id] - row_of[loss.account_id])
            leans = (leans > 0) - (leans < 0)
            ends = row_of[loss.account_id], row_of[row.account_id]
            figure.add_scatter(
                x=[loss.trade_date, loss.trade_date + (row.trade_date - loss.trade_date) / 2, row.trade_date],
                y=[ends[0], sum(ends) / 2, ends[1]],
                mode="lines+text",
                text=["", f"{match.quantity.normalize():f} shares", ""],
                textposition=_LABEL[leans],
                line={"dash": "dot", "width": 2, "color": _CAUGHT},
                showlegend=False,
                hoverinfo="skip",
            )
    kinds = (
        ("moved, given or split", "circle-open", _OTHER, lambda row: row.type not in _BUYS
         and row.type is not TransactionType.SELL and row.transaction_id not in caught),
        ("sold", "triangle-down-open", _OTHER, lambda row: row.type is TransactionType.SELL
         and row.transaction_id != loss.transaction_id),
        ("bought", "triangle-up-open", _OTHER, lambda row: row.type in _BUYS and row.transaction_id not in caught),
        ("bought, caught the loss", "triangle-up", _CAUGHT, lambda row: row.transaction_id in caught),
        ("the loss", "x", _LOSS, lambda row: row.transaction_id == loss.transaction_id),
    )  # fmt: skip
    for label, symbol, colour, belongs in kinds:
        chosen = [row for row in rows if belongs(row)]
        if chosen:
            figure.add_scatter(
                x=[row.trade_date for row in chosen],
                y=[row_of[row.account_id] for row in chosen],
                text=[
                    f"{row.account_id}: {row.type.value.replace('_', ' ')} {row.quantity.normalize():f} at {row.price}"
                    for row in chosen
                ],
                mode="markers",
                name=label,
                marker={"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2, "color": colour}},
                hovertemplate="%{x|%d %b %Y}<br>%{text}",
            )
    first, last = loss.trade_date - WASH_SALE_DAYS, loss.trade_date + WASH_SALE_DAYS
    figure.add_vrect(x0=first, x1=last, opacity=0.1, line_width=0, fillcolor="gray", layer="below")
    if first <= as_of <= last:
        figure.add_vline(x=as_of, line_dash="dash", line_width=1, line_color=_OTHER)
        figure.add_annotation(x=as_of, y=1, yref="paper", text="today", showarrow=False, yanchor="bottom")
    figure.update_layout(
        height=150 + _ROW_PX * len(accounts),
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        xaxis={"range": [first - timedelta(days=1), last + timedelta(days=1)], "tickformat": "%d %b"},
        yaxis={
            "range": [-0.6, len(accounts) - 0.4],
            "tickvals": [*row_of.values()],
            "ticktext": [f"{name} · {accounts[name].registration.value}" for name in row_of],
            "zeroline": False,
        },
        legend={"orientation": "h", "y": -0.35},
    )
    return figure


def lock_figure(locks: Sequence[Lock], *, as_of: date) -> go.Figure:
    """Return how many names are locked on each day from as_of until all are free, by what may not be done."""
    until: dict[tuple[LockRule, str], date] = {}
    for lock in locks:
        key = (lock.rule, lock.identical_group)
        until[key] = max(lock.until, until.get(key, lock.until))
    days = [as_of + timedelta(k) for k in range((max(until.values()) - as_of).days + 1)]
    figure = go.Figure()
    for rule in LockRule:
        ends = [end for (locked, _), end in until.items() if locked is rule]
        if ends:
            figure.add_bar(
                x=days,
                y=[sum(day < end for end in ends) for day in days],
                name=_LABELS[rule],
                marker={"color": _COLOURS[rule]},
                hovertemplate="%{x|%d %b}: %{y} names",
            )
    figure.update_layout(
        barmode="group",
        height=220,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"tickformat": "%d %b"},
        yaxis={"title": "names locked", "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.3},
        showlegend=True,
    )
    return figure
