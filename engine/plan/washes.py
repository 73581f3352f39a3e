"""Which losses would a wash sale take away, if lots were sold today? For accounts whose policy is to sell all the same.

Shares that the household bought in the last 30 days and still holds, and after them those it has arranged to buy in the
next 30, catch losses sold today, share by share: losses in the order of acquisition of what is sold (Treas. Reg.
1.1091-1(b)), replacements in the order of their purchase. A loss caught in a taxable account is deferred, one caught in
an IRA is lost (Rev. Rul. 2008-5). So a name's loss lots are sold in the order of their acquisition, and the shares that
are caught are known in advance: those sold first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.domain.accounts import AccountSnapshot, Lot, Transaction, TransactionType
from engine.domain.identifiers import LotId, SecurityId, TransactionId
from engine.domain.market import MarketSnapshot
from engine.tax.matching import WASH_SALE_DAYS
from engine.tax.realised import losses_by_sale, realised_pieces
from engine.tax.replay import Replay, replay
from engine.tax.scheduled import scheduled_purchases


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """Shares of a lot, sold first, whose loss is disallowed; deferred: the loss lives on in the replacement's basis."""

    quantity: Decimal
    deferred: bool


def is_recent(lot: Lot, as_of: date) -> bool:
    """Return whether the lot was bought inside the window, and so is itself a replacement; a gift was not bought."""
    return lot.gift_date is None and lot.acquired + WASH_SALE_DAYS >= as_of


def caught_losses(
    snapshot: AccountSnapshot, market: MarketSnapshot, lots: Iterable[Lot]
) -> Mapping[LotId, tuple[Caught, ...]]:
    """Return which shares of these lots would be caught at a loss, were all of them sold on as_of."""
    lots = sorted(lots, key=lambda lot: (lot.acquired, lot.lot_id))
    if not lots:
        return {}
    sales = {TransactionId(f"would sell {lot.lot_id}"): lot for lot in lots}
    rows = [_sale(label, lot, snapshot, market) for label, lot in sales.items()]
    played = play_out(snapshot, market.groups, rows)
    losses = losses_by_sale(played, realised_pieces(played))
    taxable = {book.account.account_id for book in snapshot.household_books if book.account.registration.is_taxable}
    return {
        sales[loss.transaction_id].lot_id: tuple(
            Caught(quantity=match.quantity, deferred=match.account_id in taxable) for match in loss.matches
        )
        for loss in losses
        if loss.transaction_id in sales and loss.matches
    }


def play_out(snapshot: AccountSnapshot, groups: Mapping[SecurityId, str], rows: Iterable[Transaction]) -> Replay:
    """Return what the household's history comes to with these trades of today, and what it has arranged after them."""
    books, as_of = snapshot.household_books, snapshot.as_of
    coming = scheduled_purchases(books, as_of=as_of)
    return replay(books, as_of=as_of, groups=groups, pending=(*snapshot.pending, *rows, *coming))


def _sale(label: TransactionId, lot: Lot, snapshot: AccountSnapshot, market: MarketSnapshot) -> Transaction:
    return Transaction(
        transaction_id=label,
        account_id=snapshot.account.account_id,
        trade_date=snapshot.as_of,
        security_id=lot.security_id,
        type=TransactionType.SELL,
        quantity=lot.quantity,
        price=market.marks[lot.security_id].price,
        lot_id=lot.lot_id,
        basis=lot.basis,
    )
