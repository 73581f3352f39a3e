"""What the tests read off a ledger."""

from collections.abc import Sequence
from decimal import Decimal

from engine.tax.realised import Loss
from engine.tax.wash_sales import Ledger


def outcome(loss: Loss) -> tuple[Decimal, Decimal, Decimal]:
    """Return (disallowed, of that for good, allowed)."""
    return loss.disallowed, loss.permanently_disallowed, loss.allowed


def caught_by(loss: Loss) -> Sequence[tuple[str, Decimal, Decimal]]:
    return [(match.transaction_id, match.quantity, match.basis_increase) for match in loss.matches]


def bases(ledger: Ledger) -> dict[str, Decimal]:
    """Return the basis of all shares left, by lot."""
    found: dict[str, Decimal] = {}
    for lot in ledger.lots:
        found[lot.lot_id] = found.get(lot.lot_id, Decimal(0)) + lot.basis
    return found
