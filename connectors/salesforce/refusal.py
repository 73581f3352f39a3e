"""What does an answer that is not a yes mean: try again, or give up, and did anything happen?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import requests
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError
from urllib3.exceptions import NewConnectionError

from engine.domain.errors import ExternalRefusal

_BUSY_STATUSES: Final = frozenset({429, 500, 502, 503, 504})
_NOT_STARTED: Final = frozenset({429, 503})  # turned away at the door
_BUSY_CODES: Final = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE"})
_LIMIT: Final = "REQUEST_LIMIT_EXCEEDED"
_GONE: Final = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})
_CONSEQUENTIAL: Final = frozenset({"ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED"})


class SalesforceRefusal(ExternalRefusal):
    """What Salesforce answered instead of doing it.

    code: Salesforce's own word (or "CONNECTION", "LOGIN"). passing: the same request may succeed later.
    uncertain: the request may have been carried out although no good answer came back.
    """

    def __init__(self, code: str, message: str, *, passing: bool = False, uncertain: bool = False) -> None:
        super().__init__(f"Salesforce: {code}: {message}")
        self.code = code
        self.passing = passing
        self.uncertain = uncertain

    @property
    def exhausted(self) -> bool:
        """Whether the org's requests of the day are used up: asking again before some have aged out is useless."""
        return self.code == _LIMIT and not self.passing

    @property
    def gone(self) -> bool:
        """Whether the record is not there, or no longer."""
        return self.code in _GONE


def refusal(error: SalesforceError) -> SalesforceRefusal:
    """Return what a refused request means."""
    code, message = _first_error(error.content, str(error.status))
    return _judged(code, message, status=error.status)


def login_refusal(error: SalesforceAuthenticationFailed) -> SalesforceRefusal:
    """Return what a refused sign-in means; nothing was done, whatever the reason."""
    return SalesforceRefusal("LOGIN", f"{error.code}: {error.auth_message}", passing=error.code in _BUSY_STATUSES)


def broken_line(error: Exception) -> SalesforceRefusal:
    """Return what a failed connection, or an answer that is not JSON, means."""
    if isinstance(error, requests.exceptions.SSLError):
        return SalesforceRefusal("CONNECTION", f"no trust in the server's certificate: {error}")
    reason = getattr(error.args[0], "reason", None) if error.args else None
    never_sent = isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)
    return SalesforceRefusal("CONNECTION", str(error), passing=True, uncertain=not never_sent)


def raise_first_cause(answers: Sequence[Mapping[str, Any]]) -> None:
    """Raise for the error that made a composite request roll back, not for its echoes in the other steps."""
    refusals = [
        _judged(code, f"{answer['referenceId']}: {message}", status=400)
        for answer in answers
        for code, message in _errors(answer)
    ]
    causes = [found for found in refusals if found.code not in _CONSEQUENTIAL]
    for found in (*causes, *refusals):
        raise found


def _first_error(content: Any, otherwise: str) -> tuple[str, str]:
    """Read code and message out of whatever shape an error body has."""
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        entry = content[0]
        if entry.get("errors"):  # rows of a collection or of the approvals resource
            entry = entry["errors"][0]
        code = entry.get("errorCode") or entry.get("statusCode") or otherwise
        return str(code), str(entry.get("message", ""))
    return otherwise, str(content)[:500]


def _judged(code: str, message: str, *, status: int) -> SalesforceRefusal:
    too_many_at_once = code == _LIMIT and "concurrent" in message.lower()
    busy = status in _BUSY_STATUSES
    return SalesforceRefusal(
        code,
        message,
        passing=busy or too_many_at_once or code in _BUSY_CODES,
        uncertain=busy and status not in _NOT_STARTED,
    )


def _errors(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    body = answer["body"]
    rows = body if isinstance(body, list) else [body]
    found = False
    for number, row in enumerate(rows, start=1):
        if isinstance(row, Mapping) and (row.get("success") is False or "errorCode" in row):
            found = True
            code, message = _first_error([row], str(answer["httpStatusCode"]))
            yield code, f"row {number}: {message}" if len(rows) > 1 else message
    if answer["httpStatusCode"] >= 400 and not found:
        yield str(answer["httpStatusCode"]), str(body)[:500]
