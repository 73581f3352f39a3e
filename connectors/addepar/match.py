"""Which of our accounts, households and securities does Addepar mean? Exact matches only; a doubt is an issue."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.addepar.issues import UNCHANGED, DataIssue, Severity
from connectors.addepar.mapping import EntityKeys
from connectors.addepar.values import text
from engine.domain.accounts import Account, Household
from engine.domain.identifiers import HouseholdId, SecurityId
from engine.domain.market import Security

Resource = Mapping[str, Any]
Named = TypeVar("Named")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityIndex:
    """The firm's securities by CUSIP and by ticker; a code that two securities share is left out of its index."""

    by_cusip: Mapping[str, Security]
    by_ticker: Mapping[str, Security]

    def find(self, cusip: str, ticker: str) -> SecurityId | None:
        """Return the security with these codes, where "" is unknown; None if the firm has none, or they disagree.

        A ticker alone never identifies a security whose CUSIP is known to be another: tickers are used again.
        """
        found = self.by_cusip.get(cusip.upper())
        named = self.by_ticker.get(ticker.upper())
        if found is None:
            differs = named is not None and cusip and named.cusip and named.cusip.upper() != cusip.upper()
            return None if named is None or differs else named.security_id
        return None if named is not None and named is not found else found.security_id


def security_index(securities: Iterable[Security]) -> SecurityIndex:
    """Return the index of a firm's securities."""
    known = tuple(securities)
    return SecurityIndex(
        by_cusip=_unique((security.cusip.upper(), security) for security in known if security.cusip),
        by_ticker=_unique((security.ticker.upper(), security) for security in known if security.ticker),
    )


def match_accounts(
    entities: Iterable[Resource], accounts: Sequence[Account], keys: EntityKeys
) -> tuple[Mapping[str, Account], tuple[DataIssue, ...]]:
    """Return our account for each Addepar entity that means exactly one, and an issue for all else on either side."""
    code_of = {account.account_id: str(getattr(account, keys.account_field)) for account in accounts}
    ours = _unique((code_of[account.account_id], account) for account in accounts)
    codes = {str(entity["id"]): _attribute(entity, keys.account_key) for entity in entities}
    count = Counter(codes.values())
    matched = {entity: ours[code] for entity, code in codes.items() if code in ours and count[code] == 1}
    reached = {account.account_id for account in matched.values()}
    place = "entities.account_key"
    issues = [
        DataIssue(severity=Severity.WARNING, account_id=None, subject=f"Addepar entity {entity}", field=place,
                  found=code or "nothing", expected=f"the {keys.account_field} of one of the firm's accounts",
                  effect="left out")
        for entity, code in codes.items()
        if code not in ours
    ]  # fmt: skip
    issues += [
        DataIssue(severity=Severity.ERROR, account_id=account.account_id, subject="account", field=place,
                  found=f"{count[code_of[account.account_id]]} Addepar entities for {code_of[account.account_id]}"
                        + ("" if code_of[account.account_id] in ours else ", which several of our accounts share"),
                  expected="exactly one", effect=UNCHANGED)
        for account in accounts
        if account.account_id not in reached
    ]  # fmt: skip
    return matched, tuple(issues)


def match_households(
    groups: Iterable[tuple[Resource, Sequence[str]]],
    positions: Iterable[Resource],
    matched: Mapping[str, Account],
    households: Sequence[Household],
    keys: EntityKeys,
) -> tuple[Mapping[str, HouseholdId], tuple[DataIssue, ...]]:
    """Return the household of each matched account entity that lies in exactly one of the firm's households.

    groups: household groups with the entity ids of their members, which may be accounts or their owners; positions
    say who owns what. An account in no group keeps its present household (an INFO issue, and it is in the answer); one
    in several, or in a group that the firm does not know, is fenced (an ERROR, and it is not).
    """
    ours = _unique((str(getattr(household, keys.household_field)), household) for household in households)
    owners: dict[str, set[str]] = defaultdict(set)
    for position in positions:
        owners[_related(position, "owned")].add(_related(position, "owner"))
    groups_of: dict[str, set[str]] = defaultdict(set)
    for group, members in groups:
        for member in members:
            groups_of[member].add(_attribute(group, keys.household_key))
    placed: dict[str, HouseholdId] = {}
    issues = []
    for entity, account in matched.items():
        names = {name for holder in _holders(entity, owners) for name in groups_of.get(holder, ())}
        if not names:
            placed[entity] = account.household_id
            issues.append(_household_issue(Severity.INFO, account, "no household group", account.household_id))
        elif len(names) == 1 and (name := next(iter(names))) in ours:
            placed[entity] = ours[name].household_id
        else:
            found = ", ".join(sorted(names))
            issues.append(_household_issue(Severity.ERROR, account, found, "one of the firm's households"))
    return placed, tuple(issues)


def _household_issue(severity: Severity, account: Account, found: str, expected: str) -> DataIssue:
    effect = UNCHANGED if severity is Severity.ERROR else "household left as it was"
    return DataIssue(severity=severity, account_id=account.account_id, subject="household",
                     field="entities.household_key", found=found, expected=expected, effect=effect)  # fmt: skip


def _holders(entity: str, owners: Mapping[str, set[str]]) -> set[str]:
    """The entity and everyone who owns it, directly or through others."""
    found: set[str] = set()
    waiting = [entity]
    while waiting:
        holder = waiting.pop()
        if holder not in found:
            found.add(holder)
            waiting.extend(owners.get(holder, ()))
    return found


def _attribute(resource: Resource, key: str) -> str:
    return text((resource.get("attributes") or {}).get(key))


def _related(resource: Resource, name: str) -> str:
    data = ((resource.get("relationships") or {}).get(name) or {}).get("data") or {}
    return str(data.get("id", ""))


def _unique(pairs: Iterable[tuple[str, Named]]) -> Mapping[str, Named]:
    """The pairs as a mapping, without empty codes and every code that names two things."""
    listed = tuple((code, thing) for code, thing in pairs if code)
    count = Counter(code for code, _ in listed)
    return {code: thing for code, thing in listed if count[code] == 1}


def related_ids(resource: Resource, name: str) -> Iterator[str] | None:
    """Yield the ids of a to-many relationship; None where the answer does not carry them."""
    data = ((resource.get("relationships") or {}).get(name) or {}).get("data")
    return None if data is None else (str(entry["id"]) for entry in data)
