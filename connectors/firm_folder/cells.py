"""What may stand in a cell, and what does it mean? One kind of value at a time; nothing is guessed or trimmed."""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import partial
from types import NoneType
from typing import Any, Final

from connectors.firm_folder.limits import MAX_DECIMALS, MAX_DIGITS, MAX_FLOAT, MAX_ID_CHARS, MAX_NUMBER

_NUMBER: Final = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_USUAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")  # nearly every number, and within all limits
_AMOUNT: Final = r"[0-9]{1,15}(?:\.[0-9]{1,12})?"
_USUAL_NUMBERS: Final = re.compile(rf"(?:(?:-?{_AMOUNT})?\n)*(?:-?{_AMOUNT})?")  # so are these, one a line, or blank
_USUAL_AMOUNTS: Final = re.compile(rf"(?:(?:{_AMOUNT})?\n)*(?:{_AMOUNT})?")
_USUAL_POSITIVES: Final = re.compile(rf"(?:(?:(?=[0.]*[1-9]){_AMOUNT})?\n)*(?:(?=[0.]*[1-9]){_AMOUNT})?")
_USUAL_OF: Final[Mapping[tuple[int | None, int | None, int | None], re.Pattern[str]]] = {
    (None, None, None): _USUAL_NUMBERS,
    (None, 0, None): _USUAL_AMOUNTS,
    (0, None, None): _USUAL_POSITIVES,
}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FIRST_DAY: Final = date(1900, 1, 1)
_LAST_DAY: Final = date(2199, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """parse turns a cell that is not blank into its value, or raises ValueError; expected says what a good cell is.

    all_usual: a quick look at many cells at once; where it says yes parse takes each of them that is not blank. None
    where there is no such look.
    """

    expected: str
    parse: Callable[[str], Any]
    all_usual: Callable[[Sequence[str]], bool] | None = None


def number(*, above: int | None = None, least: int | None = None, most: int | None = None) -> Kind:
    """Return the kind of exact decimals in a range: above < x, least <= x, x <= most, and |x| <= 10^15."""
    limits = ((">", above, operator.gt), (">=", least, operator.ge), ("<=", most, operator.le))
    bounds = [(sign, bound, holds) for sign, bound, holds in limits if bound is not None]

    def parse(text: str) -> Decimal:
        value = _decimal(text)
        for _, bound, holds in bounds:
            if not holds(value, bound):
                raise ValueError(text)
        return value

    words = " and ".join(f"{sign} {bound}" for sign, bound, _ in bounds)
    pattern = _USUAL_OF.get((above, least, most))
    return Kind(
        expected=f"a number such as 0.50 {words}".strip(),
        parse=parse,
        all_usual=None if pattern is None else partial(_usual_numbers, pattern),
    )


def _usual_numbers(pattern: re.Pattern[str], cells: Sequence[str]) -> bool:
    lines = "\n".join(cells)
    return pattern.fullmatch(lines) is not None and lines.count("\n") < len(cells)  # none within a cell


def _decimal(text: str) -> Decimal:
    if _USUAL.fullmatch(text):
        return Decimal(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    value = Decimal(text)
    digits, exponent = len(value.as_tuple().digits), int(value.as_tuple().exponent)
    if abs(value) > MAX_NUMBER or digits > MAX_DIGITS or not -MAX_DECIMALS <= exponent <= MAX_DECIMALS:
        raise ValueError(text)
    return value


def choice(options: type[StrEnum], *, but: str = "") -> Kind:
    """Return the kind of a closed list of words. but: what else is to be told of a word that is not in it."""
    return Kind(expected="one of " + ", ".join(options) + but, parse=options)


def _text(text: str) -> str:
    if _UNPRINTABLE.search(text) or text != text.strip():
        raise ValueError(text)
    return text


def _identifier(text: str) -> str:
    if len(text) > MAX_ID_CHARS:
        raise ValueError(text)
    return _text(text)


def _usual_identifiers(cells: Sequence[str]) -> bool:
    """Return whether all are ASCII, short, without control characters and without a space at either end."""
    line = "|".join(cells)
    return (
        line.isascii()
        and not _UNPRINTABLE.search(line)
        and "| " not in f"|{line}"
        and " |" not in f"{line}|"
        and max(map(len, cells), default=0) <= MAX_ID_CHARS
    )


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    value = date.fromisoformat(text)
    if not _FIRST_DAY <= value <= _LAST_DAY:
        raise ValueError(text)
    return value


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _tags(text: str) -> tuple[str, ...]:
    tags = tuple(_text(tag) for tag in text.split(";"))
    if not all(tags) or len(set(tags)) < len(tags):
        raise ValueError(text)
    return tags


def _rank(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,5}", text):
        raise ValueError(text)
    return int(text)


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text) or abs(float(text)) > MAX_FLOAT:
        raise ValueError(text)
    return float(text)


def _volatility(text: str) -> float:
    if _float(text) < 0:
        raise ValueError(text)
    return float(text)


def _dollars(text: str) -> str:
    if text != "USD":
        raise ValueError(text)
    return text


TEXT: Final = Kind(expected="text without control characters or spaces around it", parse=_text)
IDENTIFIER: Final = Kind(
    expected=f"an id of at most {MAX_ID_CHARS} characters, without control characters or spaces around it",
    parse=_identifier,
    all_usual=_usual_identifiers,
)
DATE: Final = Kind(expected="a date such as 2026-01-31, from 1900 to 2199", parse=_date)
FLAG: Final = Kind(expected="true or false", parse=_flag)
TAGS: Final = Kind(expected="different tags with ; between them and no spaces around them", parse=_tags)
NAMES: Final = Kind(expected="different names with ; between them and no spaces around them", parse=_tags)
RANK: Final = Kind(expected="a whole number from 1 to 999999", parse=_rank)
FLOAT: Final = Kind(expected=f"a number such as 0.25, at most {MAX_FLOAT:.0f} in size", parse=_float)
VOLATILITY: Final = Kind(expected=f"a number such as 0.25 from 0 to {MAX_FLOAT:.0f}", parse=_volatility)
USD: Final = Kind(expected="USD, the only currency", parse=_dollars)
ANY_NUMBER: Final = number()
POSITIVE: Final = number(above=0)
NOT_NEGATIVE: Final = number(least=0)
FRACTION: Final = number(least=0, most=1)


def written(value: Any) -> str:
    """Return the cell of a value, which parses back to it: decimals keep their digits, None is blank.

    Raises ValueError for what no cell can hold.
    """
    writer = _WRITERS.get(type(value))
    return writer(value) if writer else _text(str(value))  # an enum's text is its word


def _plain(value: Decimal) -> str:
    text = str(value)
    if "E" not in text and value.is_finite():
        return text
    if not value.is_finite():
        raise ValueError(text)
    # Fixed notation, except that it would turn 1E+3 into 1000 and so claim digits that were not there.
    return text if int(value.as_tuple().exponent) > 0 else format(value, "f")


def _shortest(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(str(value))
    return str(value)  # the fewest digits that read back to the same float


def _joined(tags: tuple[str, ...]) -> str:
    text = ";".join(tags)
    if tags and _tags(text) != tags:
        raise ValueError(text)
    return text


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    NoneType: lambda _: "",
    bool: lambda flag: "true" if flag else "false",
    Decimal: _plain,
    date: date.isoformat,
    float: _shortest,
    tuple: _joined,
    str: _text,
}
