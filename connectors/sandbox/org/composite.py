"""How do several requests become one transaction, in which later ones speak of the results of earlier ones?"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from connectors.sandbox.org.records import Records
from connectors.sandbox.org.refused import Refused, error_body

_MOST: Final = 25
_MOST_COLLECTIONS_AND_QUERIES: Final = 5
_REFERENCE: Final = re.compile(r"@\{(\w+)\.(\w+)\}")

Run = Callable[[str, str, Any], tuple[int, Any]]
"""Carries out one subrequest (method, url, body) and returns its status and body."""


def run_composite(records: Records, body: Any, run: Run) -> dict[str, Any]:
    """Return the answer of a composite request. Raises Refused for one that is malformed or too long."""
    if not isinstance(body, Mapping) or not isinstance(body.get("compositeRequest"), list):
        raise Refused("JSON_PARSER_ERROR", "expected a JSON object with compositeRequest")
    requests = body["compositeRequest"]
    heavy = [r for r in requests if re.search(r"/composite/sobjects|/query", r["url"])]
    if len(requests) > _MOST or len(heavy) > _MOST_COLLECTIONS_AND_QUERIES:
        raise Refused("LIMIT_EXCEEDED", f"expected at most {_MOST} subrequests, {_MOST_COLLECTIONS_AND_QUERIES} heavy")
    before = records.savepoint()
    bodies: dict[str, Any] = {}
    answers = []
    for request in requests:
        status, answer = _run_one(request, bodies, run)
        bodies[request["referenceId"]] = answer
        answers.append((request["referenceId"], status, answer))
        if body.get("allOrNone") is True and _failed(status, answer):
            records.restore(before)
            return _shown(_halted(requests, failed=answers[-1]))
    return _shown(answers)


def _run_one(request: Mapping[str, Any], bodies: Mapping[str, Any], run: Run) -> tuple[int, Any]:
    try:
        url = _filled(request["url"], bodies)
        return run(request["method"], url, _filled(request.get("body"), bodies))
    except Refused as refused:
        return refused.status, error_body(refused)


def _filled(value: Any, bodies: Mapping[str, Any]) -> Any:
    """Put the results of earlier subrequests where "@{name.field}" asks for them."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _result(bodies, found[1], found[2]), value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, bodies) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, bodies) for inner in value]
    return value


def _result(bodies: Mapping[str, Any], name: str, field: str) -> str:
    body = bodies.get(name)
    if not isinstance(body, Mapping) or field not in body:
        raise Refused("PROCESSING_HALTED", f"Invalid reference specified. No value for {name}.{field} found")
    return str(body[field])


def _failed(status: int, body: Any) -> bool:
    rows = body if isinstance(body, list) else []
    return status >= 400 or any(row.get("success") is False for row in rows)


def _halted(requests: list[Any], *, failed: tuple[str, int, Any]) -> list[tuple[str, int, Any]]:
    halted = error_body(
        Refused(
            "PROCESSING_HALTED",
            "The transaction was rolled back since another operation in the same transaction failed.",
        )
    )
    return [failed if r["referenceId"] == failed[0] else (r["referenceId"], 400, halted) for r in requests]


def _shown(answers: list[tuple[str, int, Any]]) -> dict[str, Any]:
    return {
        "compositeResponse": [
            {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": name}
            for name, status, body in answers
        ]
    }
