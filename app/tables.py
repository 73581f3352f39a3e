"""Domain values as tables for the screen: one function a table, display units, no Streamlit.

Weights, drifts, returns and tracking errors are percentages here; money is USD as float, for the eye only. Column
names are the keys of app.columns, which says how each is shown.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from app.steps.review import Adjusted
from data.audit import AuditRow
from data.orders import Acknowledgement
from data.outbox import OutboxRow
from data.plans import PlanHead, PlanMove
from engine.domain.accounts import AccountSnapshot, Restriction
from engine.domain.identifiers import AccountId, SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS, Unit
from engine.domain.orders import Block
from engine.domain.plans import Lock, Plan, Side, Trade
from engine.execute.fills import FilledOrder
from engine.execute.reconcile import Break
from engine.monitor.account_scan import AccountScan
from engine.monitor.drift import GroupDrift
from engine.plan.sensitivity import Sensitivities, change
from engine.review.compare import PlanSummary
from engine.tax.holding import term

_REASONS: Final = {
    "data_problem": "data problem",
    "out_of_balance": "out of balance",
    "cash_low": "cash low",
    "cash_high": "cash high",
    "harvestable": "harvestable",
    "market_move": "market move",
    "gains_budget": "gains budget",
    "lock_ending": "lock ending",
}
_BLOCKED: Final = {
    "wash_sale_lock": "bought in the household within 30 days: a wash sale",
    "restricted": "a restriction says not to sell it",
    "not_tradable": "it cannot be traded",
    "pending": "an order for it is on its way",
    "below_threshold": "the loss is smaller than the settings ask for",
}
_RULES: Final = {"wash_sales": "wash-sale lock on"}  # the name of a lock, where a setting has it too
REASONS: Final = tuple(_REASONS.values())


def queue_table(documents: Mapping[AccountId, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row an account, in the queue's order, from the documents of a scan."""
    return _frame(
        [
            {
                "account": account_id,
                "household": seen["household"],
                "advisor": seen["advisor"],
                "registration": seen["registration"],
                "custodian": seen["custodian"],
                "at_stake": seen["dollars_at_stake"],
                "reasons": [_REASONS[reason] for reason in seen["reasons"]],
                "nav": seen["nav"],
                "te_pct": 100 * seen["tracking_error"],
                "max_active_pct": 100 * seen["max_active_weight"],
                "cash_pct": 100 * seen["cash"]["weight"],
                "tax_saved": seen["harvest"]["tax_saved"],
                "st_loss": seen["harvest"]["st_loss"],
                "lt_loss": seen["harvest"]["lt_loss"],
                "locks": len(seen["locks"]),
                "data_age_days": seen["data_age_days"],
                "fenced": seen["fenced"],
            }
            for account_id, seen in documents.items()
        ],
        "account household advisor registration custodian at_stake reasons nav te_pct max_active_pct cash_pct "
        "tax_saved st_loss lt_loss locks data_age_days fenced",
    )


def filtered_queue(
    queue: pd.DataFrame, *, search: str, reasons: Sequence[str], columns: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the rows that hold the searched text and any of the reasons, and one of the values of each column."""
    keep = pd.Series(data=True, index=queue.index)
    if search.strip():
        text = (queue["account"] + " " + queue["household"] + " " + queue["advisor"]).str.lower()
        keep &= text.str.contains(search.strip().lower(), regex=False)
    if reasons:
        wanted = set(reasons)
        keep &= queue["reasons"].map(lambda found: bool(wanted & set(found)))
    for name, values in columns.items():
        if values:
            keep &= queue[name].isin(list(values))
    return queue[keep].reset_index(drop=True)


def drift_table(scan: AccountScan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a name held or followed, largest drift first."""
    return _frame(
        [
            {
                **_security(market, drift.security_id),
                "weight_pct": 100 * drift.weight,
                "target_pct": 100 * drift.target,
                "active_pct": 100 * drift.active,
                "state": "out of balance" if drift.outside else "restricted" if drift.restricted else "",
            }
            for drift in scan.names
        ],
        "ticker name sector weight_pct target_pct active_pct state",
    )


def factor_table(drifts: Sequence[GroupDrift]) -> pd.DataFrame:
    """Return the active exposure to each factor of the risk model, largest first."""
    return _frame(
        [{"factor": d.name, "exposure": d.active, "state": "out of balance" if d.outside else ""} for d in drifts],
        "factor exposure state",
    )


def lot_table(snapshot: AccountSnapshot, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a tax lot, largest loss first; lots without a price last."""
    rows = []
    for lot in snapshot.lots:
        mark = market.marks.get(lot.security_id)
        value = None if mark is None else float(lot.quantity * mark.price)
        gain = None if value is None else value - float(lot.basis)
        rows.append(
            {
                **_security(market, lot.security_id),
                "lot": lot.lot_id,
                "acquired": lot.acquired,
                "term": term(lot.held_from, snapshot.as_of).value,
                "shares": float(lot.quantity),
                "basis": float(lot.basis),
                "value": value,
                "gain": gain,
                "gain_pct": None if gain is None or not lot.basis else 100 * gain / float(lot.basis),
                "wash_adjustment": float(lot.wash_adjustment) if lot.wash_adjustment else None,
            }
        )
    frame = _frame(rows, "ticker name sector lot acquired term shares basis value gain gain_pct wash_adjustment")
    return frame.sort_values("gain", na_position="last", ignore_index=True)


def harvest_table(scan: AccountScan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a lot at a loss: what it saves today, or why it cannot be harvested and until when."""
    return _frame(
        [
            {
                **_security(market, lot.security_id),
                "lot": lot.lot_id,
                "term": lot.term.value,
                "shares": float(lot.quantity),
                "loss": float(lot.loss),
                "tax_saved": float(lot.tax_saved),
                "blocked": _BLOCKED.get(lot.blocked or "", lot.blocked or ""),
                "until": lot.until,
            }
            for lot in scan.harvest.lots
        ],
        "ticker name sector lot term shares loss tax_saved blocked until",
    )


def lock_table(locks: Sequence[Lock], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a wash-sale lock of the household."""
    rules = {"no_buy": "do not buy back", "no_loss_sale": "do not sell at a loss"}
    members: dict[str, list[str]] = {}
    for security in market.securities.values():
        members.setdefault(security.group, []).append(security.ticker)
    return _frame(
        [
            {
                "ticker": ", ".join(members.get(lock.identical_group, [lock.identical_group])),
                "rule": rules[lock.rule.value],
                "free_from": lock.until,
                "cause": lock.cause,
            }
            for lock in sorted(locks, key=lambda lock: (lock.until, lock.identical_group))
        ],
        "ticker rule free_from cause",
    )


def move_table(scan: AccountScan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a market move since the last scan that needs attention."""
    return _frame(
        [
            {
                **_security(market, move.security_id),
                "change_pct": 100 * move.change,
                "sigmas": move.sigmas,
                "dollars": float(move.dollars),
            }
            for move in scan.moves
        ],
        "ticker name sector change_pct sigmas dollars",
    )


def problem_table(documents: Mapping[AccountId, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row a data problem of any account of a scan, fences first."""
    frame = _frame(
        [
            {
                "account": account_id,
                "severity": problem["severity"],
                "problem": problem["sentence"],
                "security": problem["security_id"] or "",
            }
            for account_id, seen in documents.items()
            for problem in seen["problems"]
        ],
        "account severity problem security",
    )
    return frame.sort_values(["severity", "account"], ignore_index=True)


def restriction_table(restrictions: Iterable[Restriction], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a restriction that holds for an account."""
    return _frame(
        [
            {
                "scope": one.scope,
                "target": _security(market, one.target)["ticker"],
                "rule": one.rule.value.replace("_", " "),
                "limit_pct": None if one.value is None else 100 * float(one.value),
                "until": one.until,
                "reason": one.reason,
            }
            for one in restrictions
        ],
        "scope target rule limit_pct until reason",
    )


def trade_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a trade: sales by tax first, then purchases by amount."""
    trades = sorted(plan.trades, key=lambda trade: (trade.side is Side.BUY, _gain(trade), -trade.amount))
    return _frame(
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
                **_security(market, trade.security_id),
            }
            for trade in trades
        ],
        "ticker side shares price amount gain terms why worth_bp name sector",
    )


def sale_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a lot sold."""
    return _frame(
        [
            {
                **_security(market, trade.security_id),
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


def not_harvested_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a loss lot that stays, largest first, and why."""
    return _frame(
        [
            {**_security(market, lot.security_id), "lot": lot.lot_id, "loss": float(lot.loss), "why": lot.sentence}
            for lot in sorted(plan.not_harvested, key=lambda lot: -lot.loss)
        ],
        "ticker name sector lot loss why",
    )


def binding_table(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a rule at its limit, the dearest first."""
    return _frame(
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
    return _frame(
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


def plan_table(heads: Iterable[PlanHead]) -> pd.DataFrame:
    """Return one row a stored plan, in the order given."""
    return _frame(
        [
            {
                "plan": head.plan_id[:12],
                "account": head.account_id,
                "stage": head.state.value.replace("_", " "),
                "created": head.created_at,
                "made_by": ", ".join(sorted(head.makers)),
                "note": head.note,
            }
            for head in heads
        ],
        "plan account stage created made_by note",
    )


def history_table(moves: Iterable[PlanMove]) -> pd.DataFrame:
    """Return one row a step of a plan's life."""
    return _frame(
        [
            {
                "at": move.at,
                "actor": move.actor,
                "action": move.action.value.replace("_", " "),
                "stage": move.target.value.replace("_", " "),
                "comment": move.comment,
            }
            for move in moves
        ],
        "at actor action stage comment",
    )


def editable_trades(plan: Plan, market: MarketSnapshot) -> pd.DataFrame:
    """Return the trades as signed shares, for a person to change: negative sells, 0 drops the trade."""
    return pd.DataFrame(
        {
            "security": [trade.security_id for trade in plan.trades],
            "ticker": [market.securities[trade.security_id].ticker for trade in plan.trades],
            "side": [trade.side.value for trade in plan.trades],
            "signed_shares": [
                float(trade.quantity if trade.side is Side.BUY else -trade.quantity) for trade in plan.trades
            ],
            "amount": [float(trade.amount) for trade in plan.trades],
            "why": [trade.reason.sentence for trade in plan.trades],
        }
    )


def edit_table(adjusted: Adjusted, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row an edited trade with the price of that edit alone."""
    return _frame(
        [
            {
                **_security(market, edit.security_id),
                "before": float(edit.before),
                "after": float(edit.after),
                "price_bp": edit.price_bp,
                "price_usd": float(edit.price_usd),
            }
            for edit in adjusted.edits
        ],
        "ticker name sector before after price_bp price_usd",
    )


def block_table(blocks: Iterable[Block]) -> pd.DataFrame:
    """Return one row a block order."""
    return _frame(
        [
            {
                "custodian": block.custodian,
                "ticker": block.ticker,
                "side": block.side.value,
                "shares": float(block.quantity),
                "allocations": len(block.allocations),
                "cl_ord_id": block.cl_ord_id,
            }
            for block in blocks
        ],
        "custodian ticker side shares allocations cl_ord_id",
    )


def fill_table(filled: Iterable[FilledOrder]) -> pd.DataFrame:
    """Return one row an order of a plan: what was asked, what was got, at which average price."""
    return _frame(
        [
            {
                "ticker": one.order.ticker,
                "side": one.order.side.value,
                "shares": float(one.order.quantity),
                "filled": float(one.quantity),
                "reference_price": float(one.order.reference_price),
                "price": float(one.price) if one.quantity else None,
            }
            for one in filled
        ],
        "ticker side shares filled reference_price price",
    )


def break_table(breaks: Iterable[Break]) -> pd.DataFrame:
    """Return one row a break between what was ordered and what was executed."""
    return _frame(
        [{"kind": one.kind.value, "sentence": one.sentence, "cl_ord_id": one.cl_ord_id} for one in breaks],
        "kind sentence cl_ord_id",
    )


def answer_table(answers: Iterable[Acknowledgement]) -> pd.DataFrame:
    """Return one row a custodian's answer to an order."""
    return _frame(
        [{"at": one.at, "status": one.status, "text": one.text, "cl_ord_id": one.cl_ord_id} for one in answers],
        "at status text cl_ord_id",
    )


def outbox_table(rows: Iterable[OutboxRow]) -> pd.DataFrame:
    """Return one row a message that waits for an outside system."""
    return _frame(
        [
            {
                "topic": row.topic,
                "created": row.created_at,
                "attempts": row.attempts,
                "due": row.due_at,
                "error": row.error or "",
            }
            for row in rows
        ],
        "topic created attempts due error",
    )


def audit_table(rows: Iterable[AuditRow]) -> pd.DataFrame:
    """Return one row an event of the audit log."""
    return _frame(
        [
            {
                "seq": row.seq,
                "at": row.at,
                "actor": row.actor,
                "what": row.what,
                "subject": row.subject,
                "before": "" if row.before is None else json.dumps(row.before, ensure_ascii=False),
                "after": "" if row.after is None else json.dumps(row.after, ensure_ascii=False),
                "hash": row.hash[:12],
            }
            for row in rows
        ],
        "seq at actor what subject before after hash",
    )


def usd(amount: Decimal | float) -> str:
    """Return an amount in whole dollars, the sign before the dollar sign."""
    whole = f"{abs(amount):,.0f}"
    return f"{'-' if amount < 0 and whole != '0' else ''}${whole}"


def _frame(rows: list[dict[str, Any]], columns: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def _security(market: MarketSnapshot, security_id: str) -> dict[str, str]:
    known = market.securities.get(SecurityId(security_id))
    if known is None:
        return {"ticker": security_id, "name": "", "sector": ""}
    return {"ticker": known.ticker, "name": known.name, "sector": known.sector}


def _gain(trade: Trade) -> float:
    return float(sum(sale.gain for sale in trade.lots))


def _largest_sector(sectors: Sequence[tuple[str, float]]) -> str:
    if not sectors:
        return ""
    name, active = max(sectors, key=lambda pair: abs(pair[1]))
    return f"{name} {active:+.2%}"
