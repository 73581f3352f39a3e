"""What does the firm look like once Addepar has been read? Its reference data and books, and all that was wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from connectors.addepar.answers import Document
from connectors.addepar.budget import in_words
from connectors.addepar.changes import Known, Since, changed_owners
from connectors.addepar.client import AddeparClient
from connectors.addepar.derive import derived_lots
from connectors.addepar.duplicates import duplicate_accounts
from connectors.addepar.issues import DataIssue, Severity
from connectors.addepar.mapping import AddeparMapping, EntityKeys, HouseholdField
from connectors.addepar.match import match_accounts, match_households, related_ids
from connectors.addepar.prices import agreed_prices, unmoved_prices, with_prices
from connectors.addepar.reading import Desk, Reading
from connectors.addepar.values import text
from engine.domain.accounts import Account, AccountBook, FirmReference, Household
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, HouseholdId
from engine.domain.market import PriceHistory

Progress = Callable[[str, float], None]
"""Called with what is being read and the fraction of it that is done."""

REQUESTS_FOR_FIRM: Final = 4  # entities, groups, positions and what has changed; more pages for a large firm
REQUESTS_PER_CHUNK: Final = 5  # a job submitted, asked for twice and downloaded, and a query for the histories
_SECONDS_PER_REQUEST: Final = 3.0  # what a chunk takes by itself, spread over its requests


@dataclass(frozen=True, slots=True, kw_only=True)
class AddeparPull:
    """A whole pull. books holds the accounts that were read without a fault, in the order of the given accounts.

    reference is the firm's own with Addepar's prices of the day; every account without a book here keeps the one that
    it has, and an ERROR among the issues says why. histories: how many accounts' transactions were read; those of the
    others are as the last sync left them.
    """

    reference: FirmReference
    books: tuple[AccountBook, ...]
    issues: tuple[DataIssue, ...]
    histories: int

    @property
    def fenced(self) -> tuple[AccountId, ...]:
        """The accounts that were left unchanged, in order."""
        return tuple(sorted({i.account_id for i in self.issues if i.account_id and i.severity is Severity.ERROR}))


def pull(
    client: AddeparClient,
    mapping: AddeparMapping,
    *,
    as_of: date,
    priced_on: date | None,
    reference: FirmReference,
    accounts: Sequence[Account],
    known: Known | None = None,
    progress: Progress = lambda _what, _done: None,
) -> AddeparPull:
    """Return the firm as Addepar has it at the end of as_of, over what the firm already knows of itself.

    accounts are the firm's present ones: model, registration, tax rates, carryforwards and settings stay theirs.
    priced_on: the session whose closes Addepar's prices are, None to leave prices alone; a day without a close of its
    own must not get that of the day before. known: what the last good sync read; without it, every history is read.
    Raises ExternalRefusal where Addepar refuses or cannot be reached, DataError where as_of is before the firm's own.
    """
    if as_of < reference.as_of:
        raise DataError(f"sync: expected a day not before the firm's own {reference.as_of}, found {as_of}")
    told = _Told(client, progress, chunks=-(-len(accounts) // client.config.accounts_per_job))
    told("accounts and households", done=0, of=1)
    placed, households, issues = _place(client, mapping.entities, reference, accounts)
    since = _unchanged(client, mapping, placed, known, as_of=as_of)
    same = frozenset[str]() if since is None else since.unchanged
    desk = Desk(client=client, mapping=mapping, as_of=as_of, reference=reference, since=since)
    # Those whose history is to be read come first and close together: a chunk of the others needs no query for it.
    wanted = sorted(placed, key=lambda entity: (entity in same, placed[entity].account_id))
    readings: list[Reading] = []
    for start in range(0, len(wanted), client.config.accounts_per_job):
        told("accounts", done=start, of=len(wanted))
        readings += desk.read({e: placed[e] for e in wanted[start : start + client.config.accounts_per_job]})
    progress("accounts", 1.0)
    if not mapping.holdings.lot:
        _derive(readings, as_of)
    twice = duplicate_accounts(reading.book for reading in readings if not reading.faults.fenced)
    bad = {issue.account_id for issue in twice}
    good = {r.account.account_id: r for r in readings if not r.faults.fenced and r.account.account_id not in bad}
    issues += [*(i for reading in readings for i in reading.faults.issues), *twice]
    prices, price_issues = _priced(reference.prices, good.values(), priced_on)
    issues += price_issues
    return AddeparPull(
        reference=replace(reference, as_of=as_of, households=households, prices=prices),
        books=tuple(good[account.account_id].book for account in accounts if account.account_id in good),
        issues=tuple(issues),
        histories=sum(entity not in same for entity in wanted),
    )


def _place(
    client: AddeparClient, keys: EntityKeys, reference: FirmReference, accounts: Sequence[Account]
) -> tuple[Mapping[str, Account], tuple[Household, ...], list[DataIssue]]:
    """Return our accounts by their Addepar entity, each in its household, the households, and what does not match."""
    entities = client.pages("/v1/entities", {"filter[model_types]": ",".join(keys.account_model_types)})
    matched, issues = match_accounts(entities, accounts, keys)
    groups = tuple(_household_groups(client, keys))
    owned = client.pages("/v1/positions", {"filter[owned_model_types]": ",".join(keys.account_model_types)})
    homes, household_issues = match_households(groups, owned, matched, reference.households, keys)
    placed = {entity: replace(matched[entity], household_id=home) for entity, home in homes.items()}
    return placed, _renamed(reference, [group for group, _ in groups], keys), [*issues, *household_issues]


class _Told:
    """Says how far a pull is, what it still costs and how long that takes."""

    def __init__(self, client: AddeparClient, progress: Progress, *, chunks: int) -> None:
        self._budget, self._progress, self._chunks = client.budget, progress, chunks
        self._now = ("", 0.0)
        self._budget.tell = lambda reason: progress(f"{self._now[0]}; {reason}", self._now[1])

    def __call__(self, doing: str, *, done: int, of: int) -> None:
        share = done / of
        chunks = self._chunks * (1 - share)
        requests = round(chunks * REQUESTS_PER_CHUNK) + (0 if done else REQUESTS_FOR_FIRM)
        left = in_words(self._budget.seconds_for(requests, each_seconds=_SECONDS_PER_REQUEST))
        spent = ", ".join(f"{used:,} of {a.requests:,} in {in_words(a.seconds)}" for a, used in self._budget.used())
        counted = f"{doing} {done:,} of {of:,}" if of > 1 else doing
        self._now = (f"{counted}; about {requests} requests and {left} to go; spent {spent}", share)
        self._progress(*self._now)


def _unchanged(
    client: AddeparClient, mapping: AddeparMapping, matched: Mapping[str, Account], known: Known | None, *, as_of: date
) -> Since | None:
    """Return which matched accounts have the history that we know; None where all are to be read."""
    if known is None or not known.accounts:
        return None
    changed = changed_owners(client, mapping.transactions, since=known.at, as_of=as_of)
    if changed is None:
        return None
    same = {e for e, account in matched.items() if account.account_id in known.accounts and e not in changed}
    return Since(unchanged=frozenset(same), history=known.history)


def _priced(
    histories: tuple[PriceHistory, ...], readings: Iterable[Reading], on: date | None
) -> tuple[tuple[PriceHistory, ...], tuple[DataIssue, ...]]:
    """Return the histories with the closes of a day, as they are where none is asked for, and what is odd in them."""
    if on is None:
        return histories, ()
    prices, issues = agreed_prices(reading.prices for reading in readings)
    return with_prices(histories, prices, on=on), (*issues, *unmoved_prices(histories, prices, on=on))


def _derive(readings: Sequence[Reading], as_of: date) -> None:
    """Rebuild the lots of accounts, household by household."""
    homes: dict[HouseholdId, list[Reading]] = {}
    for reading in readings:
        if not reading.faults.fenced:
            homes.setdefault(reading.account.household_id, []).append(reading)
    for members in homes.values():
        found = derived_lots([reading.unlotted for reading in members], as_of=as_of)
        for reading in members:
            reading.lots = found[reading.account.account_id]


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
