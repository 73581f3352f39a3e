"""What the watch over accounts shows: the queue, and one account with its lots, drift, harvest and locks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from app.tables.parts import named, table_of
from engine.domain.accounts import AccountSnapshot, Restriction
from engine.domain.identifiers import AccountId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock
from engine.domain.sources import AccountSource
from engine.monitor.account_scan import AccountScan
from engine.monitor.drift import GroupDrift, NameDrift
from engine.monitor.tax_position import TaxPosition
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import long_term_on, term

_BLOCKED: Final = {
    "wash_sale_lock": "bought in the household within 30 days: a wash sale",
    "restricted": "a restriction says not to sell it",
    "not_tradable": "it cannot be traded",
    "pending": "an order for it is on its way",
    "below_threshold": "the loss is smaller than the settings ask for",
}


def drift_table(scan: AccountScan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a name held or followed, largest drift first."""
    return table_of(
        [
            {
                **named(market, drift.security_id),
                "weight_pct": 100 * drift.weight,
                "target_pct": 100 * drift.target,
                "active_pct": 100 * drift.active,
                "state": _state(drift),
            }
            for drift in scan.names
        ],
        "ticker name sector weight_pct target_pct active_pct state",
    )


def name_drifts(scan: AccountScan, market: MarketSnapshot, most: int) -> list[tuple[str, float, str]]:
    """Return ticker, drift in per cent and state of the names that drifted most, largest first."""
    return [
        (named(market, drift.security_id)["ticker"], 100 * drift.active, _state(drift)) for drift in scan.names[:most]
    ]


def group_drifts(drifts: Sequence[GroupDrift], *, scale: float = 1.0) -> list[tuple[str, float, str]]:
    """Return name, scaled drift and state of each sector or factor, largest first."""
    return [(drift.name, scale * drift.active, "out of balance" if drift.outside else "") for drift in drifts]


def _state(drift: NameDrift) -> str:
    return "out of balance" if drift.outside else "restricted" if drift.restricted else ""


def tax_table(position: TaxPosition) -> pd.DataFrame:
    """Return the year so far, short-term, long-term and together, USD."""
    carried = -position.st_carryforward, -position.lt_carryforward
    rows = {
        "Realised so far": (position.st_gain, position.lt_gain),
        "Losses carried in": carried,
        "Net of the year": (position.st_gain + carried[0], position.lt_gain + carried[1]),
        "Losses that could be taken today": (-position.st_harvest, -position.lt_harvest),
    }
    return table_of(
        [
            {"figure": label, "st_usd": float(st), "lt_usd": float(lt), "both_usd": float(st + lt)}
            for label, (st, lt) in rows.items()
        ],
        "figure st_usd lt_usd both_usd",
    )


def factor_table(drifts: Sequence[GroupDrift]) -> pd.DataFrame:
    """Return the active exposure to each factor of the risk model, largest first."""
    return table_of(
        [{"factor": d.name, "exposure": d.active, "state": "out of balance" if d.outside else ""} for d in drifts],
        "factor exposure state",
    )


def lot_table(snapshot: AccountSnapshot, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a tax lot, largest loss first; lots without a price last."""
    rows = []
    for lot in snapshot.lots:
        mark = market.marks.get(lot.security_id)
        value = None if mark is None else float(lot.quantity * mark.price)
        basis = float(lot.basis if mark is None else basis_at(lot, mark.price))
        held_from = lot.held_from if mark is None else held_from_at(lot, mark.price)
        gain = None if value is None else value - basis
        rows.append(
            {
                **named(market, lot.security_id),
                "lot": lot.lot_id,
                "acquired": lot.acquired,
                "term": term(held_from, snapshot.as_of).value,
                "days_short": max((long_term_on(held_from) - snapshot.as_of).days, 0) or None,
                "shares": float(lot.quantity),
                "basis": basis,
                "value": value,
                "gain": gain,
                "gain_pct": None if gain is None or not basis else 100 * gain / basis,
                "wash_adjustment": float(lot.wash_adjustment) if lot.wash_adjustment else None,
            }
        )
    shown = table_of(
        rows, "ticker lot acquired term days_short gain gain_pct value basis shares name sector wash_adjustment"
    )
    return shown.sort_values("gain", na_position="last", ignore_index=True)


def harvest_table(scan: AccountScan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a lot at a loss: what it saves today, or why it cannot be harvested and until when."""
    return table_of(
        [
            {
                **named(market, lot.security_id),
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
    return table_of(
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


def source_words(source: AccountSource) -> str:
    """Return in words where an account's lots come from and of which day they are."""
    kind = "Lots rebuilt from transactions" if source.derived else "Lots"
    read = (
        f"{kind} as {source.source} had them on {source.read_on:%d %b %Y}" if source.read_on else f"{kind} of our own"
    )
    if not source.faults:
        return f"{read}."
    return f"{read}; what it had on {source.tried_on:%d %b %Y} could not be taken."


def move_table(scan: AccountScan, market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a market move since the last scan that needs attention."""
    return table_of(
        [
            {
                **named(market, move.security_id),
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
    shown = table_of(
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
    return shown.sort_values(["severity", "account"], ignore_index=True)


def restriction_table(restrictions: Iterable[Restriction], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a restriction that holds for an account."""
    return table_of(
        [
            {
                "scope": one.scope,
                "target": named(market, one.target)["ticker"],
                "rule": one.rule.value.replace("_", " "),
                "limit_pct": None if one.value is None else 100 * float(one.value),
                "until": one.until,
                "reason": one.reason,
            }
            for one in restrictions
        ],
        "scope target rule limit_pct until reason",
    )
