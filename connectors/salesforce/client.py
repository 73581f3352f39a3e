"""How do we ask Salesforce something so that it either answers or says clearly that it does not?

simple-salesforce carries the requests, but waits for ever, tries once and signs in again without end on some paths.
This one door gives every request a time-out, a bounded number of tries and one fresh sign-in, and turns each refusal
into one kind of error.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeVar

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError, SalesforceExpiredSession
from simple_salesforce.login import SalesforceLogin

from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.refusal import SalesforceRefusal, broken_line, login_refusal, raise_first_cause, refusal
from connectors.salesforce.transport import open_session

_LONGEST_WAIT_S: Final = 8.0
_SIGN_INS_A_REQUEST: Final = 1  # after the first: a user whose sessions die at once would be locked out by more

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Requests that the org counted in the last 24 hours, all its programs together, of those it allows.

    heard_s: when it said so, by a clock that only tells earlier from later.
    """

    used: int
    allowed: int
    heard_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One subrequest of a composite request; path is relative to /services/data/vNN.N/."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any]


def quoted(text: str) -> str:
    """Return a SOQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def listed(values: Sequence[str]) -> str:
    """Return a SOQL list of string literals, for IN."""
    return "(" + ", ".join(quoted(value) for value in values) + ")"


class SalesforceClient:
    """One signed-in user's requests. Safe to share between threads; signs in at the first request."""

    def __init__(self, config: SalesforceConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._session = open_session(config)
        self._salesforce: Salesforce | None = None
        self._usage: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        """What the newest answer said of the org's daily limit; None before the first."""
        return self._usage

    def call(self, method: str, path: str, body: Any = None, *, repeatable: bool = True) -> Any:
        """Send one request and return its JSON answer, None where there is none. Numbers with a point are Decimals.

        path: relative to /services/data/vNN.N/. repeatable: False where doing it twice would do harm; then only a
        refusal that proves nothing was done is tried again. Raises SalesforceRefusal.
        """
        return self._persist(lambda: self._send(method, path, body), repeatable=repeatable)

    def rows(self, soql: str) -> tuple[Mapping[str, Any], ...]:
        """Return every row of a query, over all its pages. Raises SalesforceRefusal."""
        return tuple(self._rows(soql))

    def all_or_nothing(self, steps: Sequence[Step]) -> Mapping[str, Any]:
        """Carry out all steps in one transaction, in order, and return each step's answer by its name.

        The steps must be repeatable. Raises SalesforceRefusal with the first cause; then nothing was done.
        """
        version = self._config.api_version
        body = {
            "allOrNone": True,
            "collateSubrequests": False,  # Salesforce may else reorder them, and a trade needs its plan first
            "compositeRequest": [
                {
                    "method": step.method,
                    "url": f"/services/data/v{version}/{step.path}",
                    "referenceId": step.name,
                    "body": step.body,
                }
                for step in steps
            ],
        }

        def attempt() -> Mapping[str, Any]:
            answers = self._send("POST", "composite", body)["compositeResponse"]
            raise_first_cause(answers)
            return {answer["referenceId"]: answer["body"] for answer in answers}

        return self._persist(attempt, repeatable=True)

    def act(self, request: Mapping[str, str]) -> Mapping[str, Any]:
        """Carry out one request of the approvals resource, which must not be done twice, and return its result.

        Raises SalesforceRefusal, also where Salesforce answers with a result that is no success.
        """

        def attempt() -> Mapping[str, Any]:
            results = self._send("POST", "process/approvals/", {"requests": [request]})
            raise_first_cause([{"referenceId": request["actionType"], "httpStatusCode": 200, "body": results}])
            result: Mapping[str, Any] = results[0]
            return result

        return self._persist(attempt, repeatable=False)

    def once(self, find: Callable[[], str | None], make: Callable[[], str]) -> str:
        """Return what make returns; when it is unclear whether it was done, look with find before giving up.

        make must send with repeatable=False. Raises the refusal of make where find has nothing either.
        """
        try:
            return make()
        except SalesforceRefusal as found:
            if not found.uncertain and found.code != "ALREADY_IN_PROCESS":
                raise
            there = find()
            if there is None:
                raise
            return there

    def _rows(self, soql: str) -> Iterator[Mapping[str, Any]]:
        page = self.call("GET", "query/", {"q": soql})
        yield from page["records"]
        while not page["done"]:
            page = self.call("GET", page["nextRecordsUrl"].split("/", 4)[-1])  # /services/data/vNN.N/<this>
            yield from page["records"]

    def _persist(self, attempt: Callable[[], T], *, repeatable: bool) -> T:
        wait_s = self._config.backoff_s
        for tries_left in range(self._config.attempts - 1, -1, -1):
            try:
                return attempt()
            except SalesforceRefusal as found:
                if not tries_left or not found.passing or (found.uncertain and not repeatable):
                    raise
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        raise AssertionError("unreachable: attempts >= 1")

    def _send(self, method: str, path: str, body: Any) -> Any:
        for sign_ins_left in range(_SIGN_INS_A_REQUEST, -1, -1):
            salesforce = self._signed_in()
            content = {"params": body} if method == "GET" else {"json": body}
            try:
                answer = salesforce.restful(path, method=method, **content)
            except SalesforceExpiredSession as error:
                if not sign_ins_left or self._config.access_token:
                    raise refusal(error) from error
                self._forget(salesforce)
            except SalesforceError as error:
                raise refusal(error) from error
            except (requests.RequestException, ValueError) as error:  # ValueError: a success that is not JSON
                raise broken_line(error) from error
            else:
                self._note_usage(salesforce)
                return answer
        raise AssertionError("unreachable: the last try returns or raises")

    def _note_usage(self, salesforce: Salesforce) -> None:
        told = salesforce.api_usage.get("api-usage")
        if told is not None:
            self._usage = Usage(used=int(told.used), allowed=int(told.total), heard_s=time.monotonic())

    def _signed_in(self) -> Salesforce:
        with self._lock:
            if self._salesforce is None:
                token, instance = self._sign_in()
                self._salesforce = Salesforce(
                    session_id=token,
                    instance=instance,
                    session=self._session,
                    version=self._config.api_version,
                    parse_float=Decimal,
                    object_pairs_hook=dict,
                )
            return self._salesforce

    def _forget(self, salesforce: Salesforce) -> None:
        with self._lock:
            if self._salesforce is salesforce:  # else another thread has signed in again already
                self._salesforce = None

    def _sign_in(self) -> tuple[str, str]:
        config = self._config
        if config.access_token and config.instance:
            return config.access_token, config.instance
        jwt = config.signs_with_key
        try:
            token, instance = SalesforceLogin(
                domain=config.domain,
                consumer_key=config.consumer_key,
                username=config.username if jwt else None,
                privatekey=config.private_key_pem if jwt else None,
                consumer_secret=None if jwt else config.client_secret,
                session=self._session,
                sf_version=config.api_version,
            )
        except SalesforceAuthenticationFailed as error:
            raise login_refusal(error) from error
        except (requests.RequestException, ValueError, AttributeError) as error:  # AttributeError: no instance_url
            raise broken_line(error) from error
        return str(token), str(instance)
