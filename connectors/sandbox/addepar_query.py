"""What does the stand-in Addepar answer to a query? Holdings grouped into a tree, and transactions as rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.sandbox.addepar_attributes import ARGUMENTS, CATALOGUE, TRANSACTION_COLUMNS
from connectors.sandbox.addepar_firm import AddeparFirm, HoldingLeaf, Named

_ADDITIVE: Final = frozenset({"units", "value", "cost_basis", "realized_gain_short_term_ytd",
                              "realized_gain_long_term_ytd"})  # fmt: skip

Parameters = Mapping[str, Any]


class QueryRefused(Exception):
    """A query that Addepar answers with 400; the text is the error's detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A fault put into the data. A row of holdings is met by its grouping and its name or its own values; where
    account is given, only inside that account (by account number). A transaction is met by its id.
    """

    set: Mapping[str, Any]
    grouping: str = ""
    name: str = ""
    account: str = ""
    transaction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    key: str
    source: str  # the name in a leaf's values
    answer: str  # the name in the answer


def portfolio_result(firm: AddeparFirm, parameters: Parameters, patches: Sequence[Patch]) -> dict[str, Any]:
    """Return the document of a portfolio query. Raises QueryRefused for what Addepar refuses, or the stand-in lacks."""
    _check_period(firm, parameters)
    groupings = [_grouping(entry) for entry in parameters.get("groupings") or ()]
    columns = list(_columns(parameters.get("columns") or ()))
    leaves = [leaf for account in _accounts(firm, parameters) for leaf in firm.leaves[account]]
    for condition in parameters.get("filters") or ():
        leaves = [leaf for leaf in leaves if _passes(condition, _leaf_text(leaf, condition.get("attribute")))]
    total = {"name": "Total", "columns": _totals(leaves, columns),
             "children": _children(leaves, groupings, columns, patches)}  # fmt: skip
    shown = [{"key": c.answer, "display_name": CATALOGUE[c.key][0], "output_type": CATALOGUE[c.key][2],
              "currency": firm.currency if CATALOGUE[c.key][2] == "Currency" else None} for c in columns]  # fmt: skip
    meta = {"columns": shown, "groupings": [{"key": key, "display_name": CATALOGUE[key][0]} for key in groupings]}
    return {"meta": meta, "data": {"type": "portfolio_views", "attributes": {"total": total}}, "included": []}


def transactions_result(firm: AddeparFirm, parameters: Parameters, patches: Sequence[Patch]) -> dict[str, Any]:
    """Return the document of a transactions query. Raises QueryRefused as portfolio_result does."""
    start, end = _day(parameters, "start_date"), _day(parameters, "end_date")
    columns = list(parameters.get("columns") or ())
    for key in columns:
        if key not in TRANSACTION_COLUMNS:
            raise QueryRefused(f"Unknown transaction attribute: {key}")
    changed = {patch.transaction: patch.set for patch in patches if patch.transaction}
    rows = [{**row, **changed.get(row["id"], {})} for account in _accounts(firm, parameters)
            for row in firm.transactions[account] if start <= date.fromisoformat(row["trade_date"]) <= end]  # fmt: skip
    rows = [row for row in rows if parameters.get("include_deleted") or not row["deleted"]]
    for condition in parameters.get("filters") or ():
        rows = [row for row in rows if _passes(condition, row.get(condition.get("attribute")))]
    for order in reversed(parameters.get("sorting") or parameters.get("sortings") or ()):
        rows.sort(key=lambda row: str(row.get(order["attribute"])), reverse=not order.get("ascending", True))
    data = [{"id": row["id"], "type": "transactions", "attributes": {key: row.get(key) for key in columns}}
            for row in rows[: parameters.get("limit")]]  # fmt: skip
    return {"meta": {"columns": [{"key": key} for key in columns]}, "data": data}


def _accounts(firm: AddeparFirm, parameters: Parameters) -> list[str]:
    """The account entities of a portfolio: of entities, of groups or of the firm."""
    kind = str(parameters.get("portfolio_type", "")).upper()
    given = parameters.get("portfolio_id")
    ids = [str(identifier) for identifier in (given if isinstance(given, list) else [given])]
    if kind == "FIRM":
        return list(firm.leaves)
    if kind == "GROUP":
        members = {group["id"]: [entry["id"] for entry in group["relationships"]["members"]["data"]]
                   for group in firm.groups}  # fmt: skip
        ids = [member for identifier in ids for member in members.get(identifier, [f"group {identifier}"])]
    elif kind != "ENTITY":
        raise QueryRefused(f"portfolio_type {kind} is not one of ENTITY, GROUP, FIRM (all that the stand-in serves)")
    for identifier in ids:
        if identifier not in firm.accounts_of:
            raise QueryRefused(f"No portfolio with id {identifier}")
    return list(dict.fromkeys(account for identifier in ids for account in firm.accounts_of[identifier]))


def _check_period(firm: AddeparFirm, parameters: Parameters) -> None:
    start, end = _day(parameters, "start_date"), _day(parameters, "end_date")
    if start > end:
        raise QueryRefused(f"start_date {start} is after end_date {end}")
    if end < firm.as_of:
        raise QueryRefused(f"the stand-in knows holdings on {firm.as_of} and after, not on {end}")


def _day(parameters: Parameters, name: str) -> date:
    try:
        return date.fromisoformat(parameters[name])
    except (KeyError, ValueError, TypeError) as error:
        raise QueryRefused(f"{name} must be a date as YYYY-MM-DD") from error


def _grouping(entry: Any) -> str:
    key = str(entry.get("key") if isinstance(entry, Mapping) else entry)
    if key not in CATALOGUE or "groupings" not in CATALOGUE[key][3]:
        raise QueryRefused(f"Unknown grouping attribute: {key}")
    return key


def _columns(entries: Iterable[Any]) -> Iterator[_Column]:
    seen: Counter[str] = Counter()
    for entry in entries:
        key, arguments = entry.get("key"), entry.get("arguments") or {}
        if key not in CATALOGUE or "columns" not in CATALOGUE[key][3]:
            raise QueryRefused(f"Unknown column attribute: {key}")
        known = ARGUMENTS.get(key, {})
        for name, value in arguments.items():
            if value not in known.get(name, ()):
                raise QueryRefused(f"Attribute {key} has no argument {name} = {value}")
        chosen = [arguments.get(name, choices[0]) for name, choices in known.items()]
        seen[key] += 1
        yield _Column(key=key, source=" ".join([key, *chosen]), answer=key if seen[key] == 1 else f"{key}_{seen[key]}")


def _children(
    leaves: Sequence[HoldingLeaf], groupings: Sequence[str], columns: Sequence[_Column], patches: Sequence[Patch]
) -> list[dict[str, Any]]:
    if not groupings:
        return []
    grouping, finer = groupings[0], groupings[1:]
    found: dict[Named, list[HoldingLeaf]] = {}
    for leaf in leaves:
        named = leaf.groups[grouping]
        if named is not None:
            found.setdefault(named, []).append(leaf)
    rows = []
    for named, inside in found.items():
        values = _totals(inside, columns)
        for patch in patches:
            if patch.grouping == grouping and _meets(patch, named, inside[0]):
                values |= {column.answer: patch.set[column.source] for column in columns if column.source in patch.set}
        shown: dict[str, Any] = {"name": named.name, "grouping": grouping, "columns": values}
        if named.entity_id is not None:
            shown["entity_id"] = int(named.entity_id)
        rows.append({**shown, "children": _children(inside, finer, columns, patches)})
    return rows


def _meets(patch: Patch, named: Named, leaf: HoldingLeaf) -> bool:
    own = (named.name, leaf.values.get("ticker_symbol"), leaf.values.get("account_number"))
    return (not patch.account or leaf.values["account_number"] == patch.account) and patch.name in own


def _totals(leaves: Sequence[HoldingLeaf], columns: Sequence[_Column]) -> dict[str, Any]:
    """Sums of what adds up, and what all leaves agree on; a column without a value is left out, as Addepar does."""
    totals = {}
    for column in columns:
        values = [value for leaf in leaves if (value := leaf.values.get(column.source)) is not None]
        if values and column.key in _ADDITIVE:
            totals[column.answer] = sum(values, Decimal(0))
        elif values and len(values) == len(leaves) and len(set(values)) == 1:
            totals[column.answer] = values[0]
    return totals


def _leaf_text(leaf: HoldingLeaf, key: Any) -> Any:
    named = leaf.groups.get(key)
    return named.name if named is not None else leaf.values.get(key)


def _passes(condition: Mapping[str, Any], value: Any) -> bool:
    if condition.get("type") != "discrete":
        raise QueryRefused("the stand-in serves filters of type discrete only")
    included = value in list(condition.get("values") or ())
    return included is (condition.get("operator", "include") == "include")
