"""Can this account's data be trusted with a plan? Every problem found, and whether it fences the account off."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from engine.domain.accounts import AccountSnapshot, TransactionType
from engine.domain.identifiers import SecurityId
from engine.domain.market import ActionKind, CorporateAction, MarketSnapshot
from engine.monitor.corporate_actions import actions_not_booked
from engine.monitor.positions import Measured
from engine.tax.history import read_history

STALE_AFTER: Final = timedelta(days=5)  # calendar days: longer than any weekend with a holiday at each end

SPLIT_NOTICE: Final = timedelta(days=30)  # a split not booked for longer is in the lots by other means, or was none
BOOKED_WITHIN: Final = timedelta(days=7)  # of the ex-date: custodians post a split days before or after it


class Severity(StrEnum):
    """warn: plan with care. fence: its figures would be wrong, so it is not planned until someone mends it."""

    WARN = "warn"
    FENCE = "fence"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataProblem:
    """One thing wrong with an account's data. code is short and stable; sentence says what was found and expected."""

    code: str
    severity: Severity
    sentence: str
    security_id: SecurityId | None = None


def data_problems(
    snapshot: AccountSnapshot, market: MarketSnapshot, measured: Measured, actions: Iterable[CorporateAction] = ()
) -> tuple[DataProblem, ...]:
    """Return every data problem of an account, fences first. actions: those of at least the last SPLIT_NOTICE days."""
    found = [problem for check in _CHECKS for problem in check(snapshot, market, measured)]
    actions = tuple(actions)
    found += _splits(snapshot, market, measured, actions)
    found += [
        _fence(code, sentence, action.security_id)
        for code, sentence, action in actions_not_booked(snapshot, market, actions)
    ]
    return tuple(sorted(found, key=lambda problem: (problem.severity, problem.code, problem.security_id or "")))


def _fence(code: str, sentence: str, security_id: SecurityId | None = None) -> DataProblem:
    return DataProblem(code=code, severity=Severity.FENCE, sentence=sentence, security_id=security_id)


def _warn(code: str, sentence: str, security_id: SecurityId | None = None) -> DataProblem:
    return DataProblem(code=code, severity=Severity.WARN, sentence=sentence, security_id=security_id)


def _unmeasured(snapshot: AccountSnapshot, market: MarketSnapshot, measured: Measured) -> Iterator[DataProblem]:
    for name in measured.unpriced:
        yield _fence("no_mark", f"{name} is held and has no price on or before {market.as_of}.", name)
    for name in measured.unknown:
        yield _fence("unknown_security", f"{name} is held or in the model and is in no list of securities.", name)
    for name in measured.uncovered:
        yield _fence("no_risk", f"{name} is held or in the model and the risk model does not cover it.", name)
    if snapshot.account.model_id not in market.models:
        yield _fence("unknown_model", f"Model {snapshot.account.model_id} does not exist.")
    if measured.nav <= 0:
        yield _fence("no_value", f"The account is worth {measured.nav:,.2f} USD; expected more than 0.")


def _basis(snapshot: AccountSnapshot, _market: MarketSnapshot, _measured: Measured) -> Iterator[DataProblem]:
    """A basis of zero is how custodians say that they do not know it; without tax to pay it does no harm."""
    report = _fence if snapshot.account.registration.is_taxable else _warn
    for lot in snapshot.lots:
        if lot.cost_per_share == 0:
            yield report("missing_basis", f"Lot {lot.lot_id} of {lot.security_id} has no cost basis.", lot.security_id)


def _marks(_snapshot: AccountSnapshot, market: MarketSnapshot, measured: Measured) -> Iterator[DataProblem]:
    for name in measured.values:
        age = market.as_of - market.marks[name].on
        if age > STALE_AFTER:
            yield _warn(
                "stale_mark", f"The price of {name} is {age.days} days old, from {market.marks[name].on}.", name
            )
        security = market.securities.get(name)
        if security is not None and security.tradable is False:
            yield _warn("not_tradable", f"{name} is held and cannot be traded.", name)


def _cash(snapshot: AccountSnapshot, _market: MarketSnapshot, _measured: Measured) -> Iterator[DataProblem]:
    if snapshot.account.cash < 0:
        yield _warn("negative_cash", f"Cash is {snapshot.account.cash:,.2f} USD; expected 0 or more.")


def _numbers(snapshot: AccountSnapshot, _market: MarketSnapshot, _measured: Measured) -> Iterator[DataProblem]:
    own = snapshot.account
    for book in snapshot.household_books:
        other = book.account
        if other.account_id != own.account_id and other.account_number == own.account_number:
            yield _fence(
                "duplicate_number",
                f"Account number {own.account_number} at {own.custodian} is also that of {other.account_id} at "
                f"{other.custodian}; one of them may be the other, counted twice.",
            )


def _quantities(snapshot: AccountSnapshot, market: MarketSnapshot, _measured: Measured) -> Iterator[DataProblem]:
    """Compare lots with transactions as far as the transactions go: what they bought must be there or have left."""
    history = read_history(snapshot.household_books, as_of=market.as_of)
    for (account_id, name), shares in sorted(history.imbalance.items()):
        if account_id == snapshot.account.account_id:
            found = f"{abs(shares).normalize():f} shares {'more' if shares > 0 else 'fewer'}"
            yield _fence(
                "quantity_mismatch",
                f"The lots of {name} hold {found} than its transactions left.",
                name,
            )


def _splits(
    snapshot: AccountSnapshot, market: MarketSnapshot, measured: Measured, actions: Iterable[CorporateAction]
) -> Iterator[DataProblem]:
    """Compare splits that the prices know of with those in the account: one without the other halves or doubles it."""
    booked = [event for event in snapshot.book.transactions if event.type is TransactionType.SPLIT]
    for action in actions:
        name, on = action.security_id, action.ex_date
        if action.kind is not ActionKind.SPLIT or not market.as_of - SPLIT_NOTICE <= on <= market.as_of:
            continue
        old = any(lot.security_id == name and lot.acquired < on for lot in snapshot.lots)
        if name not in measured.values or not old:
            continue
        there = any(event.security_id == name and abs(event.trade_date - on) <= BOOKED_WITHIN for event in booked)
        ratio = f"{action.value.normalize():f} new shares for one"
        if not there:
            yield _fence("split_not_booked", f"{name} split on {on}, {ratio}, and no split is booked here.", name)
        elif market.marks[name].on < on:
            yield _fence("price_before_split", f"{name} split on {on}, {ratio}, and its price is from before.", name)


def _source(snapshot: AccountSnapshot, market: MarketSnapshot, _measured: Measured) -> Iterator[DataProblem]:
    """What another system gave is as good as its newest reading; a wash sale needs every account of the household."""
    for source in snapshot.sources or ():
        own = source.account_id == snapshot.account.account_id
        age = "none was ever taken" if source.read_on is None else f"those of {source.read_on} stay in use"
        if own:
            for fault in source.faults:
                yield _fence("source_fault", f"{source.source} of {source.tried_on}: {fault}; {age}.")
            if source.derived:
                yield _warn("derived_lots", f"The lots were rebuilt from transactions: {source.source} gives none.")
            if source.read_on is not None and not source.faults and market.as_of - source.read_on > STALE_AFTER:
                yield _warn("old_source", f"The lots are of {source.read_on}; the firm's day is {market.as_of}.")
        elif source.faults:
            yield _warn(
                "household_source_fault",
                f"Account {source.account_id} of the household could not be read from {source.source} on "
                f"{source.tried_on}; {age}, and later trades in it are not known to the wash-sale rules.",
            )


_CHECKS: Final[tuple[Callable[[AccountSnapshot, MarketSnapshot, Measured], Iterator[DataProblem]], ...]] = (
    _unmeasured,
    _basis,
    _marks,
    _cash,
    _numbers,
    _quantities,
    _source,
)
