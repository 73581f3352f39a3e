"""What do Addepar's answers say of a chunk of accounts? Holdings by job, histories by query, account by account."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.addepar.answers import AddeparRefusal, Document
from connectors.addepar.changes import Since
from connectors.addepar.client import AddeparClient
from connectors.addepar.derive import Unlotted
from connectors.addepar.holdings import HoldingReader, Position
from connectors.addepar.issues import Faults
from connectors.addepar.jobs import PORTFOLIO, TRANSACTIONS, query_by_job
from connectors.addepar.mapping import AddeparMapping, HoldingKeys
from connectors.addepar.match import security_index
from connectors.addepar.rows import HoldingRow, TransactionRow, holding_rows, transaction_rows
from connectors.addepar.transactions import TransactionReader
from engine.domain.accounts import Account, AccountBook, FirmReference, Lot, Transaction
from engine.domain.errors import ExternalRefusal
from engine.domain.identifiers import SecurityId

_BAD_REQUEST: Final = 400


@dataclass(slots=True, kw_only=True)
class Reading:
    """What came of one account. positions: where its lots are still to be rebuilt from the transactions."""

    account: Account
    lots: tuple[Lot, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    positions: Mapping[SecurityId, Position]
    prices: Mapping[SecurityId, Decimal]
    faults: Faults

    @property
    def book(self) -> AccountBook:
        """The account as it was read; good only where no fault fences it."""
        return AccountBook(account=self.account, lots=self.lots, transactions=self.transactions)

    @property
    def unlotted(self) -> Unlotted:
        """What its lots can be rebuilt from."""
        return Unlotted(book=self.book, positions=self.positions, faults=self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Asks for a chunk of accounts at a time and reads the answers. since: what of them is known; None: nothing."""

    client: AddeparClient
    mapping: AddeparMapping
    as_of: date
    reference: FirmReference
    since: Since | None = None

    def read(self, accounts: Mapping[str, Account]) -> list[Reading]:
        """Return what came of each account, by its Addepar entity. Raises ExternalRefusal where a query is refused."""
        currency = self.reference.currency
        document = self.asked(lambda: query_by_job(self.client, PORTFOLIO, self._holdings_query(accounts)))
        holdings = {row.entity_id: row for row in holding_rows(document, self.mapping.holdings, currency=currency)}
        known = {
            entity: self.since.history(account.account_id)
            for entity, account in accounts.items()
            if self.since is not None and entity in self.since.unchanged
        }
        history = self._histories([entity for entity in accounts if entity not in known])
        securities = security_index(self.reference.securities)
        lots = HoldingReader(keys=self.mapping.holdings, securities=securities, as_of=self.as_of)
        trades = TransactionReader(keys=self.mapping.transactions, securities=securities, as_of=self.as_of)

        def one(entity: str, account: Account) -> Reading:
            faults = Faults(account.account_id, currency=currency)
            row = holdings.get(entity)
            if row is None:
                faults.error("account", "holdings.account", found="no holdings", expected=f"holdings on {self.as_of}")
                return Reading(account=account, positions={}, prices={}, faults=faults)
            held = lots.read(account.account_id, row, faults)
            rows = history.get(entity, ())
            transactions = (
                known[entity] if entity in known else trades.read(account.account_id, rows, held.cash_entities, faults)
            )
            return Reading(
                account=_with_holdings(account, row, held.cash, faults),
                lots=held.lots,
                transactions=transactions,
                positions=held.positions,
                prices=held.prices,
                faults=faults,
            )

        return [one(entity, account) for entity, account in accounts.items()]

    def asked(self, question: Callable[[], Document]) -> Document:
        """Ask, and say of a refused attribute which setting of the mapping names it."""
        try:
            return question()
        except AddeparRefusal as refusal:
            named = self.mapping.places().items()
            places = [f"{place} = {key!r}" for key, settings in named if _mentions(refusal.detail, key)
                      for place in settings]  # fmt: skip
            if refusal.status != _BAD_REQUEST or not places:
                raise
            raise ExternalRefusal(f"the Addepar mapping names an attribute that this firm's Addepar refuses: "
                                  f"{', '.join(places)}. {refusal}") from refusal  # fmt: skip

    def _histories(self, entities: Sequence[str]) -> Mapping[str, Sequence[TransactionRow]]:
        if not entities:
            return {}
        keys = self.mapping.transactions
        query = {
            "portfolio_type": "ENTITY",
            "portfolio_id": [int(entity) for entity in entities],
            "start_date": keys.since.isoformat(),
            "end_date": self.as_of.isoformat(),
            "columns": list(dict.fromkeys(keys.columns().values())),
            "sorting": [{"attribute": keys.trade_date, "ascending": True}],
        }
        if keys.by_job:
            document = self.asked(lambda: query_by_job(self.client, TRANSACTIONS, query))
        else:
            body = {"type": "transaction_query", "attributes": query}
            document = self.asked(lambda: self.client.query("/v1/transactions/query", body))
        history: defaultdict[str, list[TransactionRow]] = defaultdict(list)
        for row in transaction_rows(document, keys):
            history[row.owner_id].append(row)
        return history

    def _holdings_query(self, accounts: Mapping[str, Account]) -> Mapping[str, Any]:
        keys = self.mapping.holdings
        return {
            "portfolio_type": "ENTITY",
            "portfolio_id": [int(entity) for entity in accounts],
            "start_date": self.as_of.replace(month=1, day=1).isoformat(),  # the tax year, for gains to date
            "end_date": self.as_of.isoformat(),
            "columns": [_column(keys, name) for name in keys.columns()],
            "groupings": [{"key": key} for key in keys.groupings().values()],
            "hide_previous_holdings": True,
        }


def _with_holdings(account: Account, row: HoldingRow, cash: Decimal, faults: Faults) -> Account:
    st_gain = faults.amount(row.values, "ytd_st_gain", "account", "holdings")
    lt_gain = faults.amount(row.values, "ytd_lt_gain", "account", "holdings")
    return replace(
        account,
        cash=cash,
        ytd_st_gain=account.ytd_st_gain if st_gain is None else st_gain,
        ytd_lt_gain=account.ytd_lt_gain if lt_gain is None else lt_gain,
    )


def _mentions(words: str, key: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(key)}(?!\w)", words) is not None


def _column(keys: HoldingKeys, name: str) -> Mapping[str, Any]:
    column = keys.columns()[name]
    return {"key": column.key, "arguments": dict(column.arguments)} if column.arguments else {"key": column.key}
