"""What the wash-sale ledger shows: realised losses, the shares that caught one, locks with their cause, stand-ins."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pandas as pd

from app.steps.ledger import HouseholdLedger, open_until
from app.tables.parts import named, table_of
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import LockRule
from engine.monitor.replacement import Replacement
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.realised import Loss

_RULES: Final = {LockRule.NO_BUY: "do not buy", LockRule.NO_LOSS_SALE: "do not sell at a loss"}
_LOCKED: Final = WASH_SALE_DAYS + timedelta(days=1)
_DONE: Final = {
    "buy": "bought",
    "sell": "sold",
    "reinvest": "reinvested",
    "transfer_in": "moved in",
    "transfer_out": "moved out",
    "split": "split",
    "gift": "gave",
}


def loss_table(view: HouseholdLedger, losses: Sequence[Loss]) -> pd.DataFrame:
    """Return one row a realised loss, in the order given."""
    return table_of(
        [
            {
                **named(view.market, loss.security_id),
                "sold_on": loss.trade_date,
                "account": loss.account_id,
                "shares": float(loss.quantity),
                "proceeds": float(loss.proceeds),
                "basis": float(loss.basis),
                "loss": float(loss.loss),
                "disallowed": float(loss.disallowed),
                "allowed": float(loss.allowed),
                "state": state_of(view, loss),
            }
            for loss in losses
        ],
        "ticker sold_on account shares proceeds basis loss disallowed allowed state name",
    )


def state_of(view: HouseholdLedger, loss: Loss) -> str:
    """Return where a loss stands: what is taken of it, and until when more can be."""
    taken = "nothing taken" if not loss.disallowed else "taken in part" if loss.allowed > 0 else "taken whole"
    until = open_until(loss, view.as_of)
    return f"{taken}, final" if until is None or not loss.allowed else f"{taken}, open until {until}"


def match_table(view: HouseholdLedger, loss: Loss) -> pd.DataFrame:
    """Return one row a purchase that caught shares of a loss: how many, and where their part of the loss went."""
    rows = []
    for match in loss.matches:
        cause = view.causes.get(match.transaction_id)
        rows.append(
            {
                "account": match.account_id,
                "bought_on": None if cause is None else cause.trade_date,
                "shares": float(match.quantity),
                "basis_increase": float(match.basis_increase),
                "held_since": match.holding_start,
                "law": "Joins the basis and the holding period of the shares bought: 26 U.S.C. 1091(d), 1223(3)"
                if match.basis_increase
                else "Lost for good, bought in a retirement account: Rev. Rul. 2008-5",
                "cause": match.transaction_id,
            }
        )
    return table_of(rows, "account bought_on shares basis_increase held_since law cause")


def calendar_table(view: HouseholdLedger) -> pd.DataFrame:
    """Return one row a lock in force: what may not be done with which names, from which day it is free, and why."""
    members = _members(view.market)
    waiting = {row.transaction_id for row in view.pending}
    rows = []
    for lock in view.locks:
        cause = view.causes.get(lock.cause)
        rows.append(
            {
                "ticker": members.get(lock.identical_group, lock.identical_group),
                "rule": _RULES[lock.rule],
                "free_from": lock.until,
                "days_left": (lock.until - view.as_of).days,
                "because": lock.cause
                if cause is None
                else f"{cause.account_id} {_DONE[cause.type.value]} {cause.quantity.normalize():f} on "
                f"{lock.until - _LOCKED}" + _how_certain(lock.cause in waiting, lock.until - _LOCKED > view.as_of),
            }
        )
    return table_of(rows, "ticker rule free_from days_left because")


def replacement_table(view: HouseholdLedger, found: Sequence[Replacement]) -> pd.DataFrame:
    """Return one row a replacement, the closest first."""
    return table_of(
        [
            {
                **named(view.market, one.security_id),
                "pair_te_pct": 100 * one.tracking_error,
                "correlation": one.correlation,
                "factor_te_pct": 100 * one.factor_distance,
                "same_sector": one.same_sector,
                "named_rank": one.named_rank,
            }
            for one in found
        ],
        "ticker name sector same_sector pair_te_pct correlation factor_te_pct named_rank",
    )


def group_labels(view: HouseholdLedger) -> Mapping[str, str]:
    """Return the groups that may not be bought, each with its tickers."""
    members = _members(view.market)
    locked = {lock.identical_group for lock in view.locks if lock.rule is LockRule.NO_BUY}
    return {group: members.get(group, group) for group in sorted(locked, key=lambda group: members.get(group, group))}


def _how_certain(waits: bool, ahead: bool) -> str:
    return ", proposed or approved, not booked" if waits else ", arranged" if ahead else ""


def _members(market: MarketSnapshot) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for security in market.securities.values():
        found.setdefault(security.group, []).append(security.ticker)
    return {group: ", ".join(sorted(tickers)) for group, tickers in found.items()}


def ticker(market: MarketSnapshot, security_id: str) -> str:
    """Return what a security is traded as."""
    return named(market, SecurityId(security_id))["ticker"]


def year_figures(losses: Sequence[Loss], view: HouseholdLedger) -> dict[str, Decimal | int]:
    """Return the sums of some losses, USD: loss, allowed, deferred, lost for good; and how many can still be caught."""

    def total(name: str) -> Decimal:
        return sum((getattr(loss, name) for loss in losses), Decimal(0))

    gone = total("permanently_disallowed")
    return {
        "loss": total("loss"),
        "allowed": total("allowed"),
        "deferred": total("disallowed") - gone,
        "gone": gone,
        "open": sum(open_until(loss, view.as_of) is not None and loss.allowed > 0 for loss in losses),
    }
