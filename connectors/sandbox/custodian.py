"""How would a custodian answer? A stand-in that acknowledges, fills and rejects by rules that a person can follow.

Rules, the same for a live session and for a file. An order is rejected when its ClOrdID was used before (103=6), its
symbol has no close in the price file (1), it asks for more than a million shares (3), or its allocations do not add up
(14). Else it is acknowledged and filled completely, in one to three executions, each within 5 bp of the close. The
number and the prices follow from the ClOrdID, so a rerun gives the same fills. A price file is a CSV of ticker, close.
A file of faults (custodian_faults) makes it behave otherwise for some tickers.
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

from connectors.fix.dialect import Dialect
from connectors.fix.dialects import DIALECTS
from connectors.fix.messages import EXECUTION_REPORT, NEW_ORDER, message, number, read_number
from connectors.fix.wire import Field, FixMessage, decode, read_utc_timestamp, utc_timestamp
from connectors.sandbox.custodian_faults import NO_FAULTS, Faults
from engine.domain.errors import DataError

MAX_SHARES: Final = Decimal(1_000_000)
_MOST_EXECUTIONS: Final = 3
_WIDEST_BP: Final = 5
_TEN_THOUSANDTH: Final = Decimal("0.0001")
_NEW, _PARTIAL, _FILLED, _REJECTED, _TRADE = "0", "1", "2", "8", "F"

Report = tuple[Field, ...]


def answer(
    order: FixMessage, closes: Mapping[str, Decimal], *, used: bool, faults: Faults = NO_FAULTS
) -> tuple[Report, ...]:
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
    ticker = order.require(55)
    if ticker in faults.reject:
        return (_reject(order, "0", "the broker does not take this order"),)
    accepted = report(order, 0, kind=_NEW, status=_NEW, filled=Decimal(0), average=Decimal(0))
    return _with_faults(order, (accepted, *executions(order, quantity, closes[ticker])), faults)


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
        for told in reports:
            contents.append(
                message(
                    EXECUTION_REPORT,
                    told,
                    sender=order.require(56),
                    target=order.require(49),
                    sequence=len(contents) + 1,
                    sent=read_utc_timestamp(dict(told)[60]),
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


def _on(day: date | None, order: FixMessage) -> FixMessage:
    """Return the order as it stands in the book on a day; the time of day stays."""
    if day is None or not order.get(60):
        return order
    time = datetime.combine(day, read_utc_timestamp(order.require(60)).timetz())
    return FixMessage(fields=tuple((tag, utc_timestamp(time) if tag == 60 else value) for tag, value in order.fields))


def executions(order: FixMessage, quantity: Decimal, close: Decimal, *, before: Report | None = None) -> list[Report]:
    """Return the executions that fill what is left of an order.

    quantity: shares still to fill. before: the last report on it, whose shares count too; None where none were filled.
    """
    digest = hashlib.sha256(order.require(11).encode()).digest()
    pieces = _pieces(quantity, 1 + digest[0] % _MOST_EXECUTIONS)
    reports: list[Report] = []
    filled = Decimal(dict(before)[14]) if before else Decimal(0)
    money = filled * Decimal(dict(before)[6]) if before else Decimal(0)
    for place, piece in enumerate(pieces, start=1):
        away = Decimal(digest[place] % (2 * _WIDEST_BP + 1) - _WIDEST_BP) / 10_000
        # Rounded toward the close, so that the distance stays within its limit; a penny stock keeps its close.
        price = close + (close * away).quantize(_TEN_THOUSANDTH, rounding=ROUND_DOWN)
        filled, money = filled + piece, money + piece * price
        done = _FILLED if filled == read_number(order, 38) else _PARTIAL
        average = (money / filled).quantize(Decimal("0.000001"))
        made = report(order, place, kind=_TRADE, status=done, filled=filled, average=average)
        reports.append((*made, (32, number(piece)), (31, number(price))))
    return reports


def _with_faults(order: FixMessage, reports: tuple[Report, ...], faults: Faults) -> tuple[Report, ...]:
    ticker, early = order.require(55), reports[:-1]
    if ticker in faults.silent:
        return ()
    if ticker in faults.hold:
        return early
    if ticker in faults.done:
        return (*early, ending(order, early[-1], place=len(reports), kind="3"))
    if ticker in faults.bust:
        return (*reports, _mended(order, reports, kind="H", cents=0), _mended(order, reports, kind=_TRADE, cents=0))
    if ticker in faults.correct:
        return (*reports, _mended(order, reports, kind="G", cents=1))
    return tuple(each for each in reports for _ in range(2)) if ticker in faults.twice else reports


def ending(order: FixMessage, last: Report, *, place: int, kind: str) -> Report:
    """Return the report that no more comes of an order (kind is its ExecType and OrdStatus), after the last one."""
    told = dict(last)
    filled, average = Decimal(told[14]), Decimal(told[6])
    made = report(order, place, kind=kind, status=kind, filled=filled, average=average)
    return tuple((tag, "0" if tag == 151 else value) for tag, value in made)


def _mended(order: FixMessage, reports: Sequence[Report], *, kind: str, cents: int) -> Report:
    """Return the last execution taken back (H), corrected (G) by some cents, or made once more (F)."""
    last, before = dict(reports[-1]), dict(reports[-2])
    filled = Decimal(before[14]) if kind == "H" else Decimal(last[14])
    place = len(reports) + (1 if kind == _TRADE else 0)
    status = _PARTIAL if kind == "H" and filled else _NEW if kind == "H" else _FILLED
    made = report(order, place, kind=kind, status=status, filled=filled, average=Decimal(last[6]))
    price = Decimal(last[31]) + Decimal(cents) / 100
    named = () if kind == _TRADE else ((19, last[17]),)
    return (*made, (32, last[32]), (31, number(price)), *named)


def _pieces(quantity: Decimal, count: int) -> list[Decimal]:
    each = quantity // count
    if not each:
        return [quantity]
    return [each] * (count - 1) + [quantity - each * (count - 1)]


def _reject(order: FixMessage, code: str, text: str) -> Report:
    made = report(order, 0, kind=_REJECTED, status=_REJECTED, filled=Decimal(0), average=Decimal(0))
    # A duplicate keeps its first order's reports; its own needs another ExecID.
    renamed = tuple((tag, f"{value}.dup" if tag == 17 and code == "6" else value) for tag, value in made)
    return (*((tag, "0" if tag == 151 else value) for tag, value in renamed), (103, code), (58, text))


def report(order: FixMessage, place: int, *, kind: str, status: str, filled: Decimal, average: Decimal) -> Report:
    """Return one execution report on an order, without the shares and price of an execution."""
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


def _version(text: str) -> tuple[str, Dialect]:
    name, _, version = text.partition("=")
    return name, DIALECTS[version or "FIX.4.4"]


def main() -> None:
    """Run the stand-in custodian until it is stopped: python -m connectors.sandbox.custodian --port P --dir DIR."""
    parser = argparse.ArgumentParser(description="A custodian to practise with; it holds nobody's money.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True,
                        help="holds prices.csv, faults.json, the orders and the session's store")  # fmt: skip
    parser.add_argument(
        "--custodian",
        action="append",
        metavar="NAME[=VERSION]",
        help="its FIX CompID, and the version it speaks (FIX.4.4); may be given again (default: CUSTODIAN)",
    )
    parser.add_argument("--client", default="LOTSMITH", help="the FIX CompID it expects")
    parser.add_argument("--delay", type=float, default=0.2, help="seconds between two reports on an order")
    arguments = parser.parse_args()
    # Filling a file needs no FIX engine, so only a live session loads it.
    from connectors.sandbox.custodian_session import serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            folder=arguments.dir,
            port=arguments.port,
            custodians=dict(map(_version, arguments.custodian or ["CUSTODIAN"])),
            client=arguments.client,
            delay_s=arguments.delay,
        )


if __name__ == "__main__":
    main()
