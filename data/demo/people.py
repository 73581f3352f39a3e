"""Who are the demo firm's clients? Households of one to three accounts, each the same whatever the firm's size."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.random import Generator

from data.demo.names import family
from data.demo.sessions import session_on_or_after, sessions
from data.demo.streams import Part, stream
from data.demo.universe import INDEX_NAMES
from data.demo.world import LARGE_CAP, LARGEST, WITHOUT_FOSSIL
from engine.domain.accounts import Household, Registration
from engine.domain.identifiers import AccountId, HouseholdId, ModelId

ADVISORS: Final = ("Ingrid Fallowmere", "Tobias Renquist", "Marisol Adeyinka", "Desmond Okparaji", "Wilhelmina Strand")
CUSTODIANS: Final = ("Quillmere Custody", "Tarnbrook Clearing", "Ostravale Securities")
_SIZES: Final = (1, 2, 3)  # accounts of three households in turn: two on average
_ROUND: Final = sum(_SIZES)
# Short-term and long-term federal rate with the net investment income tax, where it applies; then what a state adds.
_FEDERAL: Final = (("0.24", "0.15"), ("0.358", "0.188"), ("0.388", "0.188"), ("0.408", "0.238"))
_STATES: Final = ("0", "0.0495", "0.0685", "0.093")
_RESTRICTED_SHARE: Final = 0.3
_ELSEWHERE: Final = {
    2: ("401(k) at work",),
    5: ("Spouse's brokerage account", "Spouse's IRA"),
    8: ("Employee stock plan",),
}
_POLICIES: Final = (
    ("tag:tobacco", "client wishes no tobacco"),
    ("tag:weapons", "client wishes no weapons"),
    ("sector:Energy", "client works in the energy business"),
    ("tag:fossil", "client wishes no fossil fuels"),
    ("tag:gambling", "family foundation's charter"),
)
_SMALL: Final = 13  # of 24: a few thousand dollars, where whole shares bite
_FRESH_CASH: Final = 4  # of 15: a deposit that waits to be invested
LOST_BASIS: Final = 7  # of 120: a taxable account that brought positions along, one of them without its basis
_HOLDS_DELISTED: Final = 9  # of 40
_NEW_MODEL: Final = 2  # of 9: the client has changed models and no trade has followed yet
_EMPLOYERS: Final = 4  # of the mid-caps: large employers of the region, whose shares several clients brought along
_WIDEST_LEGACY: Final = 0.15  # of the account: more than that in one name would drown what it shares with the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A household and what holds for its accounts. avoids: a target it does not hold; honoured: since the start."""

    household: Household
    st_rate: Decimal
    lt_rate: Decimal
    avoids: str | None
    reason: str
    honoured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """A position brought along: which name, its share of the account, when it was bought, basis / price on arrival."""

    security: int
    share: float
    acquired: date
    basis: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An account before its history. opened is a session; funding USD; names: how many it tracks the model with.

    followed_model: what its history followed: another than model_id where the client has just changed it.
    """

    index: int
    account_id: AccountId
    household: int
    registration: Registration
    custodian: str
    account_number: str
    model_id: ModelId
    followed_model: ModelId
    settings: str | None
    opened: int
    funding: float
    names: int
    fractional: bool
    legacy: tuple[Legacy, ...]
    fresh_cash: bool
    holds_delisted: bool
    carryforward: tuple[Decimal, Decimal]


def household_of(index: int) -> tuple[int, int]:
    """Return the household of an account and the account's place in it, both from 0."""
    rounds, rest = divmod(index, _ROUND)
    place = 0
    while rest >= _SIZES[place]:
        rest -= _SIZES[place]
        place += 1
    return rounds * len(_SIZES) + place, rest


def client(seed: int, number: int) -> Client:
    """Return household `number` (from 0)."""
    chance = stream(seed, Part.HOUSEHOLD, number)
    household_id = HouseholdId(f"H{number + 1:05d}")
    bracket = int(chance.choice(len(_FEDERAL), p=(0.1, 0.25, 0.25, 0.4)))
    state = Decimal(str(chance.choice(_STATES)))
    short, long = (Decimal(rate) + state for rate in _FEDERAL[bracket])
    policy = int(chance.integers(len(_POLICIES)))
    restricted = bool(chance.random() < _RESTRICTED_SHARE)
    return Client(
        household=Household(
            household_id=household_id,
            name=family(chance, number + 1),
            advisor=str(chance.choice(ADVISORS)),
            segment=("core", "private wealth", "private wealth", "family office")[bracket],
            not_visible=_ELSEWHERE.get(number % 10),
        ),
        st_rate=short,
        lt_rate=long,
        avoids=_POLICIES[policy][0] if restricted else None,
        reason=_POLICIES[policy][1],
        honoured=bool(chance.random() < 0.7),
    )


def profile(seed: int, index: int) -> Profile:
    """Return account `index` (from 0)."""
    chance = stream(seed, Part.ACCOUNT, index)
    number, place = household_of(index)
    registration = _registration(chance, place)
    holds_delisted = index % 40 == _HOLDS_DELISTED
    opened = _opened(chance, early=holds_delisted)
    funding = float(np.clip(np.exp(chance.normal(np.log(1.0e6), 0.75)), 3.0e5, 5.0e6))
    if index % 24 == _SMALL:
        funding = float(chance.uniform(1.5e4, 6e4))
    names = int(np.clip(funding / 2_400 * chance.uniform(0.8, 1.2), 190, 470)) if funding > 1e5 else 60
    carried = registration.is_taxable and bool(chance.random() < 0.3)
    amounts = chance.integers(1_000, 60_000, 2).tolist()
    brings = 0.3 if registration.is_taxable else 0.1
    has_legacy = index % 120 == LOST_BASIS or (index % 24 != _SMALL and bool(chance.random() < brings))
    model_id = _model(chance)
    return Profile(
        index=index,
        account_id=AccountId(f"A{index + 1:05d}"),
        household=number,
        registration=registration,
        custodian=CUSTODIANS[int(chance.integers(len(CUSTODIANS)))],
        account_number=f"{chance.integers(10_000_000, 99_999_999)}",
        model_id=model_id,
        followed_model=_model(chance) if index % 9 == _NEW_MODEL else model_id,
        settings=_settings(chance, registration, has_legacy=has_legacy),
        opened=opened,
        funding=funding,
        names=names,
        fractional=bool(chance.random() < 0.2),
        legacy=_legacy(chance) if has_legacy else (),
        fresh_cash=index % 15 == _FRESH_CASH,
        holds_delisted=holds_delisted,
        carryforward=(Decimal(amounts[0]), Decimal(amounts[1] if amounts[1] % 2 else 0)) if carried
        else (Decimal(0), Decimal(0)),
    )  # fmt: skip


def _registration(chance: Generator, place: int) -> Registration:
    taxable = (1.0, 0.35, 0.25)[place]
    kinds = [Registration.TAXABLE, Registration.IRA, Registration.ROTH]
    return kinds[int(chance.choice(3, p=(taxable, (1 - taxable) * 0.65, (1 - taxable) * 0.35)))]


def _model(chance: Generator) -> ModelId:
    return ModelId(str(chance.choice([LARGE_CAP, LARGEST, WITHOUT_FOSSIL], p=(0.6, 0.2, 0.2))))


def _settings(chance: Generator, registration: Registration, *, has_legacy: bool) -> str | None:
    """A few accounts have none of their own; what concerns taxes is for those who pay them."""
    names = (None, "standard", "close_to_index", "tax_heavy", "gains_budget")
    shares = (0.15, 0.6, 0.25, 0.0, 0.0)
    if registration.is_taxable:
        shares = (0.1, 0.3, 0.1, 0.2, 0.3) if has_legacy else (0.1, 0.5, 0.2, 0.2, 0.0)
    return names[int(chance.choice(len(names), p=shares))]


def _opened(chance: Generator, *, early: bool) -> int:
    """Most accounts have been there for years, one in ten came in the last months."""
    days = len(sessions())
    latest = session_on_or_after(date(2026, 10, 1)) if chance.random() < 0.1 else session_on_or_after(date(2025, 9, 1))
    opened = int(chance.integers(3, latest))
    return min(opened, days // 2) if early else opened


def _legacy(chance: Generator) -> tuple[Legacy, ...]:
    count = int(chance.integers(2, 6))
    securities = chance.choice(60, count, replace=False).tolist()
    if chance.random() < 0.3:
        securities[0] = INDEX_NAMES + int(chance.integers(_EMPLOYERS))
    shares = np.minimum(chance.dirichlet(np.ones(count)) * chance.uniform(0.15, 0.5), _WIDEST_LEGACY)
    return tuple(
        Legacy(
            security=int(security),
            share=float(share),
            acquired=date(int(chance.integers(2008, 2020)), int(chance.integers(1, 13)), int(chance.integers(1, 29))),
            basis=float(chance.uniform(0.08, 0.45)),
        )
        for security, share in zip(securities, shares, strict=True)
    )
