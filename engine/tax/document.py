"""How is the wash-sale ledger written down? One JSON document for any number of households."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from engine.tax.parcels import DUST
from engine.tax.realised import Loss
from engine.tax.wash_sales import Ledger, LedgerLot

_CENT: Final = Decimal("0.01")
_SHARE_DECIMALS: Final = Decimal("0.000001")


def ledger_document(ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """Return the ledgers as one document: losses oldest first, then the lots left, the locks, and what is not visible.

    Amounts are positive numbers of USD, each rounded to the cent here and nowhere before (half to even); shares have
    six decimals at most; dates are ISO. `disallowed` includes `permanently_disallowed`. In these cents, as on a return,
    loss = basis - proceeds = disallowed + allowed. A lot of shares received as a gift has `gift_value` and `gift_date`.
    """
    losses = [loss for ledger in ledgers for loss in ledger.losses]
    return {
        "losses": [_loss(loss) for loss in sorted(losses, key=lambda loss: loss.trade_date)],
        "lots": [_lot(lot) for ledger in ledgers for lot in ledger.lots],
        "locks": [
            {
                "household_id": lock.household_id,
                "identical_group": lock.identical_group,
                "cause": lock.cause,
                "rule": lock.rule.value,
                "until": lock.until.isoformat(),
            }
            for ledger in ledgers
            for lock in ledger.locks
        ],
        "not_visible": [name for ledger in ledgers for name in ledger.not_visible],
    }


def _loss(loss: Loss) -> dict[str, Any]:
    whole = _cents(loss.basis) - _cents(loss.proceeds)
    disallowed = min(_cents(loss.disallowed), whole) if loss.allowed > DUST else whole
    deferred = loss.disallowed - loss.permanently_disallowed
    permanently = min(_cents(loss.permanently_disallowed), disallowed) if deferred > DUST else disallowed
    return {
        "transaction_id": loss.transaction_id,
        "account_id": loss.account_id,
        "security_id": loss.security_id,
        "trade_date": loss.trade_date.isoformat(),
        "quantity": _shares(loss.quantity),
        "proceeds": _usd(loss.proceeds),
        "basis": _usd(loss.basis),
        "loss": _usd(whole),
        "disallowed": _usd(disallowed),
        "permanently_disallowed": _usd(permanently),
        "allowed": _usd(whole - disallowed),
        "matches": [
            {
                "transaction_id": match.transaction_id,
                "account_id": match.account_id,
                "quantity": _shares(match.quantity),
                "basis_increase": _usd(match.basis_increase),
                "holding_start": _day(match.holding_start),
            }
            for match in loss.matches
        ],
    }


def _lot(lot: LedgerLot) -> dict[str, Any]:
    return {
        "account_id": lot.account_id,
        "lot_id": lot.lot_id,
        "security_id": lot.security_id,
        "quantity": _shares(lot.quantity),
        "basis": _usd(lot.basis),
        "acquired": _day(lot.acquired),
        "holding_start": _day(lot.holding_start),
        **({} if lot.gift_value is None else {"gift_value": _usd(lot.gift_value), "gift_date": _day(lot.gift_date)}),
    }


def _usd(amount: Decimal) -> float:
    return float(_cents(amount)) + 0.0  # + 0.0: no -0.0


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)


def _shares(quantity: Decimal) -> float:
    return float(quantity.quantize(_SHARE_DECIMALS, rounding=ROUND_HALF_EVEN))


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
