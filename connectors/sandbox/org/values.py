"""Does a value fit its field, and in which form is it kept?"""

import base64
import binascii
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from connectors.sandbox.org.refused import Refused
from connectors.sandbox.org.schema import Field

SHORT_ID: Final = 15
LONG_ID: Final = 18


def stored_value(field: Field, value: Any) -> Any:
    """Return what the org keeps of a value, other than a reference, that a client sent. Raises Refused."""
    if field.kind in ("currency", "double", "percent"):
        return _number(field, value)
    if field.kind == "boolean":
        return value if isinstance(value, bool) else _wrong_type(field, value)
    if not isinstance(value, str):
        _wrong_type(field, value)
    if field.kind in ("date", "datetime"):
        return _moment(field, value)
    if field.kind == "base64":
        return _file(field, value)
    if field.choices and value not in field.choices:
        raise Refused(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.name}: bad value for restricted picklist field: {value}",
            (field.name,),
        )
    if field.length and len(value) > field.length:
        raise Refused(
            "STRING_TOO_LONG",
            f"{field.name}: data value too large: {value[:80]} (max length={field.length})",
            (field.name,),
        )
    return value


def long_id(record_id: str) -> str:
    """Return the 18-character form of a record id: the last three tell which of the first fifteen are capitals."""
    if len(record_id) != SHORT_ID:
        return record_id
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    thirds = (record_id[start : start + 5] for start in (0, 5, 10))
    return record_id + "".join(letters[sum(1 << i for i, c in enumerate(third) if c.isupper())] for third in thirds)


def folded(field: Field, value: str) -> str:
    """Return the form in which a unique value is compared."""
    return value if field.case_sensitive else value.casefold()


def _number(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _wrong_type(field, value)
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-field.scale), rounding=ROUND_HALF_UP)
    if abs(rounded) >= Decimal(10) ** (field.precision - field.scale):
        raise Refused(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.name}: value outside of valid range on numeric field: {value}",
            (field.name,),
        )
    return float(rounded)


def _moment(field: Field, value: str) -> str:
    try:
        (date if field.kind == "date" else datetime).fromisoformat(value)
    except ValueError:
        _wrong_type(field, value)
    return value


def _file(field: Field, value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        _wrong_type(field, value)
    return value


def _wrong_type(field: Field, value: Any) -> Any:
    raise Refused("JSON_PARSER_ERROR", f"Cannot deserialize instance of {field.kind} from value {value!r}")
