"""How do plans of one account differ? Their figures, their settings and their trades, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from app.steps.plan import WhatIf
from app.tables.parts import named
from app.tables.plan import setting_text
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS
from engine.domain.plans import Plan, Side
from engine.review.compare import PlanSummary

BEST: Final = "★"
Named = Sequence[tuple[str, WhatIf]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """good: how good a value is; None where none is better, or only under the same settings."""

    label: str
    show: Callable[[PlanSummary], str]
    good: Callable[[PlanSummary], float] | None = None


_FIGURES: Final = (
    _Figure(label="Tracking error after, % a year", show=lambda s: f"{s.tracking_error:.3%}",
            good=lambda s: -s.tracking_error),
    _Figure(label="Tax now, USD (below zero: saved)", show=lambda s: f"{s.tax_now:+,.0f}",
            good=lambda s: -float(s.tax_now)),
    _Figure(label="Losses harvested, USD", show=lambda s: f"{s.harvested_loss:,.0f}",
            good=lambda s: float(s.harvested_loss)),
    _Figure(label="Turnover, one-way", show=lambda s: f"{s.turnover:.2%}", good=lambda s: -float(s.turnover)),
    _Figure(label="Trades", show=lambda s: f"{s.trades}", good=lambda s: -s.trades),
    _Figure(label="Trading cost, bp", show=lambda s: f"{s.cost_bp:.2f}", good=lambda s: -s.cost_bp),
    _Figure(label="Objective, bp (of its settings)", show=lambda s: f"{s.objective_bp:.2f}"),
    _Figure(label="Certified gap, bp", show=lambda s: f"{s.gap_bp:.3f}", good=lambda s: -s.gap_bp),
    _Figure(label="of it for whole shares, bp",
            show=lambda s: "—" if s.rounding_bp is None else f"{s.rounding_bp:.3f}"),
    _Figure(label="Cash after", show=lambda s: f"{s.cash_weight:.2%}"),
    _Figure(label="Largest sector drift", show=lambda s: _largest_sector(s.sectors)),
)  # fmt: skip


def comparison_table(plans: Named) -> pd.DataFrame:
    """Return one row a figure and one column a plan, as text; the best of those that differ has a star."""
    columns = {name: [figure.show(found.summary) for figure in _FIGURES] for name, found in plans}
    for row, figure in enumerate(_FIGURES):
        if figure.good is None or len({texts[row] for texts in columns.values()}) == 1:
            continue
        best = figure.show(max((found.summary for _, found in plans), key=figure.good))
        for texts in columns.values():
            if texts[row] == best:
                texts[row] = f"{BEST} {best}"
    return pd.DataFrame({"figure": [figure.label for figure in _FIGURES], **columns})


def settings_table(plans: Named) -> pd.DataFrame:
    """Return one row a setting in which these plans differ, and one column a plan; without a row where none differs."""
    rows = []
    for setting, meaning in MEANINGS.items():
        values = [getattr(found.plan.settings, setting) for _, found in plans]
        if any(value != values[0] for value in values):
            texts = {name: setting_text(setting, value) for (name, _), value in zip(plans, values, strict=True)}
            rows.append({"setting": meaning.label, **texts})
    return pd.DataFrame(rows, columns=["setting", *(name for name, _ in plans)])


def differing_trades_table(plans: Named, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a name that these plans do not trade alike, the largest difference first.

    A column a plan: what it buys, USD, below zero what it sells; empty where it does not trade the name. only_in: the
    plans that trade it, where others do not.
    """
    signed = {name: _signed_amounts(found.plan) for name, found in plans}
    rows: list[tuple[Decimal, dict[str, Any]]] = []
    for security_id in sorted({each for amounts in signed.values() for each in amounts}):
        amounts = {name: own.get(security_id) for name, own in signed.items()}
        present = [name for name, amount in amounts.items() if amount is not None]
        values = [amount or Decimal(0) for amount in amounts.values()]
        spread = max(values) - min(values)
        if spread == 0:
            continue
        row = {
            **named(market, security_id),
            **{name: None if amount is None else float(amount) for name, amount in amounts.items()},
            "only_in": "" if len(present) == len(plans) else ", ".join(present),
            "spread": float(spread),
        }
        rows.append((spread, row))
    rows.sort(key=lambda entry: -entry[0])
    return pd.DataFrame([row for _, row in rows], columns=["ticker", "name", *signed, "only_in", "spread"])


def _signed_amounts(plan: Plan) -> dict[str, Decimal]:
    return {trade.security_id: trade.amount if trade.side is Side.BUY else -trade.amount for trade in plan.trades}


def _largest_sector(sectors: Sequence[tuple[str, float]]) -> str:
    if not sectors:
        return ""
    name, active = max(sectors, key=lambda pair: abs(pair[1]))
    return f"{name} {active:+.2%}"
