"""What a plan shows: trades, lots, what was not harvested, rules that bind, and plans beside each other."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from app.steps.why import TradeReason
from app.tables.parts import named, table_of, usd
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS, Unit
from engine.domain.plans import Plan, Side, Trade, Washed
from engine.plan.gifting import Gift
from engine.plan.sensitivity import Sensitivities, change
from engine.tax.matching import WASH_SALE_DAYS

_LOCKED: Final = WASH_SALE_DAYS + timedelta(days=1)
_RULES: Final = {"wash_sales": "wash-sale lock on"}  # the name of a lock, where a setting has it too


def trade_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a trade: sales by tax first, then purchases by amount."""
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
            for trade in trades_shown(plan)
        ],
        "ticker side shares price amount gain terms why worth_bp name sector",
    )


def trades_shown(plan: Plan) -> tuple[Trade, ...]:
    """Return the trades in the order of trade_table's rows."""
    return tuple(sorted(plan.trades, key=lambda trade: (trade.side is Side.BUY, _gain(trade), -trade.amount)))


def reason_table(reason: TradeReason) -> pd.DataFrame:
    """Return what a trade does for the plan, part by part, and what the plan would lose without it."""
    parts: list[tuple[str, float | None, Decimal]] = [*reason.parts]
    if reason.worth_usd is not None:
        parts.append(("The plan without it, all else solved again", reason.trade.reason.worth_bp, reason.worth_usd))
    return table_of(
        [{"part": name, "bp": _shown(bp), "usd": float(amount)} for name, bp, amount in parts], "part bp usd"
    )


def lot_choice_table(reason: TradeReason) -> pd.DataFrame:
    """Return the lots of a traded name in the order in which they go: what is sold of each, what each would cost."""
    return table_of(
        [
            {
                "lot": each.lot.lot_id,
                "acquired": each.lot.acquired,
                "term": each.term.value,
                "shares": float(each.lot.quantity),
                "sold": float(each.sold),
                "gain": float(each.gain),
                "tax_per_100": float(each.tax_per_100),
                "kept_because": each.kept_because,
            }
            for each in reason.lots
        ],
        "lot acquired term shares sold gain tax_per_100 kept_because",
    )


def gift_table(gifts: Sequence[Gift], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a lot to give away: its worth, the gain that is not realised, and the tax that this avoids."""
    return table_of(
        [
            {
                **named(market, gift.lot.security_id),
                "lot": gift.lot.lot_id,
                "acquired": gift.lot.acquired,
                "shares": float(gift.quantity),
                "value": float(gift.value),
                "gain": float(gift.gain),
                "tax_avoided": float(gift.tax),
            }
            for gift in gifts
        ],
        "ticker name lot acquired shares value gain tax_avoided",
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
