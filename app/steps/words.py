"""How is evidence told to people? Securities by ticker and accounts by name, where a check names them by id.

Documents keep the ids: they are hashed, and a ticker may change. So it is the edge that puts evidence into words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.ports import Services
from app.steps import firm
from app.steps.market import todays_market
from engine.domain.accounts import Rule
from engine.domain.identifiers import AccountId
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Check

# Where evidence has a security: "ID: what is wrong", one after the other, "ID has moved", a lot of ID, a rule on ID.
_SUBJECT: Final = re.compile(r"(^|; |: )([^;:]+?)(?=: | has moved )")
_LOT: Final = re.compile(r"( of )(\S+)(?= in this account)")
_RULE: Final = re.compile(rf"(\b(?:{'|'.join(Rule)}) )(\S+)")
_ACCOUNT: Final = re.compile(r"(\baccount )([^\s,;:()]+)")
_PLANNED: Final = re.compile(r"\bplan:([0-9a-f]{12})[0-9a-f]{52}:[^)]*")  # a transaction that a plan means to make


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What things are called: tickers by security_id, those of a whole group by its name; accounts by account_id."""

    tickers: Mapping[str, str]
    accounts: Mapping[AccountId, str]


def names(services: Services) -> Names:
    """Return what the firm's securities and accounts are called today."""
    return Names(tickers=tickers(todays_market(services)), accounts=firm.account_labels(services))


def tickers(market: MarketSnapshot) -> Mapping[str, str]:
    """Return the ticker of each security, and those of the members of each group that is substantially identical."""
    groups: dict[str, list[str]] = {}
    for security in market.securities.values():
        if security.identical_group is not None:
            groups.setdefault(security.identical_group, []).append(security.ticker)
    found = {group: " / ".join(sorted(members)) for group, members in groups.items()}
    return found | {name: security.ticker for name, security in market.securities.items()}


def in_words(evidence: str, known: Names) -> str:
    """Return evidence as people read it; what is not known by an id stands as it is."""
    for place in (_SUBJECT, _LOT, _RULE):
        evidence = place.sub(lambda found: found[1] + known.tickers.get(found[2], found[2]), evidence)
    evidence = _ACCOUNT.sub(lambda found: found[1] + known.accounts.get(AccountId(found[2]), found[2]), evidence)
    return _PLANNED.sub(r"plan \1", evidence)


def told(check: Check, known: Names) -> Check:
    """Return a check whose rule and evidence are in words."""
    return replace(check, rule=in_words(check.rule, known), detail=in_words(check.detail, known))


def sentences(services: Services, checks: Iterable[Check]) -> str:
    """Return checks with their evidence in one line, in words."""
    known = names(services)
    return "; ".join(f"{check.rule}: {check.detail}" for check in (told(each, known) for each in checks))
