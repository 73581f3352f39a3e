"""How do columns of decimals keep every digit? As whole numbers of their last decimal place.

Products and sums of such columns are exact; only quotients become floats, and those are the nearest there are.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.domain.rows import Decimals

Whole = NDArray[Any]
"""Whole numbers: int64, or Python's own (dtype object) where 64 bits are too few."""

_MOST_PLACES: Final = 18
_TENS: Final = 10.0 ** np.arange(_MOST_PLACES + 1)
_WHOLE_TENS: Final = np.array([10**k for k in range(_MOST_PLACES + 1)], dtype=np.int64)
_IN_FLOAT: Final = 2**53  # below it every whole number is a float
_ROOM: Final = 2.0**62
_SPLIT: Final = 2.0**27 + 1.0
_LOW_BITS: Final = 31
_NEAR: Final = 2.0**-20  # of the distance between floats: far more than long division leaves open


class Units(NamedTuple):
    """Decimals as whole numbers of 10^-decimals."""

    whole: Whole
    decimals: int


def units(column: Decimals) -> Units:
    """Return finite decimals, none of them missing, as whole numbers of the smallest decimal place in use."""
    decimals = -int(column.exponent.min(initial=0))
    places = (column.exponent + decimals).astype(np.intp)
    wide = bool(column.odd) or int(places.max(initial=0)) > _MOST_PLACES
    if not wide:
        size = np.abs(column.coefficient).astype(float) * _TENS[places]
        wide = float(size.max(initial=0.0)) >= _ROOM
    if wide:
        exact = [Fraction(item or 0) for item in column.items()]
        decimals = max(decimals, *(-_exponent(item) for item in column.odd.values())) if column.odd else decimals
        return Units(np.array([int(item * 10**decimals) for item in exact], dtype=object), decimals)
    return Units(column.coefficient * _WHOLE_TENS[places], decimals)


def product(left: Whole, right: Whole | int) -> Whole:
    """Return the exact products, in 64 bits where they fit."""
    size = _size(left) * (float(abs(right)) if isinstance(right, int) else _size(right))
    if size < _ROOM:
        return np.asarray(left * right)
    return np.asarray(left.astype(object) * (right if isinstance(right, int) else right.astype(object)))


def finer(whole: Whole, places: int) -> Whole:
    """Return the same numbers counted in units of so many decimal places more."""
    return product(whole, 10**places) if places else whole


def total(whole: Whole) -> int:
    """Return the exact sum."""
    if whole.dtype == object:
        return sum(whole.tolist())
    high = whole >> _LOW_BITS
    return (int(high.sum()) << _LOW_BITS) + int((whole - (high << _LOW_BITS)).sum())


def sums_by(whole: Whole, owner: NDArray[np.intp], owners: int) -> Whole:
    """Return the exact sum of the numbers of each owner: (owners,)."""
    wide = whole.dtype == object or total(np.abs(whole)) >= _ROOM
    found = np.zeros(owners, dtype=object if wide else np.int64)
    np.add.at(found, owner, whole)
    return found


def ranks(whole: Whole) -> NDArray[np.int64]:
    """Return numbers of 64 bits in the order of these."""
    if whole.dtype != object:
        return whole
    return np.asarray(np.unique(whole, return_inverse=True)[1].astype(np.int64))


def quotients(whole: Whole, divisor: Fraction) -> NDArray[np.float64]:
    """Return the float nearest to each number divided by a divisor above 0.

    One step of long division in twice a float's digits; what lies about midway between two floats is divided exactly.
    Source: Dekker, A floating-point technique for extending the available precision, Numerische Mathematik 18 (1971).
    """
    if whole.dtype == object:
        return np.array([float(Fraction(each) / divisor) for each in whole.tolist()], dtype=float)
    high = float(divisor)
    low = float(divisor - Fraction(high))
    rounded = whole.astype(np.float64)
    rest = (whole - rounded.astype(np.int64)).astype(np.float64)
    first = rounded / high
    product_high, product_low = _twice(first, high)
    left = ((rounded - product_high) - product_low) + rest - first * low
    more = left / high
    found = np.asarray(first + more)
    lost = np.abs((first - found) + more) / np.spacing(np.abs(found))
    midway = (np.abs(lost - 0.5) < _NEAR) | (
        np.abs(lost - 0.25) < _NEAR
    )  # below a power of 2 floats lie twice as close
    found[midway] = [float(Fraction(each) / divisor) for each in whole[midway].tolist()]
    return found


def ratios(whole: Whole, divisors: Whole) -> NDArray[np.float64]:
    """Return the float nearest to each number divided by its own divisor; 0 where that is 0."""
    found = np.zeros(len(whole))
    if _size(whole) < _IN_FLOAT and _size(divisors) < _IN_FLOAT:
        np.divide(whole, divisors, out=found, where=divisors != 0)
        return found
    for k, (each, divisor) in enumerate(zip(whole.tolist(), divisors.tolist(), strict=True)):
        found[k] = each / divisor if divisor else 0.0
    return found


def decimal_of(whole: int, decimals: int) -> Decimal:
    """Return the decimal that so many units are."""
    return Decimal(whole).scaleb(-decimals)


def _twice(left: NDArray[np.float64], right: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the product and what a float loses of it, exactly."""
    whole = left * right
    left_high, left_low = _halves(left)
    right_high, right_low = _halves(np.float64(right))
    lost = ((left_high * right_high - whole) + left_high * right_low + left_low * right_high) + left_low * right_low
    return whole, np.asarray(lost)


def _halves(value: Any) -> tuple[Any, Any]:
    scaled = _SPLIT * value
    high = scaled - (scaled - value)
    return high, value - high


def _size(whole: Whole) -> float:
    if whole.dtype == object:
        return np.inf
    return float(max(int(whole.max(initial=0)), -int(whole.min(initial=0))))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"expected a finite decimal, found {value}")  # noqa: TRY004  it is the value that is wrong
    return exponent
