"""What would Addepar hold of a firm? A firm's reference data and books as entities, groups, positions and rows."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.sandbox.addepar_wire import Resource
from engine.domain.accounts import Account, AccountBook, FirmReference, Lot, Transaction, TransactionType
from engine.domain.identifiers import SecurityId
from engine.domain.market import Security

HOUSEHOLD_TYPE: Final = "HOUSEHOLDS"
CASH_CLASS: Final = "Cash & Cash Equivalents"
_OUTGOING: Final = frozenset({TransactionType.SELL, TransactionType.TRANSFER_OUT, TransactionType.GIFT})
_NAMES: Final = {
    TransactionType.REINVEST: "reinvestment",
    TransactionType.GIFT: "transfer_out",  # Addepar has no gifts
    TransactionType.SPLIT: "stock_split",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A thing that rows are grouped by. entity_id is None where it is no entity."""

    name: str
    entity_id: str | None = None

    def shown(self) -> dict[str, Any]:
        return {"name": self.name, "entity_id": self.entity_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingLeaf:
    """The finest row: a tax lot, or the cash of an account. groups: by grouping key, None where it does not apply."""

    groups: Mapping[str, Named | None]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddeparFirm:
    """Everything that the stand-in serves. accounts_of: the account entities behind each account, client and group."""

    as_of: date
    currency: str
    entities: tuple[Resource, ...]
    groups: tuple[Resource, ...]
    positions: tuple[Resource, ...]
    leaves: Mapping[str, tuple[HoldingLeaf, ...]]  # by account entity
    transactions: Mapping[str, tuple[Mapping[str, Any], ...]]  # by account entity, oldest first
    accounts_of: Mapping[str, tuple[str, ...]]
    prices: Mapping[str, tuple[tuple[date, Decimal], ...]]  # by security entity, oldest first


def addepar_firm(reference: FirmReference, books: Iterable[AccountBook]) -> AddeparFirm:
    """Return a firm as Addepar would hold it: one client a household, who owns its accounts; ids follow the order."""
    builder = _Builder(reference)
    for book in books:
        builder.add(book)
    return builder.firm()


class _Builder:
    """Gathers a firm account by account."""

    def __init__(self, reference: FirmReference) -> None:
        self._reference = reference
        self._securities = {security.security_id: security for security in reference.securities}
        self._prices = {
            history.security_id: history.closes[count - 1]
            for history in reference.prices
            if (count := bisect_right(history.dates, reference.as_of))
        }
        self._clients = {
            household.household_id: Named(name=household.name, entity_id=str(100_000 + number))
            for number, household in enumerate(reference.households)
        }
        self._owned = {
            security.security_id: Named(name=security.name, entity_id=str(200_001 + number))
            for number, security in enumerate(reference.securities)
        }
        self._cash = Named(name="US Dollar", entity_id="200000")
        self._entities = [_entity(client, "PERSON_NODE") for client in self._clients.values()]
        self._entities.append(_entity(self._cash, "CASH"))
        for security in reference.securities:
            self._entities.append(_entity(self._owned[security.security_id], "STOCK", **_codes(security)))
        self._positions: list[Resource] = []
        self._leaves: dict[str, tuple[HoldingLeaf, ...]] = {}
        self._transactions: dict[str, tuple[Mapping[str, Any], ...]] = {}
        self._accounts_of: dict[str, list[str]] = defaultdict(list)

    def add(self, book: AccountBook) -> None:
        """Add one account with its client's ownership, its holdings and its history."""
        account = book.account
        entity = str(300_000 + len(self._leaves))
        owner = Named(name=f"{account.custodian} {account.account_number}", entity_id=entity)
        codes = {"account_number": account.account_number, "external_id_lotsmith": account.account_id}
        self._entities.append(_entity(owner, "FINANCIAL_ACCOUNT", **codes))
        client = self._clients[account.household_id]
        self._own(client, owner)
        self._own(owner, self._cash)
        for security_id in dict.fromkeys(lot.security_id for lot in book.lots):
            self._own(owner, self._owned[security_id])
        groups = {"holding_account": owner, "top_level_owner": client}
        shared = {"account_number": account.account_number, "currency": self._reference.currency}
        self._leaves[entity] = (
            self._cash_leaf(account, groups, shared),
            *(self._lot_leaf(lot, groups, shared) for lot in book.lots),
        )
        self._transactions[entity] = tuple(self._history(book, owner, shared))
        self._accounts_of[entity].append(entity)
        self._accounts_of[client.entity_id or ""].append(entity)

    def firm(self) -> AddeparFirm:
        """Return what was gathered."""
        groups = []
        for number, household in enumerate(self._reference.households):
            client = self._clients[household.household_id]
            shown = {"name": household.name, "external_id_lotsmith": household.household_id}
            related = {"group_type": {"data": {"type": "group_types", "id": HOUSEHOLD_TYPE}},
                       "members": {"data": [{"type": "entities", "id": client.entity_id}]}}  # fmt: skip
            groups.append({"id": str(1 + number), "type": "groups", "attributes": shown, "relationships": related})
        return AddeparFirm(
            as_of=self._reference.as_of,
            currency=self._reference.currency,
            entities=tuple(self._entities),
            groups=tuple(groups),
            positions=tuple(self._positions),
            leaves=self._leaves,
            transactions=self._transactions,
            accounts_of={entity: tuple(accounts) for entity, accounts in self._accounts_of.items()},
            prices={
                self._owned[history.security_id].entity_id or "": tuple(zip(history.dates, history.closes, strict=True))
                for history in self._reference.prices
                if history.security_id in self._owned
            },
        )

    def _own(self, owner: Named, owned: Named) -> None:
        related = {name: {"data": {"type": "entities", "id": named.entity_id}}
                   for name, named in (("owner", owner), ("owned", owned))}  # fmt: skip
        shown = {"name": f"{owner.name} - {owned.name}"}
        identifier = str(400_000 + len(self._positions))
        self._positions.append({"id": identifier, "type": "positions", "attributes": shown, "relationships": related})

    def _cash_leaf(self, account: Account, groups: Mapping[str, Named], shared: Mapping[str, Any]) -> HoldingLeaf:
        return HoldingLeaf(
            groups={**groups, "security": self._cash, "asset_class": Named(name=CASH_CLASS), "tax_lot": None},
            values={
                **shared,
                "node_id": self._cash.entity_id,
                "asset_class": CASH_CLASS,
                "units": account.cash,
                "price": Decimal(1),
                "value": account.cash,
                "realized_gain_short_term_ytd": account.ytd_st_gain,
                "realized_gain_long_term_ytd": account.ytd_lt_gain,
            },
        )

    def _lot_leaf(self, lot: Lot, groups: Mapping[str, Named], shared: Mapping[str, Any]) -> HoldingLeaf:
        owned, price = self._owned[lot.security_id], self._prices.get(lot.security_id)
        return HoldingLeaf(
            groups={
                **groups,
                "security": owned,
                "asset_class": Named(name="Equity"),
                "tax_lot": Named(name=lot.lot_id),
            },
            values={
                **shared,
                **_codes(self._securities[lot.security_id]),
                "node_id": owned.entity_id,
                "asset_class": "Equity",
                "units": lot.quantity,
                "price": price,
                "value": None if price is None else price * lot.quantity,
                "cost_basis ORIGINAL": lot.quantity * lot.cost_per_share,
                "cost_basis ADJUSTED": lot.basis,
                "tax_lot_id": lot.lot_id,
                "tax_lot_open_date": lot.acquired.isoformat(),
                "tax_lot_holding_period_start": lot.holding_start.isoformat() if lot.holding_start else None,
            },
        )

    def _history(self, book: AccountBook, owner: Named, shared: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        held: dict[SecurityId, Decimal] = defaultdict(Decimal)
        for transaction in book.transactions:
            security_id = transaction.security_id
            before, held[security_id] = held[security_id], _after(held[security_id], transaction)
            split = transaction.type is TransactionType.SPLIT
            units = held[security_id] - before if split or transaction.type in _OUTGOING else transaction.quantity
            yield {
                **shared,
                **_codes(self._securities[security_id]),
                "id": transaction.transaction_id,
                "vendor_id": None,
                "type": _type_name(transaction),
                "trade_date": transaction.trade_date.isoformat(),
                "direct_owner": owner.shown(),
                "direct_owner_id": owner.entity_id,
                "security": self._owned[security_id].shown(),
                "entity_id": self._owned[security_id].entity_id,
                "units": units,
                "units_changed": held[security_id] - before,
                "price_per_share": transaction.price,
                "value": transaction.price * transaction.quantity,
                "tax_lot_id": transaction.lot_id,
                "cost_basis": transaction.basis,
                "split_ratio": transaction.quantity if split else None,
                "modified_date": transaction.trade_date.isoformat(),
                "deleted": False,
            }


def _entity(named: Named, model_type: str, **codes: str | None) -> Resource:
    ownership = "PERCENT_BASED" if model_type in ("PERSON_NODE", "FINANCIAL_ACCOUNT") else "SHARE_BASED"
    shown = {"original_name": named.name, "model_type": model_type, "ownership_type": ownership, **codes}
    return {"id": named.entity_id, "type": "entities", "attributes": shown}


def _codes(security: Security) -> dict[str, str | None]:
    return {"cusip": security.cusip, "ticker_symbol": security.ticker}


def _type_name(transaction: Transaction) -> str:
    if transaction.type is TransactionType.SPLIT and transaction.quantity < 1:
        return "stock_reverse_split"
    return _NAMES.get(transaction.type, transaction.type)


def _after(held: Decimal, transaction: Transaction) -> Decimal:
    if transaction.type is TransactionType.SPLIT:
        return held * transaction.quantity
    return held - transaction.quantity if transaction.type in _OUTGOING else held + transaction.quantity
