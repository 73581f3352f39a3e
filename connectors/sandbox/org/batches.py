"""How are up to 200 records written at once, each for itself or all or none?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from connectors.sandbox.org.records import Records, Row
from connectors.sandbox.org.refused import Refused

_MOST: Final = 200

Work = Callable[[Records, str], dict[str, Any]]
"""Writes one record as a user and returns its result row. Raises Refused."""


def read(body: Any) -> tuple[Sequence[Row], bool]:
    """Return the records of a collection request and whether all or none is wanted. Raises Refused for too many."""
    if not isinstance(body, Mapping) or not isinstance(body.get("records"), list):
        raise Refused("JSON_PARSER_ERROR", "expected a JSON object with records")
    records = body["records"]
    if len(records) > _MOST:
        raise Refused("LIMIT_EXCEEDED", f"The number of records is {len(records)}; at most {_MOST} are allowed")
    return records, body.get("allOrNone") is True


def refuse_repeats(records: Sequence[Row], key: str) -> None:
    """Raise Refused DUPLICATE_VALUE where two records of one request have the same external id."""
    values = [row.get(key) for row in records]
    for value in values:
        if value is not None and values.count(value) > 1:
            raise Refused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}")


def upsert(name: str, key: str, row: Row) -> Work:
    """Return the work of inserting or updating a record by external id."""

    def work(records: Records, user: str) -> dict[str, Any]:
        _expect_type(row, name)
        if "Id" in row:
            raise Refused("INVALID_FIELD", "cannot specify Id in an upsert by external id", ("Id",))
        value = row.get(key)
        if value in (None, ""):
            raise Refused("MISSING_ARGUMENT", f"{key} not specified", (key,))
        found = records.find(name, key, str(value))
        return {**success(records.put(name, row, user=user, record_id=found)), "created": found is None}

    return work


def insert(row: Row) -> Work:
    """Return the work of inserting a record."""
    return lambda records, user: success(records.put(_type(row), row, user=user))


def update(row: Row) -> Work:
    """Return the work of updating a record by its Id, which stands in the row."""

    def work(records: Records, user: str) -> dict[str, Any]:
        values = {name: value for name, value in row.items() if name.lower() != "id"}
        record_id = str(row.get("Id") or row.get("id") or "")
        return success(records.put(_type(row), values, user=user, record_id=record_id or "none"))

    return work


def delete(record_id: str) -> Work:
    """Return the work of deleting a record."""

    def work(records: Records, user: str) -> dict[str, Any]:
        records.delete(records.type_of(record_id), record_id, user=user)
        return success(record_id)

    return work


def run(records: Records, work: Sequence[Work], *, user: str, all_or_none: bool) -> list[dict[str, Any]]:
    """Do all the work in order and return a result row for each; with all_or_none one failure undoes everything."""
    before = records.savepoint()
    results = [_attempt(one, records, user) for one in work]
    if all_or_none and not all(result["success"] for result in results):
        records.restore(before)
        return [_rolled_back() if result["success"] else result for result in results]
    return results


def success(record_id: str) -> dict[str, Any]:
    """Return the result row of a written record."""
    return {"id": record_id, "success": True, "errors": []}


def failure(refused: Refused) -> dict[str, Any]:
    """Return the result row of a record that was not written."""
    error = {"statusCode": refused.code, "message": str(refused), "fields": list(refused.fields)}
    return {"success": False, "errors": [error]}


def _attempt(work: Work, records: Records, user: str) -> dict[str, Any]:
    try:
        return work(records, user)
    except Refused as refused:
        return failure(refused)


def _rolled_back() -> dict[str, Any]:
    return failure(
        Refused(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )
    )


def _type(row: Row) -> str:
    return str((row.get("attributes") or {}).get("type", ""))


def _expect_type(row: Row, name: str) -> None:
    if _type(row) != name:
        raise Refused("INVALID_INPUT", f"expected attributes.type {name}, found {_type(row) or 'none'}")
