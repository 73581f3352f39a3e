"""What does a version of FIX have to be able to say? The outgoing messages of one profile, by one name."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from connectors.fix.messages import Said


class AllocationType(StrEnum):
    """What follows a fill: how a custodian wants to be told the split over accounts and lots (626)."""

    CALCULATED = "calculated"
    PRELIMINARY = "preliminary"
    NONE = "none"  # the allocation in the order is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One version of FIX as we speak it: its mapping module, as a value.

    begin: BeginString. application: the dictionary of its messages, as quickfix names the file; transport: that of the
    session layer where it is another. carries_lots: has tags for tax lots; lots_by_agreement: only if both sides add
    them to the dictionary. The rest builds messages without header; mass_status is None where there is no such message.
    """

    name: str
    begin: str
    application: str
    carries_lots: bool
    new_order: Callable[..., Said]
    change: Callable[..., Said]
    allocation: Callable[..., Said]
    status_request: Callable[..., Said]
    mass_status: Callable[[str], Said] | None
    transport: str | None = None
    lots_by_agreement: bool = False
