"""How do we speak with Addepar? One HTTP policy: credentials, allowances, retries, pages, exact numbers, errors."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import requests

from connectors.addepar.answers import AddeparRefusal, Document, document, refusal
from connectors.addepar.budget import CutOff, RequestBudget, SpentRequests, allowances_of
from connectors.addepar.config import AddeparConfig
from connectors.addepar.kept import KeptAnswers, NothingKept, asked
from engine.domain.errors import ExternalRefusal

CONTENT_TYPE: Final = "application/vnd.api+json"
PAGE_LIMIT: Final = 2000  # the most Addepar gives; fewer pages spend less of the allowance
READ_BACKOFF_SECONDS: Final = (1.0, 2.0, 4.0)  # between the attempts of a GET
RATE_LIMIT_ATTEMPTS: Final = 5


class AddeparClient:
    """A thin client of one firm's Addepar.

    clock and sleep are seconds; both may be replaced to pass time at will. spent: where the firm's requests are
    counted; kept: where the answers of pages and queries are kept, so that none is asked for twice; none by itself.
    """

    def __init__(
        self,
        config: AddeparConfig,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        spent: SpentRequests | None = None,
        kept: KeptAnswers | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.kept = NothingKept() if kept is None else kept
        self.budget = RequestBudget(
            clock=clock,
            sleep=sleep,
            longest_wait_seconds=config.longest_wait_seconds,
            longest_request_seconds=config.request_timeout_seconds,
            allowances=allowances_of(config),
            spent=spent,
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
        return self._read("GET", path, params=params)

    def one(self, path: str) -> Document:
        """Return the JSON answer to a GET that has no pages. Raises as get does."""
        return document(self.get(path).content, at=path)

    def post(self, path: str, data: Document) -> Document:
        """Return the JSON answer to a POST of {"data": data}; never sent twice unless Addepar refused it unread (429).

        Raises as get does.
        """
        try:
            response = self._send("POST", path, body=_body(data))
        except requests.RequestException as error:
            raise self._unreachable("POST", path, error) from error
        return document(response.content, at=path)

    def query(self, path: str, data: Document) -> Document:
        """Return the JSON answer to a question that is asked by POST; retried as a GET is, and kept. Raises as get."""
        return self._kept("POST", path, data, lambda: self._read("POST", path, body=_body(data)))

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Document]:
        """Yield the resource objects of a collection, over all of its pages, each kept. Raises as get does."""
        following: str | None = path
        query: Mapping[str, str] | None = {**(params or {}), "page[limit]": str(PAGE_LIMIT)}
        seen: set[str] = set()
        while following is not None:
            if following in seen:
                raise ExternalRefusal(f"Addepar: the pages of {path} go in a circle at {following}")
            seen.add(following)
            page = self._kept("GET", following, query or {}, partial(self.get, following, query))
            yield from page.get("data") or ()
            following, query = (page.get("links") or {}).get("next"), None

    def key_of(self, method: str, path: str, what: Document) -> str:
        """Return the key under which the answer to a question is kept."""
        return asked(self._root, self.config.firm_id, method, path, what)

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

    def _kept(self, method: str, path: str, what: Document, ask: Callable[[], requests.Response]) -> Document:
        key = self.key_of(method, path, what)
        body = self.kept.get(key)
        if body is not None:
            return document(body, at=path)
        content = ask().content
        found = document(content, at=path)
        self.kept.put(key, content)
        return found

    def _read(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> requests.Response:
        """Send what may be sent twice: again after a 5xx or a lost connection, a few times."""
        for backoff in (*READ_BACKOFF_SECONDS, None):
            try:
                return self._send(method, path, params=params, body=body)
            except (AddeparRefusal, requests.RequestException) as error:
                if isinstance(error, AddeparRefusal) and error.status < requests.codes.internal_server_error:
                    raise
                if backoff is None or isinstance(error, requests.exceptions.SSLError):
                    raise self._unreachable(method, path, error) from error
                self.budget.wait(backoff, reason=f"{method} {path} failed")
        raise AssertionError("the loop returns or raises at its last turn")

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
            raise refusal(method, path, response)
        return response

    def _url(self, path: str) -> str:
        """Return the full address of a link, which Addepar begins at /v1, at the whole path, or writes out in full."""
        whole_path = urlsplit(self._root).path + "/v1"
        url = urljoin(self._root, path) if "://" in path or path.startswith(whole_path) else self._root + path
        if _origin(url) != _origin(self._root):
            raise ExternalRefusal(f"Addepar: expected links to {self._root}, found {url}")
        return url

    def _unreachable(self, method: str, path: str, error: Exception) -> CutOff:
        if isinstance(error, requests.exceptions.SSLError):
            return CutOff(f"Addepar: {self._root}: its certificate is not trusted; expected one signed by "
                          f"{self.config.certificate or 'a public authority'}: {error}")  # fmt: skip
        return CutOff(f"Addepar: {method} {path} at {self._root} failed after every retry: {error}")


def _body(data: Document) -> bytes:
    return json.dumps({"data": data}).encode()


def _retry_after(response: requests.Response) -> float:
    value = response.headers.get("X-RateLimit-Retry-After") or response.headers.get("Retry-After") or ""
    try:
        return max(float(value), 0.0)
    except ValueError:
        return 60.0  # Addepar always says; a proxy in between may not


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
