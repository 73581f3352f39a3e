"""Which message of ours does a custodian's session reject? It names a number alone; what bore it is remembered here."""

from typing import Final

from connectors.fix.messages import ALLOCATION, CANCEL, NEW_ORDER, REPLACE
from connectors.fix.wire import FixMessage

_SETTLED: Final = frozenset({NEW_ORDER, CANCEL, REPLACE, ALLOCATION})  # a question that is refused decides no order


class Sent:
    """Our orders, changes and splits by MsgSeqNum, for each custodian; numbers begin anew with each session."""

    def __init__(self) -> None:
        self._by_number: dict[tuple[str, str], tuple[str, str]] = {}

    def note(self, custodian: str, ours: FixMessage) -> None:
        """Remember a message that leaves, in place of what bore its number before."""
        place, key = (custodian, ours.require(34)), ours.get(11) or ours.get(70)
        self._by_number.pop(place, None)
        if key is not None and ours.type in _SETTLED:
            self._by_number[place] = ours.type, key

    def rejected(self, custodian: str, reject: FixMessage) -> tuple[str, str] | None:
        """Return MsgType and key of what a session reject (35=3) turns down; None where it decides nothing of ours."""
        return self._by_number.get((custodian, reject.require(45)))
