"""What does a firm add of its own? A linear rule, a cost on each name, or any convex term that cvxpy can state.

Rules and costs on names become rows and costs of the fast path. A convex term does not: its plan is found by stating
the problem in cvxpy, and says so. Whatever is added is named in the plan's checks with a digest of its numbers, so a
plan with other numbers is another plan.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np

from engine.domain.accounts import AccountSnapshot, Rule
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, MarketSnapshot
from engine.domain.settings import PlanSettings

DIGEST_LENGTH: Final = 12  # hexadecimal digits
_TAKEN: Final = frozenset({"cash band", "holdings", "restrictions", "price age"})  # names of checks
_DIGITS: Final = 12  # significant: what processors agree on


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearRule:
    """lo <= sum of coefficient x weight after the trade <= hi. A security without a coefficient has 0, as cash has.

    active: counts weights less the model's. What the account breaks before any trade may stay so but not become worse,
    and is priced, unless the settings enforce their rules; 1 % of breach is 1 % of weight at the largest coefficient.
    """

    name: str
    coefficients: Mapping[SecurityId, float]
    lo: float = -math.inf
    hi: float = math.inf
    active: bool = False

    def __post_init__(self) -> None:
        _require_name(self.name)
        _require_finite(self.name, "coefficient", self.coefficients)
        if not (self.lo <= self.hi and self.lo < math.inf and self.hi > -math.inf):
            raise DataError(f"term {self.name}: expected lo <= hi, found {self.lo} and {self.hi}")
        if math.isinf(self.lo) and math.isinf(self.hi):
            raise DataError(f"term {self.name}: expected lo or hi, found neither")

    @property
    def scale(self) -> float:
        """The largest coefficient: the rule is solved in units of it."""
        return max((abs(value) for value in self.coefficients.values()), default=0.0) or 1.0

    @property
    def digest(self) -> str:
        return _digest("rule", self.name, _items(self.coefficients), _number(self.lo), _number(self.hi), self.active)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCost:
    """A cost of each security by itself, in fractions of value; a security that is not named costs nothing.

    weight: of a unit of weight held; what is held already is no part of a plan's objective, so it counts as a tilt.
    traded: of a unit of weight bought or sold. squared: of a squared unit of weight traded. Neither is paid from cash:
    they are what a trade is expected to cost in its price.
    """

    name: str
    weight: Mapping[SecurityId, float] = field(default_factory=dict)
    traded: Mapping[SecurityId, float] = field(default_factory=dict)
    squared: Mapping[SecurityId, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_name(self.name)
        for part in ("weight", "traded", "squared"):
            _require_finite(self.name, part, getattr(self, part))
        for part in ("traded", "squared"):
            for security_id, value in getattr(self, part).items():
                if value < 0:
                    raise DataError(f"term {self.name}: expected {part} >= 0 of {security_id}, found {value}")

    @property
    def digest(self) -> str:
        return _digest("cost", self.name, *(_items(part) for part in (self.weight, self.traded, self.squared)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a convex term may look at. held, target (n,): weights of security_ids; value: USD, after the cash flow."""

    security_ids: tuple[SecurityId, ...]
    held: Array
    target: Array
    value: float
    snapshot: AccountSnapshot
    market: MarketSnapshot

    def column(self, numbers: Mapping[SecurityId, float]) -> Array:
        """Return these numbers by security as an array in order: (n,), 0 where there is none."""
        return np.array([float(numbers.get(security_id, 0.0)) for security_id in self.security_ids])


Write = Callable[[Any, Any, Facts], tuple[Any, Sequence[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvexTerm:
    """A convex cost and convex rules on the weights after the trade, written in cvxpy. The rules are hard.

    write(cp, weights, facts) is given the module cvxpy, the weights (n,) in the order of facts.security_ids, and the
    facts. It returns the cost, a scalar in fractions of value or 0, and a list of constraints; both in the weights
    alone, and by the rules of disciplined convex programming.
    """

    name: str
    write: Write

    def __post_init__(self) -> None:
        _require_name(self.name)


Term = LinearRule | NameCost | ConvexTerm


def require_terms(terms: Iterable[Term], market: MarketSnapshot) -> None:
    """Raise DataError for two terms of one name, or a term that names a security that the market does not know."""
    seen = set()
    for term in terms:
        if term.name in seen:
            raise DataError(f"term {term.name}: expected one term of this name, found two")
        seen.add(term.name)
        for numbers in _numbers(term):
            unknown = sorted(set(numbers) - market.securities.keys())
            if unknown:
                raise DataError(f"term {term.name}: expected known securities, found {', '.join(unknown)}")


def costs_of(terms: Iterable[Term], security_id: SecurityId) -> tuple[float, float, float]:
    """Return what all costs on names together ask of one security: weight, traded, squared."""
    costs = [term for term in terms if isinstance(term, NameCost)]
    return (
        sum((term.weight.get(security_id, 0.0) for term in costs), 0.0),
        sum((term.traded.get(security_id, 0.0) for term in costs), 0.0),
        sum((term.squared.get(security_id, 0.0) for term in costs), 0.0),
    )


def digest_of(*parts: str) -> str:
    """Return the digest of a term that is stated in these parts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGEST_LENGTH]


def number_text(value: float) -> str:
    """Return a number as a digest states it."""
    return f"{value:.{_DIGITS}g}"


def _numbers(term: Term) -> tuple[Mapping[SecurityId, float], ...]:
    if isinstance(term, LinearRule):
        return (term.coefficients,)
    if isinstance(term, NameCost):
        return (term.weight, term.traded, term.squared)
    return ()


def _require_name(name: str) -> None:
    if not name.strip():
        raise DataError("term: expected a name, found none")
    settings = {setting.name for setting in fields(PlanSettings)}
    first = name.split(maxsplit=1)[0]
    if name in _TAKEN | settings or first in {str(rule) for rule in Rule} | {n for n in settings if "_" in n}:
        raise DataError(f"term {name}: expected a name of its own, found that of a setting, restriction or check")


def _require_finite(name: str, kind: str, numbers: Mapping[SecurityId, float]) -> None:
    for security_id, value in numbers.items():
        if not math.isfinite(value):
            raise DataError(f"term {name}: expected a finite {kind} of {security_id}, found {value}")


def _number(value: float) -> str:
    return number_text(float(value))


def _items(numbers: Mapping[SecurityId, float]) -> list[list[str]]:
    return [[str(key), _number(numbers[key])] for key in sorted(numbers)]


def _digest(*parts: Any) -> str:
    return digest_of(json.dumps(parts, sort_keys=True))
