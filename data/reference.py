"""What does a firm share among its accounts? Securities, marks, models, households, rules: written and read whole."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table, delete, select, update

from data import documents, tables
from data.codec import codec
from data.rows import from_row, to_row
from data.snapshots import prices_document, risk_document
from engine.domain.accounts import FirmReference, Household, Restriction
from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import (
    ActionKind,
    CorporateAction,
    Mark,
    MarketSnapshot,
    Model,
    PriceHistory,
    RiskModel,
    Security,
    Substitute,
)
from engine.domain.succession import Endings, endings
from engine.plan.document import canonical_json

T = TypeVar("T")

_CLEARED: Final = (
    tables.accounts,
    tables.households,
    tables.model_weights,
    tables.models,
    tables.dated_models,
    tables.marks,
    tables.corporate_actions,
    tables.securities,
    tables.restrictions,
    tables.substitutes,
    tables.settings,
    tables.firm,
    tables.account_scans,  # of the accounts that go
    tables.account_sources,
    tables.scan_queue,
)
ENDING: Final = (ActionKind.MERGER, ActionKind.TICKER_CHANGE)
_CLEARED_OF_ANOTHER: Final = (tables.scan, tables.scan_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketParts:
    """A market snapshot without its risk model."""

    as_of: date
    securities: Mapping[SecurityId, Security]
    marks: Mapping[SecurityId, Mark]
    models: Mapping[ModelId, Model]
    substitutes: tuple[Substitute, ...]

    def with_risk(self, risk: RiskModel) -> MarketSnapshot:
        return MarketSnapshot(**to_row(self), risk=risk)


def clear(connection: Connection, *, whole: bool) -> None:
    """Delete the firm, its accounts and what a scan saw of them.

    whole: another firm follows, so that the marks and the days of earlier scans go too. Plans, orders, people and the
    audit log stay, and so do all documents.
    """
    for table in (*_CLEARED, *(_CLEARED_OF_ANOTHER if whole else ())):
        connection.execute(delete(table))


def write_reference(connection: Connection, reference: FirmReference, *, at: datetime) -> None:
    """Write all of a firm but its accounts into emptied tables."""
    risk = None if reference.risk is None else risk_document(reference.risk)
    if risk is not None:
        documents.put(connection, [risk])
    _insert(connection, tables.securities, reference.securities, leave=["predecessors"])
    prices = _write_prices(connection, reference.prices, reference.actions, as_of=reference.as_of)
    _write_models(connection, reference.models)
    _insert(connection, tables.households, reference.households)
    _insert(connection, tables.restrictions, reference.restrictions)
    _insert(connection, tables.substitutes, reference.substitutes)
    _rows(connection, tables.settings, [{"name": name, "text": text} for name, text in reference.settings.items()])
    row = {
        "id": 1,
        "imported_at": at,
        "prices_hash": prices,
        "risk_hash": None if risk is None else risk.hash,
        "risk_inputs": _risk_inputs(reference.as_of, prices, reference.securities, reference.actions),
    }
    _rows(connection, tables.firm, [{**row, **{n: getattr(reference, n) for n in ("as_of", "currency", "name")}}])


def _write_models(connection: Connection, models: Sequence[Model]) -> None:
    always = [model for model in models if model.effective is None]
    _insert(connection, tables.models, always, leave=["weights", "effective"])
    _rows(
        connection,
        tables.model_weights,
        [
            {"model_id": model.model_id, "place": place, "security_id": security_id, "weight": weight}
            for model in always
            for place, (security_id, weight) in enumerate(model.weights)
        ],
    )
    dated = [
        {"model_id": model.model_id, "effective": model.effective, "security_id": security_id, "weight": weight}
        for model in models
        if model.effective is not None
        for security_id, weight in model.weights
    ]
    _rows(connection, tables.dated_models, [{"place": place, **row} for place, row in enumerate(dated)])


def rewrite_prices(
    connection: Connection, histories: Sequence[PriceHistory], actions: Sequence[CorporateAction], *, as_of: date
) -> None:
    """Put prices and corporate actions in the place of those of a firm that is there; its day becomes as_of."""
    for table in (tables.marks, tables.corporate_actions):
        connection.execute(delete(table))
    prices = _write_prices(connection, histories, actions, as_of=as_of)
    inputs = _risk_inputs(as_of, prices, read_securities(connection), actions)
    connection.execute(update(tables.firm).values(as_of=as_of, prices_hash=prices, risk_inputs=inputs))


def read_securities(connection: Connection) -> tuple[Security, ...]:
    rows = connection.execute(select(tables.securities).order_by(tables.securities.c.place)).mappings()
    return tuple(from_row(Security, row, predecessors=None) for row in rows)  # which is told by corporate actions


def read_households(connection: Connection, *conditions: Any) -> tuple[Household, ...]:
    return _read(connection, tables.households, Household, *conditions)


def read_substitutes(connection: Connection) -> tuple[Substitute, ...]:
    return _read(connection, tables.substitutes, Substitute)


def read_restrictions(connection: Connection, scopes: Sequence[str] | None = None) -> tuple[Restriction, ...]:
    """Return the restrictions of some scopes, or all, in the order of their source."""
    table = tables.restrictions
    return _read(connection, table, Restriction, *([] if scopes is None else [table.c.scope.in_(scopes)]))


def read_actions(connection: Connection, *conditions: Any) -> tuple[CorporateAction, ...]:
    """Return the corporate actions that meet the conditions, in the order of their source."""
    return _read(connection, tables.corporate_actions, CorporateAction, *conditions)


def read_endings(connection: Connection, *, as_of: date) -> Endings:
    """Return which names ended or got another ticker up to a day."""
    return endings(read_actions(connection, tables.corporate_actions.c.kind.in_(ENDING)), as_of=as_of)


def read_models(connection: Connection) -> tuple[Model, ...]:
    """Return every version of every model: those that hold from the beginning, then the dated ones."""
    names = connection.scalars(select(tables.models.c.model_id).order_by(tables.models.c.place))
    weights: dict[str, list[tuple[SecurityId, Any]]] = {name: [] for name in names}
    for row in connection.execute(select(tables.model_weights).order_by(tables.model_weights.c.place)):
        weights[row.model_id].append((row.security_id, row.weight))
    dated: dict[tuple[str, date], list[tuple[SecurityId, Any]]] = {}
    for row in connection.execute(select(tables.dated_models).order_by(tables.dated_models.c.place)):
        dated.setdefault((row.model_id, row.effective), []).append((row.security_id, row.weight))
    return (
        *(Model(model_id=ModelId(name), weights=tuple(pairs)) for name, pairs in weights.items()),
        *(
            Model(model_id=ModelId(name), weights=tuple(pairs), effective=effective)
            for (name, effective), pairs in dated.items()
        ),
    )


def read_marks(connection: Connection) -> Mapping[SecurityId, Mark]:
    table = tables.marks
    rows = connection.execute(select(table).order_by(table.c.place)).mappings()
    return {SecurityId(row["security_id"]): from_row(Mark, row) for row in rows}


def _risk_inputs(
    as_of: date, prices_hash: str, securities: Sequence[Security], actions: Sequence[CorporateAction]
) -> str:
    """Return what stands for all that a risk model is estimated from."""
    inputs = [as_of.isoformat(), prices_hash, _SECURITIES.write(tuple(securities))]
    inputs += [_ACTIONS.write(tuple(actions))] if actions else []
    return sha256(canonical_json(inputs)).hexdigest()


def _write_prices(
    connection: Connection, histories: Sequence[PriceHistory], actions: Sequence[CorporateAction], *, as_of: date
) -> str:
    """Write histories, actions and the marks of a day into emptied tables; return the document's name."""
    document = prices_document(histories)
    documents.put(connection, [document])
    marks = [(history.security_id, _mark(history, as_of)) for history in histories]
    rows = [
        to_row(mark, security_id=security_id, place=place)
        for place, (security_id, mark) in enumerate(marks)
        if mark is not None
    ]
    _rows(connection, tables.marks, rows)
    _insert(connection, tables.corporate_actions, actions)
    return document.hash


def _mark(history: PriceHistory, as_of: date) -> Mark | None:
    """Return the last close on or before a day, None where there is none."""
    place = bisect_right(history.dates, as_of) - 1
    return None if place < 0 else Mark(price=history.closes[place], on=history.dates[place])


def _insert(connection: Connection, table: Table, items: Iterable[Any], *, leave: Sequence[str] = ()) -> None:
    _rows(connection, table, [to_row(item, leave=leave, place=place) for place, item in enumerate(items)])


def _rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _read(connection: Connection, table: Table, kind: type[T], *conditions: Any) -> tuple[T, ...]:
    query = select(table).where(*conditions).order_by(table.c.place)
    return tuple(from_row(kind, row) for row in connection.execute(query).mappings())


_SECURITIES: Final = codec(tuple[Security, ...])
_ACTIONS: Final = codec(tuple[CorporateAction, ...])
