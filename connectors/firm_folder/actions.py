"""Do corporate actions, the rows that book them and dated models hold together? What no single column can tell."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from connectors.firm_folder.report import Report, shown
from connectors.firm_folder.table import Known, Rows
from engine.domain.accounts import TransactionType
from engine.domain.action_faults import action_faults
from engine.domain.market import ActionKind

_TOLD_BY: Final = {
    TransactionType.EXCHANGE_OUT: ("lot_id", "basis", "acquired"),
    TransactionType.EXCHANGE_IN: ("lot_id", "basis", "origin"),
    TransactionType.SPIN_OFF: ("lot_id", "basis", "acquired", "basis_fraction"),
}
_ONLY_FOR: Final = {
    "origin": (TransactionType.EXCHANGE_IN,),
    "acquired": (TransactionType.EXCHANGE_OUT, TransactionType.SPIN_OFF),
    "holding_start": (TransactionType.EXCHANGE_OUT, TransactionType.SPIN_OFF),
    "basis_fraction": (TransactionType.SPIN_OFF,),
    "cash": (TransactionType.EXCHANGE_OUT,),
}


class _Told(NamedTuple):
    line: int
    security_id: Any
    ex_date: Any
    kind: Any
    value: Any
    successor: Any
    cash: Any
    price: Any
    basis_fraction: Any
    taxable: Any
    ticker: Any


def check_actions(label: str, rows: Rows, report: Report) -> None:
    """Report actions that lack what their kind needs or say what it has no use for, and names that end twice."""
    ended: dict[str, _Told] = {}
    for told in _actions(rows):
        if told.kind is None or told.value is None:
            continue  # reported already
        for fault in action_faults(told):
            report.add(label, told.line, fault.field, found=fault.found, expected=fault.expected)
        ends = told.kind is ActionKind.MERGER or (told.kind is ActionKind.TICKER_CHANGE and told.successor)
        first = ended.setdefault(told.security_id, told) if ends else told
        if first is told:
            continue
        name = shown(str(told.security_id))
        if first.kind is told.kind is ActionKind.MERGER and first.ex_date == told.ex_date:
            report.add(label, told.line, "successor", found=f"'{told.successor}', a second successor of {name}",
                       expected=f"that of line {first.line} alone: a merger that gives several securities is not "
                       "booked here; leave it out, and bring accounts in as the custodian booked it")  # fmt: skip
        else:
            report.add(label, told.line, "kind", found=f"{told.kind} of {name}",
                       expected=f"nothing after line {first.line}, where it ceases to exist")  # fmt: skip


def check_exchanges(label: str, rows: Rows, report: Report) -> None:
    """Report rows of exchanges and spin-offs that do not tell their lots, and other rows that tell of one."""
    given = [name for name in _ONLY_FOR if name in rows.text]
    kinds = rows.value["type"]
    if not given and not _TOLD_BY.keys() & set(kinds):
        return
    for place, (line, kind) in enumerate(zip(rows.lines, kinds, strict=True)):
        if kind is None:
            continue
        for name in _TOLD_BY.get(kind, ()):
            if not rows.text.get(name, ("",) * len(kinds))[place]:
                report.add(label, line, name, found="nothing", expected=f"a value for {kind}")
        for name in given:
            if rows.text[name][place] and kind not in _ONLY_FOR[name]:
                report.add(label, line, name, found=shown(rows.text[name][place]), expected=f"nothing for {kind}")


def check_dated(label: str, rows: Rows, known: Known, report: Report) -> None:
    """Report models of which no version holds on the firm's day, at the first row of the earliest."""
    first: dict[str, tuple[date, int]] = {}
    columns = (rows.value["model_id"], rows.value["effective"])
    for line, model_id, effective in zip(rows.lines, *columns, strict=True):
        begins = (effective or date.min, line)
        first[model_id] = min(first.get(model_id, begins), begins)
    for model_id, (effective, line) in first.items():
        if known.as_of and effective > known.as_of:
            report.add(label, line, "effective", found=f"'{effective}', the first of {shown(str(model_id))}",
                       expected=f"weights that hold on as_of, {known.as_of}: blank, or a date up to it")  # fmt: skip


def _actions(rows: Rows) -> Iterator[_Told]:
    columns = (rows.value[name] for name in _Told._fields[1:])
    for line, *values in zip(rows.lines, *columns, strict=True):
        yield _Told(line, *values)
