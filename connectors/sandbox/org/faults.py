"""What goes wrong on demand? Errors that tests and demos order in advance, each for a number of requests."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """LOCK: a record is locked by another transaction. LOST_REPLY: the request is done, its answer is not.

    SLOW: done, but late. CUT: the line breaks before anything is done; CUT_REPLY: after it. NOT_JSON: a page of some
    program in between, with status 200. ENTITY_LOCKED: a record is in an approval process.
    """

    UNAVAILABLE = "SERVER_UNAVAILABLE"
    LIMIT = "REQUEST_LIMIT_EXCEEDED"
    TOO_MANY_AT_ONCE = "CONCURRENT_LIMIT_EXCEEDED"
    SESSION = "INVALID_SESSION_ID"
    LOCK = "UNABLE_TO_LOCK_ROW"
    ENTITY_LOCKED = "ENTITY_IS_LOCKED"
    INTERNAL = "UNKNOWN_EXCEPTION"
    LOST_REPLY = "LOST_REPLY"
    SLOW = "SLOW"
    CUT = "CUT"
    CUT_REPLY = "CUT_REPLY"
    NOT_JSON = "NOT_JSON"


@dataclass(slots=True, kw_only=True)
class Fault:
    """Strikes `times` requests whose method and path contain `match`: for LOCK and ENTITY_LOCKED, writes of records of
    objects whose name does. seconds: how late SLOW is.
    """

    kind: Kind
    times: int
    match: str = ""
    seconds: float = 0.0


class Faults:
    """The faults still to strike, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Add a fault."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()

    def waiting(self) -> tuple[Fault, ...]:
        """Return the faults ordered, with the strikes they have left."""
        return tuple(self._waiting)

    def strikes(self, kind: Kind, at: str) -> bool:
        """Return whether a fault of this kind strikes here, using it up once."""
        return self._struck(kind, at) is not None

    def delay_s(self, at: str) -> float:
        """Return for how many seconds the answer to this request is held back, using up a fault that says so."""
        fault = self._struck(Kind.SLOW, at)
        return 0.0 if fault is None else fault.seconds

    def _struck(self, kind: Kind, at: str) -> Fault | None:
        for fault in self._waiting:
            if fault.kind is kind and fault.times > 0 and fault.match in at:
                fault.times -= 1
                return fault
        return None
