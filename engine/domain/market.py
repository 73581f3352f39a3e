"""What trades, at what price, and what do we follow? Securities, marks, models and the risk model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.action_faults import action_faults
from engine.domain.identifiers import ModelId, SecurityId

Array = NDArray[np.float64]

WRITTEN_IF_GIVEN: Final = {"written_if_given": True}
"""Metadata of a field that came later: a document leaves it out where it is None, so that older documents, and the
hashes of values without it, stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """A listed instrument. Two securities of one identical_group are substantially identical for wash sales.

    predecessors: ids of names that became this one, the last first; what is ruled of them is ruled of it. None: none.
    """

    security_id: SecurityId
    ticker: str
    name: str
    sector: str
    cusip: str | None = None
    identical_group: str | None = None  # None: the security is its own group
    lot_size: Decimal | None = None  # None: 1 share
    tradable: bool | None = None  # None: yes
    cost_bp: Decimal | None = None  # None: the plan setting's cost
    adv_usd: Decimal | None = None  # average daily dollar volume
    tags: tuple[str, ...] = ()
    predecessors: tuple[SecurityId, ...] | None = field(default=None, metadata=WRITTEN_IF_GIVEN)

    @property
    def group(self) -> str:
        """The wash-sale group's name: identical_group, or the security's own id."""
        return self.identical_group or self.security_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A price in USD a share, and the day it is from."""

    price: Decimal
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHistory:
    """Closes of one security, oldest first; adjusted is for returns and None on days where the source gave none."""

    security_id: SecurityId
    dates: tuple[date, ...]
    closes: tuple[Decimal, ...]
    adjusted: tuple[Decimal | None, ...]

    def __post_init__(self) -> None:
        if not len(self.dates) == len(self.closes) == len(self.adjusted):
            raise ValueError(f"prices of {self.security_id}: dates, closes and adjusted differ in length")


class ActionKind(StrEnum):
    SPLIT = "split"
    DIVIDEND = "dividend"
    TICKER_CHANGE = "ticker_change"
    MERGER = "merger"
    SPIN_OFF = "spin_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """What an issuer did to every share. ex_date: the first session whose close knows of it.

    value: of a split, new shares for each old one (0.1 for 1-for-10); of a dividend, USD a share; of a merger or
    spin-off, shares of the successor for each share (0 for a merger that pays cash alone); of a ticker change, 1.
    successor: what a merged name's shares became, the company spun off, or a name's new id (a new CUSIP). cash: USD a
    share that a merger pays. price: USD a share of the successor on that day, where its close is not to be used.
    basis_fraction: of a spin-off, the part of the basis that moves (Form 8937). taxable: whether a merger that gives
    shares is no reorganisation under 26 U.S.C. 368. ticker: the new one of a name that keeps its id.
    """

    security_id: SecurityId
    ex_date: date
    kind: ActionKind
    value: Decimal
    successor: SecurityId | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    cash: Decimal | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    price: Decimal | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    basis_fraction: Decimal | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    taxable: bool | None = field(default=None, metadata=WRITTEN_IF_GIVEN)
    ticker: str | None = field(default=None, metadata=WRITTEN_IF_GIVEN)

    def __post_init__(self) -> None:
        for fault in action_faults(self):
            raise ValueError(
                f"{self.kind} of {self.security_id} on {self.ex_date}: {fault.field}: expected {fault.expected}, "
                f"got {fault.found}"
            )

    @property
    def ends_the_name(self) -> bool:
        """Whether the security is no more from that day on: merged away, or going on under another id."""
        return self.kind is ActionKind.MERGER or (self.kind is ActionKind.TICKER_CHANGE and self.successor is not None)


def action_key(action: CorporateAction) -> tuple[SecurityId, date, ActionKind, str]:
    """Return what tells an action from every other one: security, day, kind and, of two on one day, the successor."""
    return action.security_id, action.ex_date, action.kind, action.successor or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Target weights, fractions that sum to 1 within 1e-6, in the order of the source.

    effective: the first day on which they hold; None: from the beginning, until a dated version of the same model.
    """

    model_id: ModelId
    weights: tuple[tuple[SecurityId, Decimal], ...]
    effective: date | None = field(default=None, metadata=WRITTEN_IF_GIVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitute:
    """A firm's own list of replacement securities; rank 1 is tried first."""

    security_id: SecurityId
    substitute_id: SecurityId
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskMonth:
    """Predicted and realised tracking error of the test portfolios in the days up to one, annual fractions."""

    ends: date
    predicted: float
    realised: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskQuality:
    """How a risk model's forecasts came out in days held against it.

    made: how it came to be. hindsight: whether it may have been made from those very days. short_histories: names with
    too little history for more than market and sector. from_day, to_day: the prices looked at. test_days, portfolios:
    how many. bias: root mean square of daily active return over predicted risk, 1 is perfect; robust: the same by the
    median; within: the share of portfolios whose own bias is where 95 in 100 of a perfect model are, low to high. They
    are 0 where test_days is 0.
    """

    made: str
    hindsight: bool
    names: int
    short_histories: int
    from_day: date
    to_day: date
    test_days: int
    portfolios: int
    bias: float
    robust: float
    within: float
    low: float
    high: float
    months: tuple[RiskMonth, ...]


@dataclass(frozen=True, kw_only=True)
class RiskModel:
    """A factor model of annual return variance: V = F Omega F' + diag(D).

    security_ids: n names; exposures F: (n, k); factor_covariance Omega: (k, k) annual variance;
    specific_variance D: (n,) annual variance. quality is a sentence on how the model was made and how good it is;
    judged holds the figures, None where nobody has judged it.
    """

    security_ids: tuple[SecurityId, ...]
    factors: tuple[str, ...]
    exposures: Array
    factor_covariance: Array
    specific_variance: Array
    quality: str = ""
    judged: RiskQuality | None = field(default=None, metadata=WRITTEN_IF_GIVEN)

    def __post_init__(self) -> None:
        n, k = len(self.security_ids), len(self.factors)
        shapes = (self.exposures.shape, self.factor_covariance.shape, self.specific_variance.shape)
        if shapes != ((n, k), (k, k), (n,)):
            raise ValueError(f"risk model of {n} names and {k} factors: got shapes {shapes}")
        if not (self.specific_variance >= 0).all():
            raise ValueError("risk model: specific variances must be >= 0")

    @cached_property
    def position(self) -> Mapping[SecurityId, int]:
        """Row of each security in exposures and specific_variance."""
        return {security_id: row for row, security_id in enumerate(self.security_ids)}

    @cached_property
    def covariance_root(self) -> Array:
        """M (k, k) with M M' = factor_covariance. Tiny negative eigenvalues of an imported matrix count as zero."""
        values, vectors = np.linalg.eigh((self.factor_covariance + self.factor_covariance.T) / 2)
        root: Array = vectors * np.sqrt(np.clip(values, 0.0, None))
        return root


@dataclass(frozen=True, kw_only=True)
class MarketSnapshot:
    """All that the accounts of a firm share on one day. marks are the last closes on or before as_of."""

    as_of: date
    securities: Mapping[SecurityId, Security]
    marks: Mapping[SecurityId, Mark]
    models: Mapping[ModelId, Model]
    substitutes: tuple[Substitute, ...]
    risk: RiskModel

    @cached_property
    def groups(self) -> Mapping[SecurityId, str]:
        """The wash-sale group of each security."""
        return {security_id: security.group for security_id, security in self.securities.items()}

    @property
    def priced_on(self) -> date:
        """The day of the newest mark, which may lie before as_of; as_of where nothing has a price."""
        return max((mark.on for mark in self.marks.values()), default=self.as_of)
