"""What does a SOQL query select? The part of the language that reviews of plans and their tests use.

SELECT of fields and of fields one parent away, COUNT(); FROM one object; WHERE with = != < <= > >= LIKE, IN, NOT IN,
AND, OR, NOT and brackets; ORDER BY; LIMIT; OFFSET.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connectors.sandbox.org.records import Records, Row
from connectors.sandbox.org.refused import Refused
from connectors.sandbox.org.schema import Field, ObjectType
from connectors.sandbox.org.soql_tokens import Tokens, malformed
from connectors.sandbox.org.values import LONG_ID, SHORT_ID, long_id

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a is not None and a < b,
    "<=": lambda a, b: a is not None and a <= b,
    ">": lambda a, b: a is not None and a > b,
    ">=": lambda a, b: a is not None and a >= b,
}
_NUMBERS: Final = ("currency", "double", "percent")
_WORDS: Final = {"null": None, "true": True, "false": False}

Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """count is set for SELECT COUNT(), which has no records."""

    records: Sequence[Row]
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """A field of the queried object, or of the object one reference away."""

    field: Field
    via: Field | None = None


def run_query(records: Records, soql: str, *, version: str) -> Result:
    """Return what a query selects, in Salesforce's shape.

    Raises Refused MALFORMED_QUERY, INVALID_TYPE or INVALID_FIELD.
    """
    return _Query(records, Tokens(soql), version).run()


class _Query:
    def __init__(self, records: Records, tokens: Tokens, version: str) -> None:
        self._records = records
        self._tokens = tokens
        self._version = version
        self._kind: ObjectType

    def run(self) -> Result:
        self._tokens.expect("SELECT")
        columns = self._columns()
        self._tokens.expect("FROM")
        self._kind = self._object(self._tokens.take("word"))
        paths = [self._path(column) for column in columns or ()]
        test = self._either() if self._tokens.have("WHERE") else _everything
        order = self._order() if self._tokens.have("ORDER") else []
        limit = int(self._tokens.take("number")) if self._tokens.have("LIMIT") else None
        offset = int(self._tokens.take("number")) if self._tokens.have("OFFSET") else 0
        self._tokens.expect_end()
        rows = [row for row in self._records.rows(self._kind.name) if test(row)]
        for path, descending in reversed(order):
            rows = self._sorted(rows, path, descending=descending)
        rows = rows[offset : None if limit is None else offset + limit]
        if columns is None:
            return Result(records=(), count=len(rows))
        return Result(records=[self._shown(row, paths) for row in rows])

    def _object(self, name: str) -> ObjectType:
        for kind in self._records.schema.values():
            if kind.name.lower() == name.lower():
                return kind
        raise Refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")

    def _columns(self) -> list[str] | None:
        columns = [self._tokens.take("word")]
        if columns[0].upper() == "COUNT" and self._tokens.have("("):
            self._tokens.expect(")")
            return None
        while self._tokens.have(","):
            columns.append(self._tokens.take("word"))
        return columns

    def _either(self) -> Test:
        tests = [self._both()]
        while self._tokens.have("OR"):
            tests.append(self._both())
        return lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._tokens.have("AND"):
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._tokens.have("NOT"):
            return _reverse(self._one())
        if self._tokens.have("("):
            test = self._either()
            self._tokens.expect(")")
            return test
        path = self._path(self._tokens.take("word"))
        if not path.field.filterable:
            raise Refused("INVALID_FIELD", f"field '{path.field.name}' can not be filtered in a query call")
        return self._comparison(path)

    def _comparison(self, path: _Path) -> Test:
        if self._tokens.have("IN"):
            return self._among(path)
        if self._tokens.have("NOT"):
            self._tokens.expect("IN")
            return _reverse(self._among(path))
        if self._tokens.have("LIKE"):
            pattern = _like(str(self._literal(path.field)))
            return lambda row: pattern.fullmatch(str(self._value(row, path) or "")) is not None
        sign = self._tokens.take("sign")
        if sign not in _COMPARE:
            malformed(f"unexpected token: '{sign}'")
        compare, wanted = _COMPARE[sign], self._literal(path.field)
        return lambda row: compare(self._comparable(row, path), wanted)

    def _among(self, path: _Path) -> Test:
        self._tokens.expect("(")
        wanted = {self._literal(path.field)}
        while self._tokens.have(","):
            wanted.add(self._literal(path.field))
        self._tokens.expect(")")
        return lambda row: self._comparable(row, path) in wanted

    def _order(self) -> list[tuple[_Path, bool]]:
        self._tokens.expect("BY")
        order = []
        while True:
            path = self._path(self._tokens.take("word"))
            descending = self._tokens.have("DESC")
            if not descending:
                self._tokens.have("ASC")
            order.append((path, descending))
            if not self._tokens.have(","):
                return order

    def _literal(self, field: Field) -> Any:
        token = self._tokens.next()
        if token.kind == "word" and token.text.lower() in _WORDS:
            return _WORDS[token.text.lower()]
        moment = field.kind in ("date", "datetime")
        if token.kind != ("number" if field.kind in _NUMBERS else "moment" if moment else "text"):
            raise Refused(
                "INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {field.kind}"
            )
        if token.kind == "number":
            return float(token.text)
        plain = re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "text" else token.text
        return _comparable(field, plain)

    def _path(self, name: str) -> _Path:
        parent, _, last = name.rpartition(".")
        kind, via = self._kind, None
        if parent:
            via = kind.by_relationship(parent)
            if via is None or not via.target:
                raise Refused("INVALID_FIELD", f"Didn't understand relationship '{parent}' in field path.")
            kind = self._records.schema[via.target]
        for field in kind.fields.values():
            if field.name.lower() == last.lower():
                return _Path(field=field, via=via)
        raise Refused("INVALID_FIELD", f"No such column '{last}' on entity '{kind.name}'.")

    def _value(self, row: Row, path: _Path) -> Any:
        if path.via is None:
            return row.get(path.field.name)
        target = row[path.via.name]
        parent = self._records.get(self._records.type_of(target), target) if target else {}
        return parent.get(path.field.name)

    def _sorted(self, rows: Sequence[Row], path: _Path, *, descending: bool) -> list[Row]:
        return sorted(rows, key=lambda row: _sortable(self._value(row, path)), reverse=descending)

    def _comparable(self, row: Row, path: _Path) -> Any:
        return _comparable(path.field, self._value(row, path))

    def _shown(self, row: Row, paths: Iterable[_Path]) -> Row:
        shown = self._attributes(self._kind.name, row["Id"])
        for path in paths:
            value = self._value(row, path)
            if path.via is None:
                shown[path.field.name] = value
            elif row[path.via.name] is None:
                shown[path.via.relationship] = None
            else:
                target = row[path.via.name]
                parent = shown.setdefault(path.via.relationship, self._attributes(path.via.target, target))
                parent[path.field.name] = value
        return shown

    def _attributes(self, name: str, record_id: str) -> dict[str, Any]:
        url = f"/services/data/v{self._version}/sobjects/{name}/{record_id}"
        return {"attributes": {"type": name, "url": url}}


def _everything(_: Row) -> bool:
    return True


def _reverse(test: Test) -> Test:
    return lambda row: not test(row)


def _comparable(field: Field, value: Any) -> Any:
    """Ids compare in their long form, text without regard to case, moments as moments."""
    if not isinstance(value, str):
        return value
    if field.kind in ("id", "reference"):
        return long_id(value) if len(value) in (SHORT_ID, LONG_ID) else value
    if field.kind == "datetime":
        return datetime.fromisoformat(value)
    return value if field.case_sensitive or field.kind == "date" else value.casefold()


def _like(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([%_])", pattern)
    return re.compile("".join({"%": ".*", "_": "."}.get(part, re.escape(part)) for part in parts), re.IGNORECASE | re.S)


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
