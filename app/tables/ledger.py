"""What the wash-sale ledger shows: realised losses, the shares that caught one, locks with their cause, stand-ins."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pandas as pd

from app.steps.ledger import HouseholdLedger, open_until, window
from app.tables.parts import named, table_of
from engine.domain.accounts import Transaction
from engine.domain.market import MarketSnapshot
from engine.domain.plans import LockRule
from engine.monitor.replacement import Replacement
from engine.tax.history import PURCHASES
from engine.tax.matching import WASH_SALE_DAYS, Match
from engine.tax.parcels import DUST
from engine.tax.realised import Loss

LOCK_RULES: Final = {LockRule.NO_BUY: "do not buy", LockRule.NO_LOSS_SALE: "do not sell at a loss"}
_LOCKED: Final = WASH_SALE_DAYS + timedelta(days=1)
_DONE: Final = {
    "buy": "bought",
    "sell": "sold",
    "reinvest": "reinvested",
    "transfer_in": "moved in",
    "transfer_out": "moved out",
    "split": "split",
    "gift": "gave",
    "exchange_out": "exchanged",
    "exchange_in": "received for it",
    "spin_off": "spun off from",
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
    """Return one row a purchase that caught shares of a loss, in the order in which they did."""
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
                "cause": match.transaction_id,
            }
        )
    return table_of(rows, "account bought_on shares basis_increase held_since cause")


def window_sentences(view: HouseholdLedger, loss: Loss) -> list[str]:
    """Return what each purchase in a loss's window did to it, one sentence a purchase, with the rule it follows."""
    caught = {match.transaction_id for match in loss.matches}
    bought = [row for row in window(view, loss) if row.type in PURCHASES and row.transaction_id not in caught]
    return [*(_took(view, match) for match in loss.matches), *(_left(view, loss, row) for row in bought)]


def _took(view: HouseholdLedger, match: Match) -> str:
    cause = view.causes.get(match.transaction_id)
    shares = f"{match.quantity.normalize():f} shares bought in {match.account_id}"
    shares += "" if cause is None else f" on {cause.trade_date}"
    if not view.accounts[match.account_id].registration.is_taxable:
        return f"{shares}: their part of the loss is lost for good, a retirement account bought (Rev. Rul. 2008-5)."
    added = f"${match.basis_increase:,.2f} of the loss joins their basis (26 U.S.C. 1091(d))"
    since = f"; they count as held since {match.holding_start} (1223(3))" if match.holding_start else ""
    return f"{shares}: {added}{since}."


def _left(view: HouseholdLedger, loss: Loss, row: Transaction) -> str:
    shares = f"{row.quantity.normalize():f} shares bought in {row.account_id} on {row.trade_date}"
    if row in view.pending or row.trade_date > view.as_of:
        return f"{shares}: not executed yet; once they are, they can take what is left of the loss (1091(a))."
    if loss.allowed <= DUST:
        return f"{shares}: took nothing, earlier purchases had taken the loss whole (Treas. Reg. 1.1091-1(c))."
    return (
        f"{shares}: took nothing. Shares that are sold themselves, that are left of the very purchase that was sold "
        "(Rev. Rul. 56-602) or that caught another loss (Treas. Reg. 1.1091-1(e)) replace nothing."
    )


def calendar_table(view: HouseholdLedger) -> pd.DataFrame:
    """Return one row a lock in force: what whom may not do with which names, from which day it is free, and why."""
    members = group_tickers(view.market)
    waiting = {row.transaction_id for row in view.pending}
    everyone = ", ".join(view.accounts)
    taxable = ", ".join(name for name, account in view.accounts.items() if account.registration.is_taxable)
    rows = []
    for lock in view.locks:
        cause = view.causes.get(lock.cause)
        rows.append(
            {
                "ticker": members.get(lock.identical_group, lock.identical_group),
                "rule": LOCK_RULES[lock.rule],
                "free_from": lock.until,
                "days_left": (lock.until - view.as_of).days,
                "binds": everyone if lock.rule is LockRule.NO_BUY else taxable,
                "because": lock.cause
                if cause is None
                else f"{cause.account_id} {_DONE[cause.type.value]} {cause.quantity.normalize():f} on "
                f"{lock.until - _LOCKED}" + _how_certain(lock.cause in waiting, lock.until - _LOCKED > view.as_of),
            }
        )
    return table_of(rows, "ticker rule free_from days_left binds because")


def filtered_calendar(calendar: pd.DataFrame, *, search: str, rules: Sequence[str]) -> pd.DataFrame:
    """Return the locks of the tickers that contain a text, of some rules or, where none is named, of all.

    Each row keeps its index: the place of its lock in the whole calendar.
    """
    chosen = calendar["rule"].isin(list(rules) or list(LOCK_RULES.values()))
    return calendar[chosen & calendar["ticker"].str.contains(search.strip(), case=False, regex=False)]


def replacement_table(view: HouseholdLedger, found: Sequence[Replacement]) -> pd.DataFrame:
    """Return one row a replacement, the closest first."""
    return table_of(
        [
            {
                **named(view.market, one.security_id),
                "pair_te_pct": 100 * one.tracking_error,
                "correlation": one.correlation,
                "factor_te_pct": 100 * one.factor_distance,
                "same_sector": "yes" if one.same_sector else "no",
                "named_rank": one.named_rank,
            }
            for one in found
        ],
        "ticker name sector same_sector pair_te_pct correlation factor_te_pct named_rank",
    )


def group_tickers(market: MarketSnapshot) -> dict[str, str]:
    """Return the tickers of each group of substantially identical securities, in the order of the alphabet."""
    found: dict[str, list[str]] = {}
    for security in market.securities.values():
        found.setdefault(security.group, []).append(security.ticker)
    return {group: ", ".join(sorted(tickers)) for group, tickers in found.items()}


def _how_certain(waits: bool, ahead: bool) -> str:
    return ", proposed or approved, not booked" if waits else ", arranged" if ahead else ""


def ticker(market: MarketSnapshot, security_id: str) -> str:
    """Return what a security is traded as."""
    return named(market, security_id)["ticker"]


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
