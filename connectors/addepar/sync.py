"""What does the firm look like once Addepar has been read? Its reference data and books, and all that was wrong."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.addepar.client import AddeparClient, AddeparRefusal, Document
from connectors.addepar.config import AddeparConfig
from connectors.addepar.holdings import HoldingReader
from connectors.addepar.issues import DataIssue, Faults, Severity
from connectors.addepar.jobs import portfolio_query
from connectors.addepar.mapping import AddeparMapping, EntityKeys, HoldingKeys, HouseholdField
from connectors.addepar.match import match_accounts, match_households, related_ids, security_index
from connectors.addepar.prices import agreed_prices, with_prices
from connectors.addepar.rows import HoldingRow, TransactionRow, holding_rows, transaction_rows
from connectors.addepar.transactions import TransactionReader
from connectors.addepar.values import text
from engine.domain.accounts import Account, AccountBook, FirmReference, Household
from engine.domain.errors import DataError, ExternalRefusal
from engine.domain.identifiers import AccountId, SecurityId

Progress = Callable[[str, float], None]
"""Called with what is being read and the fraction of it that is done."""

_BAD_REQUEST: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class AddeparPull:
    """A whole pull. books holds the accounts that were read without a fault, in the order of the given accounts.

    reference is the firm's own with Addepar's prices of the day; every account without a book here keeps the one that
    it has, and an ERROR among the issues says why.
    """

    reference: FirmReference
    books: tuple[AccountBook, ...]
    issues: tuple[DataIssue, ...]

    @property
    def fenced(self) -> tuple[AccountId, ...]:
        """The accounts that were left unchanged, in order."""
        return tuple(sorted({i.account_id for i in self.issues if i.account_id and i.severity is Severity.ERROR}))


def sync(
    config: AddeparConfig,
    mapping: AddeparMapping,
    *,
    as_of: date,
    reference: FirmReference,
    accounts: Sequence[Account],
    progress: Progress = lambda _what, _done: None,
) -> AddeparPull:
    """Return the firm as Addepar has it at the end of as_of, over what the firm already knows of itself.

    accounts are the firm's present ones: model, registration, tax rates, carryforwards and settings stay theirs. Raises
    ExternalRefusal where Addepar refuses or cannot be reached, DataError where as_of is before the firm's own.
    """
    with AddeparClient(config) as client:
        return pull(client, mapping, as_of=as_of, reference=reference, accounts=accounts, progress=progress)


def pull(
    client: AddeparClient,
    mapping: AddeparMapping,
    *,
    as_of: date,
    reference: FirmReference,
    accounts: Sequence[Account],
    progress: Progress = lambda _what, _done: None,
) -> AddeparPull:
    """Do what sync does with a client that is already there."""
    if as_of < reference.as_of:
        raise DataError(f"sync: expected a day not before the firm's own {reference.as_of}, found {as_of}")
    keys = mapping.entities
    entities = client.pages("/v1/entities", {"filter[model_types]": ",".join(keys.account_model_types)})
    matched, issues = match_accounts(entities, accounts, keys)
    groups = tuple(_household_groups(client, keys))
    owned = client.pages("/v1/positions", {"filter[owned_model_types]": ",".join(keys.account_model_types)})
    placed, household_issues = match_households(groups, owned, matched, reference.households, keys)
    desk = _Desk(client=client, mapping=mapping, as_of=as_of, reference=reference)
    readings: list[_Reading] = []
    wanted = sorted(placed, key=lambda entity: matched[entity].account_id)
    for start in range(0, len(wanted), client.config.accounts_per_job):
        progress("accounts", start / len(wanted))
        chunk = wanted[start : start + client.config.accounts_per_job]
        readings += desk.read({entity: replace(matched[entity], household_id=placed[entity]) for entity in chunk})
    progress("accounts", 1.0)
    prices, price_issues = agreed_prices(reading.prices for reading in readings if reading.book is not None)
    found = {reading.book.account.account_id: reading.book for reading in readings if reading.book is not None}
    return AddeparPull(
        reference=replace(
            reference,
            as_of=as_of,
            households=_renamed(reference, [group for group, _ in groups], keys),
            prices=with_prices(reference.prices, prices, on=as_of),
        ),
        books=tuple(found[account.account_id] for account in accounts if account.account_id in found),
        issues=(*issues, *household_issues, *(issue for reading in readings for issue in reading.issues),
                *price_issues),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What came of one account; book is None where a fault fences it."""

    book: AccountBook | None
    prices: Mapping[SecurityId, Decimal]
    issues: tuple[DataIssue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """Asks for a chunk of accounts at a time and reads the answers."""

    client: AddeparClient
    mapping: AddeparMapping
    as_of: date
    reference: FirmReference

    def read(self, accounts: Mapping[str, Account]) -> list[_Reading]:
        """Return a reading of each account, by Addepar entity id."""
        currency = self.reference.currency
        document = self._asked(lambda: portfolio_query(self.client, self._holdings_query(accounts)))
        holdings = {row.entity_id: row for row in holding_rows(document, self.mapping.holdings, currency=currency)}
        body = {"type": "transaction_query", "attributes": self._transactions_query(accounts)}
        document = self._asked(lambda: self.client.post("/v1/transactions/query", body))
        history: dict[str, list[TransactionRow]] = defaultdict(list)
        for row in transaction_rows(document, self.mapping.transactions):
            history[row.owner_id].append(row)
        securities = security_index(self.reference.securities)
        lots = HoldingReader(keys=self.mapping.holdings, securities=securities, as_of=self.as_of)
        trades = TransactionReader(keys=self.mapping.transactions, securities=securities, as_of=self.as_of)
        return [
            _read_account(account, holdings.get(entity), history[entity], lots, trades, currency)
            for entity, account in accounts.items()
        ]

    def _holdings_query(self, accounts: Mapping[str, Account]) -> Mapping[str, Any]:
        keys = self.mapping.holdings
        return {
            "portfolio_type": "ENTITY",
            "portfolio_id": [int(entity) for entity in accounts],
            "start_date": self.as_of.replace(month=1, day=1).isoformat(),  # the tax year, for gains to date
            "end_date": self.as_of.isoformat(),
            "columns": [_column(keys, name) for name in keys.columns()],
            "groupings": [{"key": keys.account}, {"key": keys.security}, {"key": keys.lot}],
            "hide_previous_holdings": True,
        }

    def _transactions_query(self, accounts: Mapping[str, Account]) -> Mapping[str, Any]:
        keys = self.mapping.transactions
        return {
            "portfolio_type": "ENTITY",
            "portfolio_id": [int(entity) for entity in accounts],
            "start_date": keys.since.isoformat(),
            "end_date": self.as_of.isoformat(),
            "columns": list(dict.fromkeys(keys.columns().values())),
            "sorting": [{"attribute": keys.trade_date, "ascending": True}],
        }

    def _asked(self, question: Callable[[], Document]) -> Document:
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


def _read_account(
    account: Account,
    row: HoldingRow | None,
    history: Sequence[TransactionRow],
    lots: HoldingReader,
    trades: TransactionReader,
    currency: str,
) -> _Reading:
    faults = Faults(account.account_id, currency=currency)
    if row is None:
        faults.error("account", "holdings.account", found="no holdings", expected=f"holdings on {lots.as_of}")
        return _Reading(book=None, prices={}, issues=tuple(faults.issues))
    held = lots.read(account.account_id, row, faults)
    transactions = trades.read(account.account_id, history, held.cash_entities, faults)
    st_gain = faults.amount(row.values, "ytd_st_gain", "account", "holdings")
    lt_gain = faults.amount(row.values, "ytd_lt_gain", "account", "holdings")
    account = replace(
        account,
        cash=held.cash,
        ytd_st_gain=account.ytd_st_gain if st_gain is None else st_gain,
        ytd_lt_gain=account.ytd_lt_gain if lt_gain is None else lt_gain,
    )
    book = None if faults.fenced else AccountBook(account=account, lots=held.lots, transactions=transactions)
    return _Reading(book=book, prices=held.prices, issues=tuple(faults.issues))


def _mentions(words: str, key: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(key)}(?!\w)", words) is not None


def _column(keys: HoldingKeys, name: str) -> Mapping[str, Any]:
    column = keys.columns()[name]
    return {"key": column.key, "arguments": dict(column.arguments)} if column.arguments else {"key": column.key}


def _household_groups(client: AddeparClient, keys: EntityKeys) -> Iterator[tuple[Document, tuple[str, ...]]]:
    """Yield every household group with the ids of its members, asked for one by one where the list leaves them out."""
    for group in client.pages("/v1/groups", {"filter[group_types]": keys.household_group_type}):
        members = related_ids(group, "members")
        if members is None:
            members = (str(member["id"]) for member in client.pages(f"/v1/groups/{group['id']}/members"))
        yield group, tuple(members)


def _renamed(reference: FirmReference, groups: Sequence[Document], keys: EntityKeys) -> tuple[Household, ...]:
    """The firm's households, with Addepar's names where they are recognised by something else."""
    if keys.household_field is HouseholdField.NAME:
        return reference.households
    names = {text(group["attributes"].get(keys.household_key)): text(group["attributes"].get("name"))
             for group in groups}  # fmt: skip
    return tuple(replace(household, name=names.get(household.household_id) or household.name)
                 for household in reference.households)  # fmt: skip
