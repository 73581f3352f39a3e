"""How do we speak with Addepar? One HTTP policy: credentials, allowances, retries, pages, exact numbers, errors."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

import requests

from connectors.addepar.budget import ADDEPAR_ALLOWANCES, Allowance, RequestBudget
from connectors.addepar.config import AddeparConfig
from engine.domain.errors import ExternalRefusal

Document = Mapping[str, Any]

CONTENT_TYPE: Final = "application/vnd.api+json"
PAGE_LIMIT: Final = 2000  # the most Addepar gives; fewer pages spend less of the allowance
READ_BACKOFF_SECONDS: Final = (1.0, 2.0, 4.0)  # between the attempts of a GET
RATE_LIMIT_ATTEMPTS: Final = 5
_HINTS: Final = {
    401: "check the API key and secret",
    403: "check the Addepar-Firm id and the permissions of the API key",
}


class AddeparRefusal(ExternalRefusal):
    """Addepar answered with an error. status is the HTTP status, detail Addepar's own words."""

    def __init__(self, message: str, *, status: int, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class AddeparClient:
    """A thin client of one firm's Addepar. clock and sleep are seconds; both may be replaced to pass time at will."""

    def __init__(
        self,
        config: AddeparConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        allowances: tuple[Allowance, ...] = ADDEPAR_ALLOWANCES,
    ) -> None:
        self.config = config
        self.clock = clock
        self.budget = RequestBudget(
            clock=clock, sleep=sleep, longest_wait_seconds=config.longest_wait_seconds, allowances=allowances
        )
        self._root = config.base_url.rstrip("/").removesuffix("/v1")
        self._session = requests.Session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> requests.Response:
        """Return the answer to a GET, redirects not followed; retried on 5xx and lost connections.

        path begins with /v1, as in Addepar's own links. Raises AddeparRefusal for a status of 400 or more,
        ExternalRefusal where Addepar cannot be reached.
        """
        for backoff in (*READ_BACKOFF_SECONDS, None):
            try:
                return self._send("GET", path, params=params)
            except (AddeparRefusal, requests.RequestException) as error:
                if isinstance(error, AddeparRefusal) and error.status < requests.codes.internal_server_error:
                    raise
                if backoff is None or isinstance(error, requests.exceptions.SSLError):
                    raise self._unreachable("GET", path, error) from error
                self.budget.wait(backoff, reason=f"GET {path} failed")
        raise AssertionError("the loop returns or raises at its last turn")

    def post(self, path: str, data: Document) -> Document:
        """Return the JSON answer to a POST of {"data": data}; never sent twice unless Addepar refused it unread (429).

        Raises as get does.
        """
        try:
            return self.document(self._send("POST", path, body=json.dumps({"data": data}).encode()))
        except requests.RequestException as error:
            raise self._unreachable("POST", path, error) from error

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Document]:
        """Yield the resource objects of a collection, over all of its pages. Raises as get does."""
        following: str | None = path
        query: Mapping[str, str] | None = {**(params or {}), "page[limit]": str(PAGE_LIMIT)}
        seen: set[str] = set()
        while following is not None:
            if following in seen:
                raise ExternalRefusal(f"Addepar: the pages of {path} go in a circle at {following}")
            seen.add(following)
            document = self.document(self.get(following, query))
            yield from document.get("data") or ()
            following, query = (document.get("links") or {}).get("next"), None

    def document(self, response: requests.Response) -> Document:
        """Return a body's JSON object with every fraction as an exact Decimal. Raises ExternalRefusal if it is none."""
        try:
            document = json.loads(response.content, parse_float=Decimal, parse_constant=_not_a_number)
        except ValueError as error:
            raise ExternalRefusal(f"Addepar: {response.url}: expected JSON, found {error}") from error
        if not isinstance(document, dict):
            raise ExternalRefusal(f"Addepar: {response.url}: expected a JSON object, found {type(document).__name__}")
        return document

    def follow(self, response: requests.Response) -> requests.Response:
        """Return what a redirect points at; another host is asked over https and never sees our credentials."""
        location = urljoin(response.url, response.headers.get("Location", ""))
        if _origin(location) == _origin(self._root):
            return self.get(urlsplit(location)._replace(scheme="", netloc="").geturl())
        if urlsplit(location).scheme != "https":
            raise ExternalRefusal(f"Addepar: {response.url} redirects; expected https, found {location}")
        try:
            stored = requests.get(location, timeout=self.config.request_timeout_seconds)
        except requests.RequestException as error:
            raise self._unreachable("GET", location, error) from error
        if stored.status_code != requests.codes.ok:
            raise ExternalRefusal(f"Addepar: GET {location}: expected 200, found {stored.status_code}")
        return stored

    def _send(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> requests.Response:
        headers = {"Addepar-Firm": self.config.firm_id, "Accept": CONTENT_TYPE}
        if body is not None:
            headers["Content-Type"] = CONTENT_TYPE
        for attempt in range(RATE_LIMIT_ATTEMPTS):
            with self.budget.request():
                # A verify given here outranks REQUESTS_CA_BUNDLE, an auth given here outranks ~/.netrc.
                response = self._session.request(
                    method,
                    self._url(path),
                    params=params,
                    data=body,
                    headers=headers,
                    auth=(self.config.key, self.config.secret),
                    timeout=self.config.request_timeout_seconds,
                    verify=self.config.certificate or True,
                    allow_redirects=False,
                )
            if response.status_code != requests.codes.too_many_requests or attempt == RATE_LIMIT_ATTEMPTS - 1:
                break
            self.budget.wait(_retry_after(response), reason=f"{method} {path} exceeds the firm's request allowance")
        if response.status_code >= requests.codes.bad_request:
            raise _refusal(method, path, response)
        return response

    def _url(self, path: str) -> str:
        """Return the full address of a link, which Addepar begins at /v1, at the whole path, or writes out in full."""
        whole_path = urlsplit(self._root).path + "/v1"
        url = urljoin(self._root, path) if "://" in path or path.startswith(whole_path) else self._root + path
        if _origin(url) != _origin(self._root):
            raise ExternalRefusal(f"Addepar: expected links to {self._root}, found {url}")
        return url

    def _unreachable(self, method: str, path: str, error: Exception) -> ExternalRefusal:
        if isinstance(error, requests.exceptions.SSLError):
            return ExternalRefusal(f"Addepar: {self._root}: its certificate is not trusted; expected one signed by "
                                   f"{self.config.certificate or 'a public authority'}: {error}")  # fmt: skip
        return ExternalRefusal(f"Addepar: {method} {path} at {self._root} failed after every retry: {error}")


def _refusal(method: str, path: str, response: requests.Response) -> AddeparRefusal:
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


def _retry_after(response: requests.Response) -> float:
    value = response.headers.get("X-RateLimit-Retry-After") or response.headers.get("Retry-After") or ""
    try:
        return max(float(value), 0.0)
    except ValueError:
        return 60.0  # Addepar always says; a proxy in between may not


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _not_a_number(name: str) -> Decimal:
    raise ValueError(f"the number {name}")
