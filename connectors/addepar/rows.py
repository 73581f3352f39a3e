"""How does a query's answer read in the mapping's own words? Nested rows of holdings, flat rows of transactions."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.addepar.mapping import HoldingKeys, TransactionKeys
from connectors.addepar.values import entity_id
from engine.domain.errors import ExternalRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingRow:
    """One account, position or lot; children are the next finer grouping. values: by field of HoldingKeys, as sent."""

    name: str
    entity_id: str  # "" where Addepar gave none
    values: Mapping[str, Any]
    children: "tuple[HoldingRow, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """One transaction. values: by field of TransactionKeys, as sent."""

    transaction_id: str
    owner_id: str
    values: Mapping[str, Any]


def holding_rows(document: Mapping[str, Any], keys: HoldingKeys, *, currency: str) -> tuple[HoldingRow, ...]:
    """Return the account rows of a portfolio query that asked for keys.columns(), in that order.

    Raises ExternalRefusal where the answer is in another currency or has no total.
    """
    for column in (document.get("meta") or {}).get("columns") or ():
        if (column.get("currency") or currency) != currency:
            raise ExternalRefusal(f"Addepar: column {column.get('key')}: expected {currency}, found "
                                  f"{column['currency']}; set the currency of the API user's views")  # fmt: skip
    total = ((document.get("data") or {}).get("attributes") or {}).get("total")
    if not isinstance(total, Mapping):
        raise ExternalRefusal("Addepar: a portfolio query came back without its total")
    names = _answer_names(keys)
    return tuple(_row(child, names) for child in total.get("children") or ())


def transaction_rows(document: Mapping[str, Any], keys: TransactionKeys) -> tuple[TransactionRow, ...]:
    """Return the rows of a transactions query that asked for keys.columns(), in the order of the answer."""
    columns = keys.columns()
    rows = []
    for resource in document.get("data") or ():
        sent = resource.get("attributes") or {}
        values = {name: sent.get(key) for name, key in columns.items()}
        identifier = values["id"] if values["id"] is not None else resource.get("id", "")
        rows.append(TransactionRow(transaction_id=str(identifier), owner_id=entity_id(values["owner"]), values=values))
    return tuple(rows)


def _answer_names(keys: HoldingKeys) -> Mapping[str, str]:
    """The names in the answer, by field: the second column of one key comes back as key_2, the third as key_3."""
    seen: Counter[str] = Counter()
    names = {}
    for name, column in keys.columns().items():
        seen[column.key] += 1
        names[name] = column.key if seen[column.key] == 1 else f"{column.key}_{seen[column.key]}"
    return names


def _row(node: Mapping[str, Any], names: Mapping[str, str]) -> HoldingRow:
    sent = node.get("columns") or {}
    return HoldingRow(
        name=str(node.get("name") or ""),
        entity_id=entity_id(node),
        values={name: sent.get(answer_name) for name, answer_name in names.items()},
        children=tuple(_row(child, names) for child in node.get("children") or ()),
    )
