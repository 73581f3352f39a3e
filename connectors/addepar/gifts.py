"""What do we know of an account that Addepar does not? That shares were a gift, and what they were worth that day."""

from dataclasses import replace

from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType


def with_our_gifts(fresh: AccountBook, present: AccountBook) -> AccountBook:
    """Return an account as Addepar shows it, with what our own book knows of gifts.

    A lot of the same id, security and day keeps its gift, a split since then counted by the cost a share; a transaction
    of the same id, day, security and shares stays the gift that it is here.
    """
    lots = {lot.lot_id: lot for lot in present.lots if lot.gift_price is not None}
    rows = {row.transaction_id: row for row in present.transactions
            if row.type is TransactionType.GIFT or row.gift_price is not None}  # fmt: skip
    if not lots and not rows:
        return fresh
    return replace(
        fresh,
        lots=tuple(_lot(lot, lots.get(lot.lot_id)) for lot in fresh.lots),
        transactions=tuple(_row(row, rows.get(row.transaction_id)) for row in fresh.transactions),
    )


def _lot(lot: Lot, ours: Lot | None) -> Lot:
    same = ours is not None and (ours.security_id, ours.acquired) == (lot.security_id, lot.acquired)
    if ours is None or ours.gift_price is None or not same or not ours.cost_per_share:
        return lot
    price = ours.gift_price
    if lot.cost_per_share != ours.cost_per_share:
        price = price * lot.cost_per_share / ours.cost_per_share
    return replace(lot, gift_price=price, gift_date=ours.gift_date)


def _row(row: Transaction, ours: Transaction | None) -> Transaction:
    if ours is None or _what(ours) != _what(row):
        return row
    return replace(row, type=ours.type, gift_price=ours.gift_price, gift_date=ours.gift_date)


def _what(row: Transaction) -> tuple[object, ...]:
    return row.trade_date, row.security_id, row.quantity
