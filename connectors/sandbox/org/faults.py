"""What goes wrong on demand? Errors that tests and demos order in advance, each for a number of requests."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """LOCK: a record is locked by another transaction. LOST_REPLY: the request is done, its answer is not."""

    UNAVAILABLE = "SERVER_UNAVAILABLE"
    LIMIT = "REQUEST_LIMIT_EXCEEDED"
    TOO_MANY_AT_ONCE = "CONCURRENT_LIMIT_EXCEEDED"
    SESSION = "INVALID_SESSION_ID"
    LOCK = "UNABLE_TO_LOCK_ROW"
    LOST_REPLY = "LOST_REPLY"


@dataclass(slots=True, kw_only=True)
class Fault:
    """Strikes `times` requests whose method and path contain `match` (writes of objects whose name does, for LOCK)."""

    kind: Kind
    times: int
    match: str = ""


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
        for fault in self._waiting:
            if fault.kind is kind and fault.times > 0 and fault.match in at:
                fault.times -= 1
                return True
        return False
