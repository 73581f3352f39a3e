"""What does the stand-in custodian say to everything but a new order? Changes, allocations, questions.

A change is refused for an order that it does not hold or that is over, and for fewer shares than are filled. A split
over accounts is taken where it sums to its shares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from connectors.fix.messages import (
    ALLOCATION_ANSWER,
    CANCEL,
    CANCEL_REJECT,
    EXECUTION_REPORT,
    MASS_STATUS,
    Said,
    number,
    read_number,
)
from connectors.fix.wire import FixMessage
from connectors.sandbox.custodian import Report, ending, executions, report
from connectors.sandbox.custodian_faults import Faults

_OVER: Final = frozenset({"2", "3", "4", "8", "C"})  # OrdStatus: nothing more comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An order as the custodian holds it: its newest request (35=D or G), and the reports that left on it so far."""

    order: FixMessage
    reports: Sequence[Report]

    @property
    def last(self) -> Report:
        """The newest report, or one that says that nothing happened yet."""
        if self.reports:
            return self.reports[-1]
        return report(self.order, 0, kind="A", status="A", filled=Decimal(0), average=Decimal(0))

    @property
    def is_over(self) -> bool:
        return dict(self.last)[39] in _OVER


def changed(request: FixMessage, held: Held | None, close: Decimal, faults: Faults) -> tuple[Said, ...]:
    """Return the answers to a wish to cancel (35=F) or replace (35=G)."""
    if held is None:
        return (_refused(request, None, "1", "unknown order"),)
    if faults.no_changes:
        return (_refused(request, held, "2", "no changes today"),)
    if held.is_over:
        return (_refused(request, held, "0", "too late"),)
    filled, original = Decimal(dict(held.last)[14]), (41, request.require(41))
    if request.type == CANCEL:
        return (Said(EXECUTION_REPORT, (*ending(request, held.last, place=0, kind="4"), original)),)
    left = read_number(request, 38) - filled
    if left < 0:
        return (_refused(request, held, "2", f"{number(filled)} shares are filled already"),)
    taken = report(
        request, 0, kind="5", status="1" if left else "2", filled=filled, average=Decimal(dict(held.last)[6])
    )
    fills = [] if not left or request.require(55) in faults.hold else executions(request, left, close, before=held.last)
    return tuple(Said(EXECUTION_REPORT, (*told, original)) for told in (taken, *fills))


def allocated(instruction: FixMessage, faults: Faults) -> tuple[Said, ...]:
    """Return the answers to a split over accounts (35=J): received, then accepted or refused."""
    shares = sum((Decimal(part) for part in instruction.every(80)), Decimal(0))
    common = ((70, instruction.require(70)), (75, instruction.require(75)), (60, instruction.require(60)))
    received = Said(ALLOCATION_ANSWER, (*common, (87, "3")))
    if shares != read_number(instruction, 53):
        reason = (87, "1"), (88, "1"), (58, f"accounts sum to {number(shares)}")
        return received, Said(ALLOCATION_ANSWER, (*common, *reason))
    if faults.no_allocations:
        reason = (87, "1"), (88, "0"), (58, "the lots of an account are not ours")
        return received, Said(ALLOCATION_ANSWER, (*common, *reason))
    return received, Said(ALLOCATION_ANSWER, (*common, (87, "0")))


def status(held: Held, *question: tuple[int, str]) -> Report:
    """Return how an order stands; question: the field that names the question, and what else the answer carries."""
    told, order = dict(held.last), held.order
    return (
        (37, f"C{order.require(11)}"), (11, order.require(11)), *question, (17, f"S{question[0][1]}"), (150, "I"),
        (39, told[39]), (55, order.require(55)), (54, order.require(54)), (151, told[151]), (14, told[14]),
        (6, told[6]),
    )  # fmt: skip


def status_unknown(request: FixMessage) -> Report:
    """Return the answer to a question about an order that never came, or about all where there is none."""
    mass = request.type == MASS_STATUS
    question = (584, request.require(584)) if mass else (790, request.get(790) or "none")
    about = () if mass else ((11, request.require(11)),)
    return (
        (37, "NONE"), *about, question, (17, f"S{question[1]}"), (150, "I"), (39, "8"), (103, "5"),
        (55, request.get(55) or "NONE"), (54, request.get(54) or "1"), (151, "0"), (14, "0"), (6, "0"),
        (58, "unknown order"),
    )  # fmt: skip


def mass_status(request: FixMessage, orders: Sequence[Held]) -> tuple[Said, ...]:
    """Return how all orders stand (35=AF), the last marked as such."""
    if not orders:
        return (Said(EXECUTION_REPORT, status_unknown(request)),)
    question, total = (584, request.require(584)), (911, str(len(orders)))
    ends = {len(orders) - 1: "Y"}
    return tuple(
        Said(EXECUTION_REPORT, status(held, question, total, (912, ends.get(place, "N"))))
        for place, held in enumerate(orders)
    )


def in_42(told: Mapping[int, str]) -> Report:
    """Return an execution report of 4.4 in the words of 4.2: the kind of transaction has a field of its own (20)."""
    kind, status = told[150], told[39]
    transaction = {"H": "1", "G": "2", "I": "3"}.get(kind, "0")
    inside = status if kind in ("F", "G", "H", "I") else kind
    later = frozenset({790, 584, 911, 912})
    fields = [(tag, inside if tag == 150 else value) for tag, value in told.items() if tag not in later]
    return ((20, transaction), *fields)


def _refused(request: FixMessage, held: Held | None, code: str, text: str) -> Said:
    responds_to = "1" if request.type == CANCEL else "2"
    order_id, state = ("NONE", "8") if held is None else (f"C{held.order.require(11)}", dict(held.last)[39])
    return Said(
        CANCEL_REJECT,
        (
            (37, order_id), (11, request.require(11)), (41, request.require(41)), (39, state), (434, responds_to),
            (102, code), (58, text),
        ),
    )  # fmt: skip
