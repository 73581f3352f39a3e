"""What does a value in one of Addepar's answers say, exactly? Numbers, dates and texts from their several shapes."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any


def amount(raw: Any, *, currency: str) -> Decimal | None:
    """Return an exact number; None where the source says nothing.

    Takes 1.5, "1.5" and {"value": 1.5, "currency": "USD"}. Raises ValueError for what is no finite number, or money in
    another currency than the given one.
    """
    if isinstance(raw, Mapping):
        if raw.get("currency", currency) != currency:
            raise ValueError(f"an amount in {currency}")
        raw = raw.get("value")
    if raw is None or raw == "":
        return None
    try:
        number = Decimal("NaN") if isinstance(raw, bool) else Decimal(str(raw))
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError("a finite number")
    return number


def day(raw: Any) -> date | None:
    """Return a date written YYYY-MM-DD, a time of day behind it left off; None where the source says nothing."""
    if raw is None or raw == "":
        return None
    try:
        return date.fromisoformat(str(raw)[:10])
    except ValueError as error:
        raise ValueError("a date as YYYY-MM-DD") from error


def text(raw: Any) -> str:
    """Return a text, "" where the source says nothing; of values dated over time, [{date, value}], the latest."""
    if isinstance(raw, list):
        dated = [entry for entry in raw if isinstance(entry, Mapping)]
        raw = max(dated, key=lambda entry: str(entry.get("date") or "")).get("value") if dated else None
    if isinstance(raw, Mapping):
        raw = raw.get("name", raw.get("value"))
    return "" if raw is None else str(raw).strip()


def entity_id(raw: Any) -> str:
    """Return the entity that an entity-valued column ({name, entity_id}) means; "" where it means none."""
    found = raw.get("entity_id") if isinstance(raw, Mapping) else None
    return "" if found is None else str(found)
