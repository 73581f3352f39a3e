"""What a plan shows: trades, lots, what was not harvested, rules that bind, and plans beside each other."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pandas as pd

from app.tables.parts import named, table_of, usd
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS, Unit
from engine.domain.plans import Plan, Side, Trade, Washed
from engine.plan.sensitivity import Sensitivities, change
from engine.review.compare import PlanSummary
from engine.tax.matching import WASH_SALE_DAYS

_LOCKED: Final = WASH_SALE_DAYS + timedelta(days=1)
_RULES: Final = {"wash_sales": "wash-sale lock on"}  # the name of a lock, where a setting has it too


def trade_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a trade: sales by tax first, then purchases by amount."""
    trades = sorted(plan.trades, key=lambda trade: (trade.side is Side.BUY, _gain(trade), -trade.amount))
    return table_of(
        [
            {
                "side": trade.side.value,
                "shares": float(trade.quantity),
                "price": float(trade.price),
                "amount": float(trade.amount),
                "gain": _gain(trade) if trade.lots else None,
                "terms": " ".join(sorted({sale.term.value for sale in trade.lots})),
                "why": trade.reason.sentence,
                "worth_bp": trade.reason.worth_bp,
                **named(market, trade.security_id),
            }
            for trade in trades
        ],
        "ticker side shares price amount gain terms why worth_bp name sector",
    )


def sale_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a lot sold."""
    return table_of(
        [
            {
                **named(market, trade.security_id),
                "lot": sale.lot_id,
                "shares": float(sale.quantity),
                "term": sale.term.value,
                "amount": float(sale.quantity * trade.price),
                "gain": float(sale.gain),
            }
            for trade in plan.trades
            for sale in trade.lots
        ],
        "ticker name sector lot shares term amount gain",
    )


def wash_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a loss sold, or a row for each purchase that catches it: what a wash sale takes, and where to.

    free_from: the day from which the household may buy it again.
    """
    rows = []
    for trade in plan.trades:
        for sale in trade.lots:
            if sale.gain >= 0:
                continue
            row = {
                **named(market, trade.security_id),
                "lot": sale.lot_id,
                "shares": float(sale.quantity),
                "loss": float(-sale.gain),
                "free_from": plan.as_of + _LOCKED,
            }
            rows += [{**row, **_caught(one)} for one in trade.washed if one.lot_id == sale.lot_id] or [
                {**row, "disallowed": 0.0, "goes_to": "stays deductible while nobody buys before then"}
            ]
    return table_of(rows, "ticker lot shares loss disallowed goes_to free_from name sector")


def _caught(one: Washed) -> dict[str, Any]:
    shares = f"{one.quantity.normalize():f} shares that {one.account_id} buys on {one.on}"
    what = f"into the basis of {shares}" if one.deferred else f"lost for good to {shares}, a retirement account"
    return {"disallowed": float(one.disallowed), "goes_to": what}


def not_harvested_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a loss lot that stays, largest first, and why."""
    return table_of(
        [
            {**named(market, lot.security_id), "lot": lot.lot_id, "loss": float(lot.loss), "why": lot.sentence}
            for lot in sorted(plan.not_harvested, key=lambda lot: -lot.loss)
        ],
        "ticker name sector lot loss why",
    )


def binding_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a rule at its limit, the dearest first."""
    return table_of(
        [
            {
                "rule": rule_text(rule.rule, market),
                "price_bp": rule.price_bp,
                "price_usd": None if rule.price_usd is None else float(rule.price_usd),
                "detail": rule.detail,
            }
            for rule in sorted(plan.binding, key=lambda rule: -abs(rule.price_bp))
        ],
        "rule price_bp price_usd detail",
    )


def rule_text(rule: str, market: MarketSnapshot) -> str:
    """Return a rule's name as people say it: a setting by its label, a restriction in words, securities by ticker."""
    words = []
    for place, word in enumerate(rule.split(" ")):
        known = market.securities.get(SecurityId(word))
        if known is not None:
            words.append(known.ticker)
        elif place == 0:
            label = _RULES.get(word) or (MEANINGS[word].label if word in MEANINGS else word.replace("_", " "))
            words.append(label[:1].upper() + label[1:])
        else:
            words.append(word.replace(":", " ") if word.startswith(("sector:", "tag:")) else word)
    return " ".join(words)


def comparison_table(plans: Sequence[tuple[str, PlanSummary]], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a figure and one column a plan, as text, so that plans are read side by side."""
    rows: list[tuple[str, Any]] = [
        ("Tracking error after, % a year", lambda s: f"{s.tracking_error:.3%}"),
        ("Tax now, USD (below zero: saved)", lambda s: f"{s.tax_now:,.0f}"),
        ("Losses harvested, USD", lambda s: f"{s.harvested_loss:,.0f}"),
        ("Turnover, one-way", lambda s: f"{s.turnover:.2%}"),
        ("Trades", lambda s: f"{s.trades}"),
        ("Trading cost, bp", lambda s: f"{s.cost_bp:.2f}"),
        ("Objective, bp", lambda s: f"{s.objective_bp:.2f}"),
        ("Certified gap, bp", lambda s: f"{s.gap_bp:.3f}"),
        ("of it for whole shares, bp", lambda s: "—" if s.rounding_bp is None else f"{s.rounding_bp:.3f}"),
        ("Cash after", lambda s: f"{s.cash_weight:.2%}"),
        (
            "Largest active weights",
            lambda s: ", ".join(f"{market.securities[name].ticker} {w:+.2%}" for name, w in s.largest_active[:3]),
        ),
        ("Largest sector drift", lambda s: _largest_sector(s.sectors)),
    ]
    return pd.DataFrame(
        {"figure": [label for label, _ in rows], **{name: [show(s) for _, show in rows] for name, s in plans}}
    )


def sensitivity_table(found: Sensitivities) -> pd.DataFrame:
    """Return one row a step of a setting: its value then, and what it changes."""
    rows = []
    for each in found.settings:
        for direction, step in (("tighter", each.tighter), ("looser", each.looser)):
            if step is None:
                continue
            changed = change(found.base, each, step)
            rows.append(
                {
                    "setting": MEANINGS[each.setting].label,
                    "direction": direction,
                    "moved": f"{setting_text(each.setting, each.value)} → {setting_text(each.setting, step.value)}",
                    "tax_change": None if changed is None else float(changed.tax_usd),
                    "te_change_pp": None if changed is None else _shown(100 * changed.tracking_error),
                    "objective_change_bp": None if changed is None else _shown(changed.objective_bp),
                    "trades_change": None if changed is None else changed.trades,
                    "gap_bp": None if changed is None else changed.gap_bp,
                    "state": "no plan obeys the rules then" if changed is None else "",
                }
            )
    return table_of(
        rows,
        "setting direction moved tax_change te_change_pp objective_change_bp trades_change gap_bp state",
    )


def _shown(amount: float | None) -> float | None:
    """Return an amount as three decimals show it, a negative zero as zero."""
    return None if amount is None else round(amount, 3) + 0.0


def setting_text(name: str, value: Any) -> str:
    """Return a setting's value with its unit, as a person reads it."""
    unit = MEANINGS[name].unit
    if value is None:
        return "no limit"
    if unit in (Unit.WEIGHT, Unit.YEARLY, Unit.SHARE):
        return f"{100 * float(value):.4g} %"
    if unit is Unit.USD:
        return usd(value)
    if unit is Unit.BP:
        return f"{float(value):g} bp"
    if unit in (Unit.NUMBER, Unit.COUNT):
        return f"{float(value):,g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple | Mapping) else str(value)


def _gain(trade: Trade) -> float:
    return float(sum(sale.gain for sale in trade.lots))


def _largest_sector(sectors: Sequence[tuple[str, float]]) -> str:
    if not sectors:
        return ""
    name, active = max(sectors, key=lambda pair: abs(pair[1]))
    return f"{name} {active:+.2%}"
