"""Which firm is this? Imported whole or not at all, read account by account, changed by what was filled."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from data import audit, documents, tables
from data.books import read_accounts, read_books, rewrite_book, write_books
from data.codec import loads
from data.database import FIRM_LOCK, Database, insert_new, serialise
from data.household import StoredHousehold, read_stored_households
from data.pending import read_pending
from data.reference import (
    ENDING,
    MarketParts,
    clear,
    read_actions,
    read_endings,
    read_households,
    read_marks,
    read_models,
    read_restrictions,
    read_securities,
    read_substitutes,
    rewrite_prices,
    write_reference,
)
from data.refresh import hold_firm
from data.snapshots import read_prices, risk_document
from data.suggest import unknown
from engine.domain.accounts import (
    Account,
    AccountBook,
    AccountSnapshot,
    FirmReference,
    Household,
    Restriction,
    Transaction,
)
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, SecurityId, UserId
from engine.domain.market import CorporateAction, Model, PriceHistory, RiskModel
from engine.domain.succession import lasting_groups, models_in_force, securities_today, substitutes_today
from engine.plan.document import canonical_json

_accounts: Final = tables.accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """What stands at the head of every page. market: stands for its prices, securities and corporate actions."""

    name: str
    as_of: date
    currency: str
    imported_at: datetime
    market: str


class FirmStore:
    """The one firm of this database. Everything that reads raises DataError where none was imported yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(
        self,
        reference: FirmReference,
        books: Iterable[AccountBook],
        *,
        actor: UserId,
        at: datetime,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Put a firm in the place of the one before, in one transaction: any error leaves that one as it was.

        Plans, orders, people and the audit log stay; what scans saw on earlier days only for a firm of the same name.
        progress is told how many accounts are written. Raises DataError
        for an account that comes twice or has no household, and whatever the stream of books raises.
        """
        with self._database.begin() as connection:
            serialise(connection, FIRM_LOCK)
            before = _summary(connection)
            count = 0
            try:
                clear(connection, whole=before is not None and before["name"] != reference.name)
                write_reference(connection, reference, at=at)
                households = frozenset(household.household_id for household in reference.households)
                for count, _ in enumerate(write_books(connection, books, households), start=1):
                    if progress is not None:
                        progress(count)
            except IntegrityError as error:
                raise DataError(f"firm {reference.name}: the database refused it: {error.orig}") from error
            audit.append(
                connection,
                at=at,
                actor=actor,
                what="firm.replace",
                subject=reference.name,
                before=before,
                after=_summary(connection),
            )

    def reprice(
        self,
        histories: Sequence[PriceHistory],
        actions: Sequence[CorporateAction],
        *,
        as_of: date,
        imported_at: datetime,
        actor: UserId,
        at: datetime,
    ) -> None:
        """Put prices and corporate actions in the place of the firm's, its accounts as they are, in one transaction.

        as_of: the firm's day from then on; imported_at: of the firm that they were made for. Raises DataError where
        data came in since, and for a day before the present one: trades and prices up to that day are known already.
        """
        with self._database.begin() as connection:
            hold_firm(connection, imported_at=imported_at)
            present, before = _require(connection), _summary(connection)
            if as_of < present.as_of:
                raise DataError(
                    f"prices up to {as_of}: expected them up to {present.as_of} at least, the firm's own day"
                )
            rewrite_prices(connection, histories, actions, as_of=as_of)
            connection.execute(update(tables.firm).values(imported_at=at))
            audit.append(connection, at=at, actor=actor, what="firm.reprice", subject=present.name,
                         before=before, after=_summary(connection))  # fmt: skip

    def is_empty(self) -> bool:
        """Return whether no firm was imported yet."""
        with self._database.read() as connection:
            return _find(connection) is None

    def firm(self) -> Firm:
        """Return the firm's name, day and currency."""
        with self._database.read() as connection:
            row = _require(connection)
        return Firm(name=row.name, as_of=row.as_of, currency=row.currency, imported_at=row.imported_at,
                    market=row.risk_inputs)  # fmt: skip

    def reference(self) -> FirmReference:
        """Return everything but the accounts, equal to what was imported."""
        with self._database.read() as connection:
            firm = _require(connection)
            return FirmReference(
                as_of=firm.as_of,
                currency=firm.currency,
                name=firm.name,
                securities=read_securities(connection),
                prices=_prices(connection, firm),
                models=read_models(connection),
                households=read_households(connection),
                restrictions=read_restrictions(connection),
                substitutes=read_substitutes(connection),
                risk=None if firm.risk_hash is None else _risk(connection, firm.risk_hash),
                settings=_settings(connection),
                actions=read_actions(connection),
            )

    def books(self) -> Iterator[AccountBook]:
        """Yield every account's book in the order of the import, as of one moment."""
        with self._database.read() as connection:
            _require(connection)
            yield from read_books(connection)

    def accounts(self) -> tuple[Account, ...]:
        """Return every account in the order of the import."""
        with self._database.read() as connection:
            _require(connection)
            return read_accounts(connection)

    def has_account(self, account_id: AccountId) -> bool:
        """Return whether the firm has this account now."""
        with self._database.read() as connection:
            _require(connection)
            return (
                connection.scalar(select(_accounts.c.account_id).where(_accounts.c.account_id == account_id))
                is not None
            )

    def households(self) -> tuple[Household, ...]:
        """Return every household in the order of the import."""
        with self._database.read() as connection:
            _require(connection)
            return read_households(connection)

    def restrictions(self) -> tuple[Restriction, ...]:
        """Return every restriction, whenever it holds, in the order of the import."""
        with self._database.read() as connection:
            _require(connection)
            return read_restrictions(connection)

    def settings(self, name: str) -> str:
        """Return the TOML text of a settings file. Raises DataError for an unknown name, with a near match."""
        with self._database.read() as connection:
            _require(connection)
            known = _settings(connection)
        if name not in known:
            raise unknown("settings", name, known)
        return known[name]

    def all_settings(self) -> Mapping[str, str]:
        """Return the TOML text of every settings file by its name."""
        with self._database.read() as connection:
            _require(connection)
            return _settings(connection)

    def fingerprint(self) -> str:
        """Return a SHA-256 over all that the firm says of its accounts, households and rules; prices are not in it."""
        told = []
        with self._database.read() as connection:
            for table in (
                tables.accounts,
                tables.households,
                tables.restrictions,
                tables.settings,
                tables.account_sources,
            ):
                rows = connection.execute(select(table).order_by(*table.primary_key)).all()
                told.append([[None if cell is None else str(cell) for cell in row] for row in rows])
        return sha256(canonical_json(told)).hexdigest()

    def snapshot(self, account_id: AccountId) -> AccountSnapshot:
        """Return one account with its household. Raises DataError for an unknown account, with a near match."""
        with self._database.read() as connection:
            firm = _require(connection)
            found = read_accounts(connection, _accounts.c.account_id == account_id)
            if not found:
                raise unknown("account", account_id, connection.scalars(select(_accounts.c.account_id)))
            [household] = read_stored_households(connection, [found[0].household_id], as_of=firm.as_of)
        return household.snapshots(as_of=firm.as_of, only=account_id)[0]

    def snapshots(self, household_id: HouseholdId) -> tuple[AccountSnapshot, ...]:
        """Return every account of a household, by account_id; each book is read once, so a whole firm scans fast.

        Raises DataError for an unknown household, with a near match.
        """
        with self._database.read() as connection:
            firm = _require(connection)
            found = read_stored_households(connection, [household_id], as_of=firm.as_of)
            if not found:
                names = {household.household_id for household in read_households(connection)}
                raise unknown("household", household_id, names)
        return found[0].snapshots(as_of=firm.as_of)

    def stored_households(
        self, household_ids: Sequence[HouseholdId], *, without: Collection[PlanId] = ()
    ) -> tuple[StoredHousehold, ...]:
        """Return households as they are stored, in the order asked; see read_stored_households."""
        with self._database.read() as connection:
            as_of = _require(connection).as_of
            return read_stored_households(connection, household_ids, as_of=as_of, without=without)

    def pending(self, household_id: HouseholdId) -> tuple[Transaction, ...]:
        """Return the trades of a household that are proposed or further and not booked, of all its accounts."""
        with self._database.read() as connection:
            return read_pending(connection, [household_id], _require(connection).as_of).get(household_id, ())

    def market_parts(self) -> MarketParts:
        """Return the market of the firm's day but its risk model; see risk. Names that ended gave way."""
        with self._database.read() as connection:
            as_of = _require(connection).as_of
            ended = read_endings(connection, as_of=as_of)
            return MarketParts(
                as_of=as_of,
                securities=securities_today(read_securities(connection), ended),
                marks=read_marks(connection),
                models=models_in_force(read_models(connection), ended),
                substitutes=substitutes_today(read_substitutes(connection), ended),
            )

    def groups(self) -> Mapping[SecurityId, str]:
        """Return the wash-sale groups for a ledger of the whole history; see lasting_groups."""
        with self._database.read() as connection:
            ended = read_endings(connection, as_of=_require(connection).as_of)
            return lasting_groups(read_securities(connection), ended)

    def models(self) -> tuple[Model, ...]:
        """Return every version of every model as it was imported."""
        with self._database.read() as connection:
            return read_models(connection)

    def prices(self) -> tuple[PriceHistory, ...]:
        """Return every price history."""
        with self._database.read() as connection:
            return _prices(connection, _require(connection))

    def actions(self, *, since: date = date.min) -> tuple[CorporateAction, ...]:
        """Return the corporate actions with an ex-date from a day on, and all that end or rename a security."""
        table = tables.corporate_actions
        with self._database.read() as connection:
            return read_actions(connection, or_(table.c.ex_date >= since, table.c.kind.in_(ENDING)))

    def has_risk(self) -> bool:
        """Return whether a risk model was imported with the firm."""
        with self._database.read() as connection:
            return _require(connection).risk_hash is not None

    def risk(self, *, estimator: str = "") -> RiskModel | None:
        """Return the imported risk model, or the one saved for exactly these prices, securities and day, or None.

        estimator: the version of what estimates; a model saved under another one is not returned.
        """
        with self._database.read() as connection:
            firm = _require(connection)
            saved = tables.risk_estimates
            known = select(saved.c.risk_hash).where(saved.c.inputs == _risk_inputs(firm, estimator))
            name = firm.risk_hash or connection.scalars(known).one_or_none()
            return None if name is None else _risk(connection, name)

    def save_risk(self, model: RiskModel, *, estimator: str = "") -> None:
        """Keep a risk model estimated from the present prices; the first one saved for them stays."""
        document = risk_document(model)
        with self._database.begin() as connection:
            serialise(connection, FIRM_LOCK)
            documents.put(connection, [document])
            row = {"inputs": _risk_inputs(_require(connection), estimator), "risk_hash": document.hash}
            insert_new(connection, tables.risk_estimates, [row])


def apply_fills(connection: Connection, book: AccountBook, *, actor: UserId, at: datetime) -> None:
    """Write an account as it is after its fills, in the caller's transaction, with one row of the audit log.

    The firm's day moves on to the newest trade: what was done after the import is known from then on, and counts for
    holding periods and wash sales. Raises DataError for an unknown account.
    """
    serialise(connection, FIRM_LOCK)
    account_id = book.account.account_id
    before = _account_summary(connection, account_id)
    if not rewrite_book(connection, book):
        raise unknown("account", account_id, connection.scalars(select(_accounts.c.account_id)))
    newest = max((row.trade_date for row in book.transactions), default=date.min)
    connection.execute(update(tables.firm).where(tables.firm.c.as_of < newest).values(as_of=newest))
    after = _account_summary(connection, account_id)
    audit.append(connection, at=at, actor=actor, what="account.book", subject=account_id, before=before, after=after)


def _find(connection: Connection) -> Row[Any] | None:
    return connection.execute(select(tables.firm)).one_or_none()


def _require(connection: Connection) -> Row[Any]:
    row = _find(connection)
    if row is None:
        raise DataError("no firm yet: import a firm folder or make the demo firm")
    return row


def _prices(connection: Connection, firm: Row[Any]) -> tuple[PriceHistory, ...]:
    return read_prices(documents.get(connection, [firm.prices_hash])[firm.prices_hash])


def _risk(connection: Connection, name: str) -> RiskModel:
    return loads(RiskModel, documents.get(connection, [name])[name])


def _risk_inputs(firm: Row[Any], estimator: str) -> str:
    return f"{firm.risk_inputs} {estimator}".strip()


def _settings(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(tables.settings))
    return dict(sorted((row.name, row.text) for row in rows))


def _summary(connection: Connection) -> dict[str, Any] | None:
    firm = _find(connection)
    if firm is None:
        return None
    count = connection.scalars(select(func.count()).select_from(tables.accounts)).one()
    return {"name": firm.name, "as_of": firm.as_of.isoformat(), "accounts": count, "risk_inputs": firm.risk_inputs}


def _account_summary(connection: Connection, account_id: AccountId) -> dict[str, Any] | None:
    table = _accounts
    row = connection.execute(
        select(table.c.cash, table.c.lots_hash, table.c.transactions_hash).where(_accounts.c.account_id == account_id)
    ).one_or_none()
    return (
        None if row is None else {"cash": str(row.cash), "lots": row.lots_hash, "transactions": row.transactions_hash}
    )
