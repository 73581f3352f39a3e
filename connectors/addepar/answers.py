"""What does one of Addepar's answers say: a document with exact numbers, or a refusal in its own words?"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import requests

from connectors.addepar.budget import CutOff
from engine.domain.errors import ExternalRefusal

Document = Mapping[str, Any]

_HINTS: Final = {
    401: "check the API key and secret",
    403: "check the Addepar-Firm id and the permissions of the API key",
}

_PASSING: Final = frozenset({401, 403, 429})  # refusals that say nothing about what was read so far


class AddeparRefusal(ExternalRefusal):
    """Addepar answered with an error. status is the HTTP status, detail Addepar's own words."""

    def __init__(self, message: str, *, status: int, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


def may_go_on(error: ExternalRefusal) -> bool:
    """Return whether a sync that ended with this error may go on from the answers that it kept."""
    if isinstance(error, AddeparRefusal):
        return error.status in _PASSING or error.status >= requests.codes.internal_server_error
    return isinstance(error, CutOff)


def document(content: bytes, *, at: str) -> Document:
    """Return a body's JSON object with every fraction as an exact Decimal. Raises ExternalRefusal if it is none."""
    try:
        found = json.loads(content, parse_float=Decimal, parse_constant=_not_a_number)
    except ValueError as error:
        raise ExternalRefusal(f"Addepar: {at}: expected JSON, found {error}") from error
    if not isinstance(found, dict):
        raise ExternalRefusal(f"Addepar: {at}: expected a JSON object, found {type(found).__name__}")
    return found


def refusal(method: str, path: str, response: requests.Response) -> AddeparRefusal:
    status = response.status_code
    detail = error_detail(response)
    hint = f" ({_HINTS[status]})" if status in _HINTS else ""
    return AddeparRefusal(
        f"Addepar refused {method} {path} with {status}: {detail}{hint}", status=status, detail=detail
    )


def error_detail(response: requests.Response) -> str:
    """Return Addepar's own words about an error: the details of its JSON:API errors, or the start of the body."""
    try:
        errors = json.loads(response.content).get("errors") or []
        words = [str(error.get("detail") or error.get("title") or error) for error in errors]
    except (ValueError, AttributeError):
        words = []
    return "; ".join(words) or response.text[:200] or response.reason or "no reason given"


def _not_a_number(name: str) -> Decimal:
    raise ValueError(f"the number {name}")
