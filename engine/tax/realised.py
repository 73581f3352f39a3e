"""What did each sale come to? Gains and losses as they are reported, wash-sale adjustments made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from engine.domain.identifiers import AccountId, LotId, SecurityId, TransactionId
from engine.domain.plans import Term
from engine.tax.holding import term
from engine.tax.matching import Match
from engine.tax.replay import Replay, Sold

_ZERO: Final = Decimal(0)


class Realised(NamedTuple):
    """Shares of one lot sold in a taxable account. USD; basis after earlier wash sales, disallowed >= 0.

    disallowed is the whole wash-sale adjustment, permanently_disallowed the part of it that no basis took up. term is
    None where the history does not tell when the shares were acquired.
    """

    transaction_id: TransactionId
    account_id: AccountId
    security_id: SecurityId
    lot_id: LotId
    on: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    term: Term | None
    disallowed: Decimal
    permanently_disallowed: Decimal

    @property
    def gain(self) -> Decimal:
        """Gain to report, negative for a loss, after what is disallowed, USD."""
        return self.proceeds - self.basis + self.disallowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The shares of one sale that were sold at a loss; shares of the same sale sold at a gain are not in it.

    USD, positive amounts: loss = basis - proceeds = disallowed + allowed; permanently_disallowed is part of disallowed.
    """

    transaction_id: TransactionId
    account_id: AccountId
    security_id: SecurityId
    trade_date: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    disallowed: Decimal
    permanently_disallowed: Decimal
    matches: tuple[Match, ...]

    @property
    def loss(self) -> Decimal:
        return self.basis - self.proceeds

    @property
    def allowed(self) -> Decimal:
        return self.loss - self.disallowed


def realised_pieces(played: Replay) -> tuple[Realised, ...]:
    """Return every piece of every taxable sale, in order of sale."""
    return tuple(_piece(sold, played.matches.get(index, ())) for index, sold in enumerate(played.sold))


def _piece(sold: Sold, matches: Sequence[Match]) -> Realised:
    disallowed = kept = _ZERO
    for match in matches:
        disallowed += match.disallowed
        kept += match.basis_increase
    held_from = sold.parcel.held_from
    return Realised(
        transaction_id=sold.sale.transaction_id,
        account_id=sold.sale.account_id,
        security_id=sold.sale.security_id,
        lot_id=sold.parcel.lot_id,
        on=sold.sale.trade_date,
        quantity=sold.parcel.quantity,
        proceeds=sold.proceeds,
        basis=sold.parcel.basis,
        term=None if held_from is None else term(held_from, sold.sale.trade_date),
        disallowed=disallowed,
        permanently_disallowed=disallowed - kept,
    )


def losses_by_sale(played: Replay, realised: Sequence[Realised]) -> tuple[Loss, ...]:
    """Return one Loss for each sale with shares sold at a loss; gains on its other shares do not net against them."""
    pieces: dict[tuple[AccountId, TransactionId], list[int]] = {}
    for index, (sold, piece) in enumerate(zip(played.sold, realised, strict=True)):
        if sold.at_a_loss:
            pieces.setdefault((piece.account_id, piece.transaction_id), []).append(index)
    return tuple(
        _loss([realised[i] for i in indices], [match for i in indices for match in played.matches.get(i, ())])
        for indices in pieces.values()
    )


def _loss(pieces: Sequence[Realised], matches: Sequence[Match]) -> Loss:
    return Loss(
        transaction_id=pieces[0].transaction_id,
        account_id=pieces[0].account_id,
        security_id=pieces[0].security_id,
        trade_date=pieces[0].on,
        quantity=sum((piece.quantity for piece in pieces), _ZERO),
        proceeds=sum((piece.proceeds for piece in pieces), _ZERO),
        basis=sum((piece.basis for piece in pieces), _ZERO),
        disallowed=sum((piece.disallowed for piece in pieces), _ZERO),
        permanently_disallowed=sum((piece.permanently_disallowed for piece in pieces), _ZERO),
        matches=tuple(matches),
    )
