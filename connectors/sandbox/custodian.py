"""How would a custodian answer? A stand-in that acknowledges, fills and rejects by rules that a person can follow.

Rules, the same for a live session and for a file. An order is rejected when its ClOrdID was used before (103=6), its
symbol has no close in the price file (1), it asks for more than a million shares (3), or its allocations do not add up
(14). Else it is acknowledged and filled completely, in one to three executions, each within 5 bp of the close. The
number and the prices follow from the ClOrdID, so a rerun gives the same fills. A price file is a CSV of ticker, close.
"""

import argparse
import contextlib
import csv
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from connectors.fix.messages import EXECUTION_REPORT, NEW_ORDER, message, number, read_number
from connectors.fix.wire import Field, FixMessage, decode, read_utc_timestamp, utc_timestamp
from engine.domain.errors import DataError

MAX_SHARES: Final = Decimal(1_000_000)
_MOST_EXECUTIONS: Final = 3
_WIDEST_BP: Final = 5
_TEN_THOUSANDTH: Final = Decimal("0.0001")
_NEW, _PARTIAL, _FILLED, _REJECTED, _TRADE = "0", "1", "2", "8", "F"

Report = tuple[Field, ...]


def answer(order: FixMessage, closes: Mapping[str, Decimal], *, used: bool) -> tuple[Report, ...]:
    """Return the execution reports (35=8, without header) for a NewOrderSingle, in the order they are sent.

    closes: USD a share by ticker. used: the ClOrdID came before. Raises DataError for an order without a needed tag.
    """
    quantity = read_number(order, 38)
    shares = sum((Decimal(share) for share in order.every(80)), Decimal(0))
    if used:
        return (_reject(order, "6", "duplicate ClOrdID"),)
    if order.require(55) not in closes:
        return (_reject(order, "1", "unknown symbol"),)
    if quantity > MAX_SHARES:
        return (_reject(order, "3", f"more than {MAX_SHARES} shares"),)
    if order.every(80) and shares != quantity:
        return (_reject(order, "14", f"allocations sum to {number(shares)}, not {number(quantity)}"),)
    accepted = _report(order, 0, kind=_NEW, status=_NEW, filled=Decimal(0), average=Decimal(0))
    return (accepted, *_executions(order, quantity, closes[order.require(55)]))


def fill_file(orders: Path, closes: Mapping[str, Decimal], fills: Path, *, day: date | None = None) -> int:
    """Write the answers to an exported order file as another FIX file; return how many messages it holds.

    day: when the market of these closes is open, None for the day of the orders. The result depends on the inputs
    alone. Raises DataError for a file that cannot be read as FIX.
    """
    used: set[str] = set()
    contents: list[bytes] = []
    for order in (_on(day, order) for order in decode(orders.read_bytes())):
        if order.type != NEW_ORDER:
            raise DataError(f"{orders}: expected new orders (35=D) alone, found 35={order.type}")
        reports = answer(order, closes, used=order.require(11) in used)
        used.add(order.require(11))
        for report in reports:
            contents.append(
                message(
                    EXECUTION_REPORT,
                    report,
                    sender=order.require(56),
                    target=order.require(49),
                    sequence=len(contents) + 1,
                    sent=read_utc_timestamp(dict(report)[60]),
                )
            )
    fills.write_bytes(b"".join(contents))
    return len(contents)


def read_closes(path: Path) -> Mapping[str, Decimal]:
    """Return USD a share by ticker from a CSV with the columns ticker and close. Raises DataError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            closes = {row["ticker"]: Decimal(row["close"]) for row in csv.DictReader(file)}
    except (OSError, KeyError, TypeError, InvalidOperation) as error:
        raise DataError(f"{path}: expected a CSV of ticker, close; found {error!r}") from error
    if not all(close.is_finite() and close > 0 for close in closes.values()):
        raise DataError(f"{path}: expected every close to be a number > 0")
    return closes


def status(order: FixMessage, reports: Sequence[Report], request_id: str) -> Report:
    """Return the answer to a status request about an order, given the reports sent on it so far."""
    last = dict(reports[-1]) if reports else {39: "A", 14: "0", 151: order.require(38), 6: "0"}
    return (
        (37, f"C{order.require(11)}"), (11, order.require(11)), (790, request_id), (17, f"S{request_id}"),
        (150, "I"), (39, last[39]), (55, order.require(55)), (54, order.require(54)),
        (151, last[151]), (14, last[14]), (6, last[6]),
    )  # fmt: skip


def status_unknown(request: FixMessage) -> Report:
    """Return the answer to a status request about an order that never came."""
    request_id = request.require(790)
    return (
        (37, "NONE"), (11, request.require(11)), (790, request_id), (17, f"S{request_id}"), (150, "I"),
        (39, _REJECTED), (103, "5"), (55, request.require(55)), (54, request.require(54)), (151, "0"), (14, "0"),
        (6, "0"), (58, "unknown order"),
    )  # fmt: skip


def _on(day: date | None, order: FixMessage) -> FixMessage:
    """Return the order as it stands in the book on a day; the time of day stays."""
    if day is None or not order.get(60):
        return order
    time = datetime.combine(day, read_utc_timestamp(order.require(60)).timetz())
    return FixMessage(fields=tuple((tag, utc_timestamp(time) if tag == 60 else value) for tag, value in order.fields))


def _executions(order: FixMessage, quantity: Decimal, close: Decimal) -> list[Report]:
    digest = hashlib.sha256(order.require(11).encode()).digest()
    pieces = _pieces(quantity, 1 + digest[0] % _MOST_EXECUTIONS)
    reports: list[Report] = []
    filled, money = Decimal(0), Decimal(0)
    for place, piece in enumerate(pieces, start=1):
        away = Decimal(digest[place] % (2 * _WIDEST_BP + 1) - _WIDEST_BP) / 10_000
        # Rounded toward the close, so that the distance stays within its limit; a penny stock keeps its close.
        price = close + (close * away).quantize(_TEN_THOUSANDTH, rounding=ROUND_DOWN)
        filled, money = filled + piece, money + piece * price
        done = _FILLED if filled == quantity else _PARTIAL
        average = (money / filled).quantize(Decimal("0.000001"))
        report = _report(order, place, kind=_TRADE, status=done, filled=filled, average=average)
        reports.append((*report, (32, number(piece)), (31, number(price))))
    return reports


def _pieces(quantity: Decimal, count: int) -> list[Decimal]:
    each = quantity // count
    if not each:
        return [quantity]
    return [each] * (count - 1) + [quantity - each * (count - 1)]


def _reject(order: FixMessage, code: str, text: str) -> Report:
    report = _report(order, 0, kind=_REJECTED, status=_REJECTED, filled=Decimal(0), average=Decimal(0))
    # A duplicate keeps its first order's reports; its own needs another ExecID.
    renamed = tuple((tag, f"{value}.dup" if tag == 17 and code == "6" else value) for tag, value in report)
    return (*((tag, "0" if tag == 151 else value) for tag, value in renamed), (103, code), (58, text))


def _report(order: FixMessage, place: int, *, kind: str, status: str, filled: Decimal, average: Decimal) -> Report:
    at = read_utc_timestamp(order.require(60)) + timedelta(seconds=place)
    return (
        (37, f"C{order.require(11)}"),
        (11, order.require(11)),
        (17, f"{order.require(11)}.{place}"),
        (150, kind),
        (39, status),
        (55, order.require(55)),
        (54, order.require(54)),
        (38, order.require(38)),
        (151, number(read_number(order, 38) - filled)),
        (14, number(filled)),
        (6, number(average)),
        (60, utc_timestamp(at)),
    )


def main() -> None:
    """Run the stand-in custodian until it is stopped: python -m connectors.sandbox.custodian --port P --dir DIR."""
    parser = argparse.ArgumentParser(description="A custodian to practise with; it holds nobody's money.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True, help="holds prices.csv, the orders and the session's store")
    parser.add_argument("--custodian", action="append", help="its FIX CompID; may be given again (default: CUSTODIAN)")
    parser.add_argument("--client", default="LOTSMITH", help="the FIX CompID it expects")
    parser.add_argument("--delay", type=float, default=0.2, help="seconds between two reports on an order")
    arguments = parser.parse_args()
    # Filling a file needs no FIX engine, so only a live session loads it.
    from connectors.sandbox.custodian_session import serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            folder=arguments.dir,
            port=arguments.port,
            custodians=tuple(arguments.custodian or ["CUSTODIAN"]),
            client=arguments.client,
            delay_s=arguments.delay,
        )


if __name__ == "__main__":
    main()
