"""How does the stand-in Addepar write? JSON:API envelopes, exact numbers, pages and refusals."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE: Final = "application/vnd.api+json"
DEFAULT_PAGE, MAX_PAGE = 500, 2000

Resource = dict[str, Any]


def answer(document: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return a JSON:API document, its decimals as plain JSON numbers with every digit."""
    written = json.dumps(document, default=lambda number: f"\0{_decimal(number)}\0")
    exact = re.sub(r'"\\u0000([^"\\]*)\\u0000"', r"\1", written)
    return Response(exact, status_code=status, media_type=MEDIA_TYPE)


def error(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in JSON:API's envelope."""
    body = {"errors": [{"status": str(status), "title": title, "detail": detail}]}
    return Response(json.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def page(request: Request, resources: Sequence[Resource]) -> Response:
    """Return one page of a collection and a link, beginning at /v1, to the next."""
    limit, after = request.query_params.get("page[limit]", str(DEFAULT_PAGE)), request.query_params.get("page[after]")
    if not limit.isdecimal() or not 1 <= int(limit) <= MAX_PAGE:
        raise HTTPException(400, f"page[limit] must be between 1 and {MAX_PAGE}, found {limit}")
    start = int(base64.urlsafe_b64decode(after)) if after else 0
    end = start + int(limit)
    cursor = base64.urlsafe_b64encode(str(end).encode()).decode()
    following = request.url.include_query_params(**{"page[after]": cursor, "page[limit]": limit})
    path = f"{following.path.removeprefix('/api')}?{following.query}" if end < len(resources) else None
    return answer({"data": list(resources[start:end]), "links": {"next": path}})


class CutOff(Response):
    """An answer whose connection breaks in the middle of its body."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"100000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"data": [', "more_body": True})


async def refused(_request: Request, refusal: Exception) -> Response:
    """Return an error that an endpoint raised, in Addepar's envelope."""
    if isinstance(refusal, HTTPException):
        return error(refusal.status_code, "Refused", refusal.detail)
    return error(400, "Bad Request", str(refusal))


def _decimal(number: object) -> str:
    if not isinstance(number, Decimal) or not number.is_finite():
        raise TypeError(f"expected a finite Decimal, found {number!r}")
    return str(number)


def parsed(body: bytes) -> Any:
    """Return a JSON body, its fractions exact."""
    return json.loads(body, parse_float=Decimal)


async def query_attributes(request: Request) -> Mapping[str, Any]:
    """Return data.attributes of a request's body; answers 400 where there are none."""
    try:
        attributes = parsed(await request.body())["data"]["attributes"]
    except (ValueError, KeyError, TypeError):
        attributes = None
    if not isinstance(attributes, dict):
        raise HTTPException(400, 'the body must be {"data": {"type": ..., "attributes": {...}}}')
    return attributes


def find(resources: Sequence[Resource], identifier: str) -> Resource:
    """Return the resource with an id; answers 404 where there is none."""
    for resource in resources:
        if resource["id"] == identifier:
            return resource
    raise HTTPException(404, f"Nothing with id {identifier}")


def one(resources: Sequence[Resource], identifier: str) -> Response:
    """Return the answer that holds the resource with an id."""
    return answer({"data": find(resources, identifier)})


def listed(request: Request, name: str) -> frozenset[str]:
    """Return a filter's comma-separated values."""
    return frozenset(filter(None, request.query_params.get(name, "").split(",")))
