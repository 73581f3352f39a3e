"""What does each address of the REST interface do? One request on records in, status and JSON out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.sandbox.org import batches, describe
from connectors.sandbox.org.composite import run_composite
from connectors.sandbox.org.records import Row
from connectors.sandbox.org.refused import Refused, error_body
from connectors.sandbox.org.soql import run_query
from connectors.sandbox.org.tenant import Org

DAILY_REQUESTS: Final = 15_000
_PAGE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """path: what follows /services/data/vNN.N/. page_size: rows of a query answered at once."""

    method: str
    path: str
    version: str
    user: str
    params: Mapping[str, str]
    body: Any = None
    page_size: int = _PAGE


@dataclass(frozen=True, slots=True)
class Answer:
    """body None: no content."""

    status: int
    body: Any = None


class Rest:
    """The REST interface of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._cursors: dict[str, tuple[Row, ...]] = {}

    def answer(self, request: Request) -> Answer:
        """Carry out a request; refusals come back as Salesforce's error bodies, and then nothing was changed."""
        before = self._org.records.savepoint() if request.method != "GET" else None
        try:
            return self._routed(request)
        except Refused as refused:
            if before:
                self._org.records.restore(before)
            return Answer(refused.status, error_body(refused))

    def _routed(self, request: Request) -> Answer:
        known = False
        for method, pattern, handler in _ROUTES:
            if found := re.fullmatch(pattern, request.path.strip("/")):
                known = True
                if method == request.method:
                    return handler(self, request, *found.groups())
        if known:
            raise Refused("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.", status=405)
        raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)

    def _objects(self, _: Request) -> Answer:
        kinds = self._org.records.schema.values()
        shown = [{"name": kind.name, "label": kind.label, "custom": kind.name.endswith("__c")} for kind in kinds]
        return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})

    def _describe(self, _: Request, name: str) -> Answer:
        return Answer(200, describe.description(self._org.records.object(name)))

    def _insert(self, request: Request, name: str) -> Answer:
        record_id = self._org.records.put(name, _row(request.body), user=request.user)
        return Answer(201, batches.success(record_id))

    def _read(self, request: Request, name: str, record_id: str) -> Answer:
        row = self._org.records.get(name, record_id)
        wanted = request.params.get("fields")
        fields = wanted.split(",") if wanted else row
        url = f"/services/data/v{request.version}/sobjects/{name}/{row['Id']}"
        return Answer(200, {"attributes": {"type": name, "url": url}, **{field: row[field] for field in fields}})

    def _update(self, request: Request, name: str, record_id: str) -> Answer:
        self._org.records.put(name, _row(request.body), user=request.user, record_id=record_id)
        return Answer(204)

    def _delete(self, request: Request, name: str, record_id: str) -> Answer:
        self._org.records.delete(name, record_id, user=request.user)
        return Answer(204)

    def _read_by_key(self, request: Request, name: str, key: str, value: str) -> Answer:
        found = self._org.records.find(name, key, value)
        return self._read(request, name, found or "")

    def _upsert(self, request: Request, name: str, key: str, value: str) -> Answer:
        row = _row(request.body)
        if key in row:
            raise Refused("INVALID_FIELD", f"The {key} field should not be specified in the sobject data.", (key,))
        found = self._org.records.find(name, key, value)
        record_id = self._org.records.put(name, {**row, key: value}, user=request.user, record_id=found)
        return Answer(200 if found else 201, {**batches.success(record_id), "created": found is None})

    def _delete_by_key(self, request: Request, name: str, key: str, value: str) -> Answer:
        return self._delete(request, name, self._org.records.find(name, key, value) or "")

    def _upsert_many(self, request: Request, name: str, key: str) -> Answer:
        records, all_or_none = batches.read(request.body)
        work = [batches.upsert(name, key, row) for row in records]
        batches.refuse_repeats(records, key)
        return Answer(200, batches.run(self._org.records, work, user=request.user, all_or_none=all_or_none))

    def _insert_many(self, request: Request) -> Answer:
        records, all_or_none = batches.read(request.body)
        work = [batches.insert(row) for row in records]
        return Answer(200, batches.run(self._org.records, work, user=request.user, all_or_none=all_or_none))

    def _update_many(self, request: Request) -> Answer:
        records, all_or_none = batches.read(request.body)
        work = [batches.update(row) for row in records]
        return Answer(200, batches.run(self._org.records, work, user=request.user, all_or_none=all_or_none))

    def _delete_many(self, request: Request) -> Answer:
        all_or_none = request.params.get("allOrNone") == "true"
        work = [batches.delete(record_id) for record_id in request.params.get("ids", "").split(",")]
        return Answer(200, batches.run(self._org.records, work, user=request.user, all_or_none=all_or_none))

    def _composite(self, request: Request) -> Answer:
        def one(method: str, url: str, body: Any) -> tuple[int, Any]:
            path, _, query = url.partition("?")
            version, _, rest = path.removeprefix("/services/data/v").partition("/")
            params = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
            inner = Request(method=method, path=rest, version=version, user=request.user, params=params, body=body)
            answer = self.answer(inner)
            return answer.status, answer.body

        return Answer(200, run_composite(self._org.records, request.body, one))

    def _query(self, request: Request) -> Answer:
        result = run_query(self._org.records, request.params.get("q", ""), version=request.version)
        if result.count is not None:
            return Answer(200, {"totalSize": result.count, "done": True, "records": []})
        cursor = f"01gSandbox{len(self._cursors):08d}"
        self._cursors[cursor] = tuple(result.records)
        return self._page(request, cursor, 0)

    def _query_more(self, request: Request, cursor: str, start: str) -> Answer:
        return self._page(request, cursor, int(start))

    def _page(self, request: Request, cursor: str, start: int) -> Answer:
        if cursor not in self._cursors:
            raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
        rows, end = self._cursors[cursor], start + request.page_size
        page = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[start:end]}
        if end < len(rows):
            page["nextRecordsUrl"] = f"/services/data/v{request.version}/query/{cursor}-{end}"
        else:
            del self._cursors[cursor]
        return Answer(200, page)

    def _processes(self, _: Request) -> Answer:
        process = self._org.approvals.process
        shown = {"id": "04aSandbox00000001", "name": process.name, "object": process.object, "sortOrder": 1}
        return Answer(200, {"approvals": {process.object: [{**shown, "description": None}]}})

    def _approve(self, request: Request) -> Answer:
        results = []
        for wanted in _row(request.body).get("requests", ()):
            before = self._org.records.savepoint()
            try:
                results.append(self._org.approvals.act(wanted, user=request.user))
            except Refused as refused:
                self._org.records.restore(before)
                results.append(batches.failure(refused))
        return Answer(200, results)

    def _limits(self, _: Request) -> Answer:
        return Answer(200, {"DailyApiRequests": {"Max": DAILY_REQUESTS, "Remaining": DAILY_REQUESTS}})


def _row(body: Any) -> Row:
    if not isinstance(body, dict):
        raise Refused("JSON_PARSER_ERROR", "expected a JSON object as the body")
    return body


_ID = r"(\w{15}|\w{18})"
_ROUTES: Final[tuple[tuple[str, str, Callable[..., Answer]], ...]] = (
    ("GET", r"sobjects", Rest._objects),
    ("GET", r"sobjects/(\w+)/describe", Rest._describe),
    ("POST", r"sobjects/(\w+)", Rest._insert),
    ("GET", rf"sobjects/(\w+)/{_ID}", Rest._read),
    ("PATCH", rf"sobjects/(\w+)/{_ID}", Rest._update),
    ("DELETE", rf"sobjects/(\w+)/{_ID}", Rest._delete),
    ("GET", r"sobjects/(\w+)/(\w+)/(.+)", Rest._read_by_key),
    ("PATCH", r"sobjects/(\w+)/(\w+)/(.+)", Rest._upsert),
    ("DELETE", r"sobjects/(\w+)/(\w+)/(.+)", Rest._delete_by_key),
    ("PATCH", r"composite/sobjects/(\w+)/(\w+)", Rest._upsert_many),
    ("POST", r"composite/sobjects", Rest._insert_many),
    ("PATCH", r"composite/sobjects", Rest._update_many),
    ("DELETE", r"composite/sobjects", Rest._delete_many),
    ("POST", r"composite", Rest._composite),
    ("GET", r"query(?:All)?", Rest._query),
    ("GET", r"query(?:All)?/(\w+)-(\d+)", Rest._query_more),
    ("GET", r"process/approvals", Rest._processes),
    ("POST", r"process/approvals", Rest._approve),
    ("GET", r"limits", Rest._limits),
)
