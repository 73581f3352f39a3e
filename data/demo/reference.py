"""What is the demo firm, its accounts apart? Its world, its households and its rules, labelled as generated."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from data.demo.actions import actions, next_model
from data.demo.market import demo_market
from data.demo.people import Profile, client, household_of, profile
from data.demo.sessions import AS_OF
from data.demo.streams import Part, stream
from data.demo.world import SETTINGS, models, prices, securities, security_id, substitutes
from engine.domain.accounts import FirmReference, Restriction, Rule
from engine.domain.market import action_key
from engine.domain.policy import FIRM_SCOPE

DEMO_NAME: Final = "Lotsmith demo firm (generated, not real)"
_RESTRICTED_LIST: Final = ((33, None), (74, date(2027, 1, 31)), (151, None))  # ranks, and how long they stay on it
_LARGEST: Final = 0
_CAPPED: Final = 7  # of 20 accounts: a bound on the largest name
_EMPLOYER_SHARE: Final = 0.5


def demo_reference(seed: int, accounts: int) -> FirmReference:
    """Return everything of a demo firm but its accounts; the same seed gives the same bytes. seed >= 0."""
    market = demo_market(seed)
    households = range(household_of(accounts - 1)[0] + 1) if accounts else range(0)
    return FirmReference(
        as_of=AS_OF,
        currency="USD",
        name=DEMO_NAME,
        securities=securities(market.world),
        prices=prices(market),
        models=(*models(market), next_model(market)),
        households=tuple(client(seed, number).household for number in households),
        restrictions=tuple(_restrictions(seed, accounts, households)),
        substitutes=substitutes(market.world),
        settings=SETTINGS,
        actions=tuple(sorted(actions(market), key=action_key)),
    )


def _restrictions(seed: int, accounts: int, households: range) -> Iterator[Restriction]:
    for rank, until in _RESTRICTED_LIST:
        yield _restriction(FIRM_SCOPE, security_id(rank), Rule.DO_NOT_BUY, "firm restricted list", until=until)
    for number in households:
        owner = client(seed, number)
        if owner.avoids:
            yield _restriction(owner.household.household_id, owner.avoids, Rule.DO_NOT_HOLD, owner.reason)
    for index in range(accounts):
        yield from _of_account(seed, profile(seed, index))


def _of_account(seed: int, person: Profile) -> Iterator[Restriction]:
    if person.index % 20 == _CAPPED:
        reason = "investment policy statement: no name above 6 %"
        yield _restriction(person.account_id, security_id(_LARGEST), Rule.MAX_WEIGHT, reason, value=Decimal("0.06"))
    chance = stream(seed, Part.RESTRICTION, person.index)
    if person.legacy and chance.random() < _EMPLOYER_SHARE:
        held = security_id(person.legacy[0].security)
        yield _restriction(
            person.account_id, held, Rule.DO_NOT_SELL, "employer's stock: blackout window", until=date(2026, 12, 11)
        )


def _restriction(
    scope: str, target: str, rule: Rule, reason: str, *, value: Decimal | None = None, until: date | None = None
) -> Restriction:
    return Restriction(scope=scope, target=target, rule=rule, value=value, until=until, reason=reason)
