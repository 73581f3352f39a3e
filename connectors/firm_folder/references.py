"""Do the files agree with each other where a single column cannot tell? Sums, pairs of dates, scopes and targets."""

from datetime import date
from decimal import Decimal
from typing import Final

from connectors.firm_folder.report import Report, shown
from connectors.firm_folder.table import Known, Rows
from engine.domain.accounts import Rule, TransactionType
from engine.domain.policy import FIRM_SCOPE

WEIGHT_TOLERANCE: Final = Decimal("0.000001")
_WITH_VALUE: Final = (Rule.MIN_WEIGHT, Rule.MAX_WEIGHT)
_ARRANGED: Final = (TransactionType.BUY, TransactionType.SELL, TransactionType.REINVEST)
_KINDS: Final = ("sector:", "tag:")


def check_firm(label: str, rows: Rows | None, report: Report) -> None:
    """Report a firm file without its one row."""
    if rows is not None and not rows.lines:
        report.add(label, None, None, found="no row", expected="one row")


def check_securities(label: str, rows: Rows, report: Report) -> None:
    """Report ids that a restriction's target would read as a sector or tag."""
    for line, security_id in zip(rows.lines, rows.text.get("security_id", ()), strict=False):
        if security_id.startswith(_KINDS):
            report.add(label, line, "security_id", found=shown(security_id),
                       expected="an id that does not begin with sector: or tag:")  # fmt: skip


def check_models(label: str, rows: Rows, report: Report) -> None:
    """Report models whose weights do not sum to 1 within 1e-6, at the first row of the model or its dated version."""
    first: dict[tuple[str, date | None], int] = {}
    sums: dict[tuple[str, date | None], Decimal] = {}
    columns = (rows.text.get("model_id", ()), rows.value["effective"], rows.value["weight"])
    for line, model_id, effective, weight in zip(rows.lines, *columns, strict=False):
        version = model_id, effective
        first.setdefault(version, line)
        sums[version] = sums.get(version, Decimal(0)) + (weight or 0)
    for (model_id, effective), total in sums.items():
        if abs(total - 1) > WEIGHT_TOLERANCE:
            named = shown(model_id) + (f" effective {effective}" if effective else "")
            report.add(label, first[model_id, effective], "weight", found=f"weights of {named} that sum to {total}",
                       expected="a sum of 1 within 0.000001")  # fmt: skip


def check_ids(label: str, rows: Rows, column: str, report: Report) -> None:
    """Report an id that a restriction's scope would read as the whole firm."""
    for line, cell in zip(rows.lines, rows.text.get(column, ()), strict=False):
        if cell == FIRM_SCOPE:
            report.add(label, line, column, found=shown(cell), expected="an id other than the scope word firm")


def check_lots(label: str, rows: Rows, report: Report) -> None:
    """Report holding periods that begin after the lot was acquired: tacking only makes them longer."""
    for line, acquired, start in zip(rows.lines, rows.value["acquired"], rows.value["holding_start"], strict=True):
        if start and acquired and start > acquired:
            report.add(label, line, "holding_start", found=f"'{start}'",
                       expected=f"a date up to acquired, {acquired}")  # fmt: skip


def check_gifts(label: str, rows: Rows, report: Report) -> None:
    """Report gifts told by half or on rows that are none, and days of a gift before it was the donor's to give."""
    blank = [""] * len(rows.lines)
    prices, days = rows.text.get("gift_price", blank), rows.text.get("gift_date", blank)
    if prices is days:
        return
    unknown = [None] * len(rows.lines)
    kinds, acquired, moved = (rows.value.get(name, unknown) for name in ("type", "acquired", "trade_date"))
    columns = (prices, days, rows.value["gift_date"], kinds, acquired, moved)
    for line, price, written, day, kind, first, last in zip(rows.lines, *columns, strict=True):
        if bool(price) is not bool(written):
            missing, given = ("gift_date", "gift_price") if price else ("gift_price", "gift_date")
            report.add(label, line, missing, found="nothing", expected=f"a value, as {given} is given")
        if (price or written) and kind and kind is not TransactionType.TRANSFER_IN:
            report.add(label, line, "gift_price" if price else "gift_date", found=shown(price or written),
                       expected=f"nothing for {kind}")  # fmt: skip
        if day and first and day < first:
            report.add(label, line, "gift_date", found=f"'{day}'", expected=f"a date from acquired, {first}, on")
        if day and last and day > last:
            report.add(label, line, "gift_date", found=f"'{day}'", expected=f"a date up to trade_date, {last}")


def check_arranged(label: str, rows: Rows, known: Known, report: Report) -> None:
    """Report rows after as_of that nobody arranges ahead: only trades and reinvestments can be to come."""
    for line, day, kind in zip(rows.lines, rows.value["trade_date"], rows.value["type"], strict=True):
        if day and known.as_of and day > known.as_of and kind and kind not in _ARRANGED:
            report.add(label, line, "trade_date", found=f"'{day}'",
                       expected=f"a date up to as_of, {known.as_of}, for {kind}")  # fmt: skip


def check_restrictions(label: str, rows: Rows, known: Known, securities: Rows | None, report: Report) -> None:
    """Report unknown or ambiguous scopes, unknown targets, and values where the rule takes none or lacks one."""
    targets = _targets(securities) if securities else None
    written = rows.text.get("value", [""] * len(rows.lines))
    columns = (rows.value["scope"], rows.value["target"], rows.value["rule"], written)
    for line, scope, target, rule, value in zip(rows.lines, *columns, strict=True):
        if scope:
            _check_scope(label, line, scope, known, report)
        if target and targets is not None and target not in targets:
            report.add(label, line, "target", found=shown(target),
                       expected="a known security_id, sector:NAME or tag:NAME")  # fmt: skip
        if rule in _WITH_VALUE and not value:
            report.add(label, line, "value", found="nothing", expected=f"a weight from 0 to 1 for {rule}")
        if rule and rule not in _WITH_VALUE and value:
            report.add(label, line, "value", found=shown(value), expected=f"nothing for {rule}")


def _targets(securities: Rows) -> set[str]:
    targets = set(securities.text.get("security_id", ()))
    targets |= {f"sector:{sector}" for sector in securities.value["sector"]}
    return targets | {f"tag:{tag}" for tags in securities.value["tags"] for tag in tags}


def _check_scope(label: str, line: int, scope: str, known: Known, report: Report) -> None:
    households, accounts = known.ids.get("household_id"), known.ids.get("account_id")
    if households is None or accounts is None or scope == FIRM_SCOPE:
        return
    if scope in households and scope in accounts:
        report.add(label, line, "scope", found=f"{shown(scope)}, both a household and an account",
                   expected="an id that means one of them")  # fmt: skip
    elif scope not in households and scope not in accounts:
        report.add(label, line, "scope", found=shown(scope), expected="firm, a household_id or an account_id")


def check_substitutes(label: str, rows: Rows, report: Report) -> None:
    """Report securities that are to stand in for themselves."""
    pairs = zip(rows.lines, rows.value["security_id"], rows.value["substitute_id"], strict=True)
    for line, security_id, substitute_id in pairs:
        if security_id and security_id == substitute_id:
            report.add(label, line, "substitute_id", found=shown(substitute_id), expected="another security")
