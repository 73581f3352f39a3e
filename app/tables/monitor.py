"""What the watch over accounts shows: drift, lots, harvest, locks, moves and rules of one, data problems of all."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import pandas as pd

from app.tables.ledger import LOCK_RULES, group_tickers
from app.tables.parts import day, named, table_of
from engine.domain.accounts import AccountSnapshot, Restriction
from engine.domain.identifiers import AccountId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock
from engine.monitor.drift import GroupDrift, NameDrift
from engine.monitor.harvest import BELOW_THRESHOLD, NOT_TRADABLE, PENDING, RESTRICTED, WASH_SALE_LOCK, LossLot
from engine.monitor.moves import Move, MoveOf
from engine.monitor.tax_position import TaxPosition
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import long_term_on, term

_BLOCKED: Final = {
    None: "",
    WASH_SALE_LOCK: "bought in the household within 30 days: a wash sale",
    RESTRICTED: "a restriction says not to sell it",
    NOT_TRADABLE: "it cannot be traded",
    PENDING: "an order for it is on its way",
    BELOW_THRESHOLD: "the loss is smaller than the settings ask for",
}


def drift_table(names: Sequence[NameDrift], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a name, in the order given."""
    return table_of(
        [
            {
                **named(market, drift.security_id),
                "weight_pct": 100 * drift.weight,
                "target_pct": 100 * drift.target,
                "active_pct": 100 * drift.active,
                "state": _state(outside=drift.outside, restricted=drift.restricted),
            }
            for drift in names
        ],
        "ticker name sector weight_pct target_pct active_pct state",
    )


def name_drifts(names: Sequence[NameDrift], market: MarketSnapshot) -> list[tuple[str, float, str]]:
    """Return ticker, drift in per cent and state of each name."""
    table = drift_table(names, market)
    return list(zip(table["ticker"], table["active_pct"], table["state"], strict=True))


def group_drifts(drifts: Sequence[GroupDrift], *, scale: float = 1.0) -> list[tuple[str, float, str]]:
    """Return name, scaled drift and state of each sector or factor."""
    return [(drift.name, scale * drift.active, _state(outside=drift.outside)) for drift in drifts]


def factor_table(drifts: Sequence[GroupDrift]) -> pd.DataFrame:
    """Return one row a factor of the risk model with the active exposure to it, in the order given."""
    return pd.DataFrame(group_drifts(drifts), columns=["factor", "exposure", "state"])


def _state(*, outside: bool, restricted: bool = False) -> str:
    return "out of balance" if outside else "restricted" if restricted else ""


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
    return shown.sort_values("gain", na_position="last", kind="stable", ignore_index=True)


def harvest_table(lots: Sequence[LossLot], market: MarketSnapshot) -> pd.DataFrame:
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
                "blocked": _BLOCKED[lot.blocked],
                "until": lot.until,
            }
            for lot in lots
        ],
        "ticker name sector lot term shares loss tax_saved blocked until",
    )


def lock_table(locks: Sequence[Lock], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a wash-sale lock, in the order given."""
    tickers = group_tickers(market)
    return table_of(
        [
            {
                "ticker": tickers.get(lock.identical_group, lock.identical_group),
                "rule": LOCK_RULES[lock.rule],
                "free_from": lock.until,
                "cause": lock.cause,
            }
            for lock in locks
        ],
        "ticker rule free_from cause",
    )


def move_table(moves: Sequence[Move], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a market move since the last scan that needs attention."""
    return table_of(
        [
            {
                **_moved(market, move),
                "change_pct": 100 * move.change,
                "sigmas": move.sigmas,
                "dollars": float(move.dollars),
            }
            for move in moves
        ],
        "moving ticker name sector change_pct sigmas dollars",
    )


def _moved(market: MarketSnapshot, move: Move) -> dict[str, str]:
    if move.of is MoveOf.NAME:
        return {"moving": "name", **named(market, move.key)}
    name, sector = ("", move.key) if move.of is MoveOf.SECTOR else ("whole account", "")
    return {"moving": move.of.value, "ticker": "", "name": name, "sector": sector}


def price_age_text(data_age_days: int | None, as_of: date) -> str:
    """Return in a sentence how old the newest price of an account's holdings is (AccountScan.data_age_days)."""
    if data_age_days is None:
        return "No holding has a price."
    if data_age_days == 0:
        return f"Prices of {day(as_of)}."
    return f"The newest price is {data_age_days} {'day' if data_age_days == 1 else 'days'} older than {day(as_of)}."


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
