"""What did wash sales take, and what may a household not trade? Its ledger, a loss's 61 days, its locks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from app.ports import Services
from app.steps.market import todays_market
from engine.domain.accounts import Account, AccountBook, AccountSnapshot, Rule, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, HouseholdId, SecurityId, TransactionId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock, LockRule
from engine.domain.policy import words_for
from engine.monitor.replacement import Replacement, replacements
from engine.tax.document import ledger_document
from engine.tax.history import read_history
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.realised import Loss
from engine.tax.wash_sales import Ledger, ledger, locks

_NOT_BOUGHT: Final = frozenset({Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD})


@dataclass(frozen=True, kw_only=True)
class HouseholdLedger:
    """A household's ledger with its books, and its locks, those of plans that are proposed or further among them."""

    snapshots: tuple[AccountSnapshot, ...]
    market: MarketSnapshot
    ledger: Ledger
    locks: tuple[Lock, ...]
    pending: tuple[Transaction, ...]

    @property
    def as_of(self) -> date:
        return self.snapshots[0].as_of

    @property
    def books(self) -> tuple[AccountBook, ...]:
        return self.snapshots[0].household_books

    @property
    def document(self) -> str:
        """The document, as `lotsmith washsales --household H --json` prints it to the byte."""
        return json.dumps(ledger_document([self.ledger]), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @cached_property
    def accounts(self) -> Mapping[AccountId, Account]:
        return {book.account.account_id: book.account for book in self.books}

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """Every realised loss, the newest first."""
        return tuple(sorted(self.ledger.losses, key=lambda loss: loss.trade_date, reverse=True))

    @cached_property
    def causes(self) -> Mapping[str, Transaction]:
        """What locks and matches name: transactions, trades that wait, and lots that no transaction made."""
        lots = read_history(self.books, as_of=self.as_of).opening
        return {
            **{lot.lot_id: _entry(lot.account_id, lot.security_id, lot.lot_id, lot.acquired, lot.quantity,
                                  lot.cost_per_share) for lot in lots},
            **{row.transaction_id: row for book in self.books for row in book.transactions},
            **{row.transaction_id: row for row in self.pending},
        }  # fmt: skip

    def group(self, security_id: SecurityId) -> str:
        known = self.market.securities.get(security_id)
        return security_id if known is None else known.group


def household_ledger(services: Services, household_id: HouseholdId) -> HouseholdLedger:
    """Return the ledger of one household as it stands now. Raises DataError for one unknown or without accounts."""
    snapshots, market = services.firm.snapshots(household_id), todays_market(services)
    if not snapshots:
        raise DataError(f"household {household_id}: expected at least one account, found none")
    groups = {name: security.group for name, security in market.securities.items()}
    pending = services.firm.pending(household_id)
    return HouseholdLedger(
        snapshots=snapshots,
        market=market,
        ledger=_ledger_of(snapshots[0], services.firm.groups()),
        locks=locks(snapshots[0].household_books, as_of=snapshots[0].as_of, groups=groups, pending=pending),
        pending=pending,
    )


def ledger_of(services: Services, household_id: str | None = None) -> dict[str, Any]:
    """Return the wash-sale ledger document of one household, or of all. Raises DataError for an unknown one."""
    every = [household.household_id for household in services.firm.households()]
    wanted = every if household_id is None else [HouseholdId(household_id)]
    groups = services.firm.groups()
    households = (services.firm.snapshots(name) for name in wanted)
    return ledger_document([_ledger_of(snapshots[0], groups) for snapshots in households if snapshots])


def _ledger_of(snapshot: AccountSnapshot, groups: Mapping[SecurityId, str]) -> Ledger:
    found = ledger(snapshot.household_books, as_of=snapshot.as_of, groups=groups)
    return replace(found, not_visible=snapshot.household.not_visible or ())


def household_labels(services: Services) -> Mapping[HouseholdId, str]:
    """Return each household that has an account, by name."""
    named = {household.household_id: household.name for household in services.firm.households()}
    kept = {account.household_id for account in services.firm.accounts()}
    return {household_id: f"{name} · {household_id}" for household_id, name in named.items() if household_id in kept}


def window(view: HouseholdLedger, loss: Loss) -> tuple[Transaction, ...]:
    """Return what the household did with the loss's group in its 61 days, by day, what is arranged included."""
    group = view.group(loss.security_id)
    return tuple(
        sorted(
            (
                row
                for row in view.causes.values()
                if view.group(row.security_id) == group and abs(row.trade_date - loss.trade_date) <= WASH_SALE_DAYS
            ),
            key=lambda row: (row.trade_date, row.account_id, row.transaction_id),
        )
    )


def open_until(loss: Loss, as_of: date) -> date | None:
    """Return the last day on which a purchase still catches the loss; None once it has passed."""
    last = loss.trade_date + WASH_SALE_DAYS
    return last if as_of <= last else None


def stand_ins(
    view: HouseholdLedger, group: str, account_id: AccountId
) -> tuple[tuple[SecurityId, tuple[Replacement, ...]], ...]:
    """Return replacements for the securities of a group that is locked, to be bought by one account.

    Nothing that may not be bought is among them: locked itself, or not to be bought or held by a restriction of the
    firm, the household or the account. Of the group's securities those that the household holds, else all.
    """
    [snapshot] = (each for each in view.snapshots if each.account.account_id == account_id)
    told = {restriction.target for restriction in snapshot.restrictions if restriction.rule in _NOT_BOUGHT}
    locked = {lock.identical_group for lock in view.locks if lock.rule is LockRule.NO_BUY}
    barred = {
        name
        for name, security in view.market.securities.items()
        if security.group in locked or not told.isdisjoint(words_for(security))
    }
    held = {lot.security_id for book in view.books for lot in book.lots}
    members = [name for name, security in view.market.securities.items() if security.group == group]
    wanted = [name for name in members if name in held] or members
    return tuple((name, replacements(name, view.market, barred=barred)) for name in wanted)


def this_year(losses: Sequence[Loss], as_of: date) -> tuple[Loss, ...]:
    """Return the losses of the tax year that as_of lies in."""
    return tuple(loss for loss in losses if loss.trade_date.year == as_of.year)


def _entry(
    account_id: AccountId, security_id: SecurityId, name: str, on: date, quantity: Decimal, price: Decimal
) -> Transaction:
    return Transaction(
        transaction_id=TransactionId(name), account_id=account_id, trade_date=on, security_id=security_id,
        type=TransactionType.BUY, quantity=quantity, price=price, lot_id=None,
    )  # fmt: skip
