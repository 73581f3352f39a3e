"""What does the account hold once its orders are filled? Lots, cash and transactions after the fills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from engine.domain.accounts import Account, AccountBook, Lot, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.identifiers import LotId, TransactionId
from engine.domain.plans import Side, Term
from engine.execute.fills import FilledOrder
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import term

_ADJUSTMENT_STEP: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """Some shares taken out of a lot. basis: theirs at the price of the fill, USD; rest: what stays, if any."""

    quantity: Decimal
    basis: Decimal
    rest: Lot | None


def booked(book: AccountBook, fills: Sequence[FilledOrder], on: date) -> AccountBook:
    """Return the account after these orders were filled on a day.

    A sale takes its lots in the order of its instructions (a partial fill takes the first ones) and writes one
    transaction a lot, with the basis of what was sold; a lot's wash adjustment is split pro rata. A purchase makes a
    lot named like its order. Cash moves by quantity x price, without fees; a taxable account's gains of the year grow
    by what was realised, short-term and long-term apart. Adjustments that these trades themselves
    cause under the wash-sale rule are the ledger's to derive, not added here. Raises DataError for another account's
    order, an order booked before, or shares that are not there.
    """
    cash = book.account.cash
    lots = {lot.lot_id: lot for lot in book.lots}
    rows: list[Transaction] = []
    for fill in sorted(fills, key=lambda fill: (fill.order.security_id, fill.order.side, fill.order.cl_ord_id)):
        _check(book, fill)
        if not fill.quantity:
            continue
        if fill.order.side is Side.SELL:
            cash += fill.quantity * fill.price
            rows += _sell(lots, fill, on)
        else:
            cash -= fill.quantity * fill.price
            rows.append(_buy(lots, fill, on))
    return AccountBook(
        account=replace(_realised(book, rows, on), cash=cash),
        lots=tuple(lots.values()),
        transactions=tuple(sorted((*book.transactions, *rows), key=lambda row: row.trade_date)),
    )


def _realised(book: AccountBook, rows: Sequence[Transaction], on: date) -> Account:
    """Return the account with the gains of its sales in the year to date; an IRA realises nothing."""
    account = book.account
    if not account.registration.is_taxable:
        return account
    lots = {lot.lot_id: lot for lot in book.lots}
    gains = {Term.SHORT: account.ytd_st_gain, Term.LONG: account.ytd_lt_gain}
    for row in rows:
        if row.lot_id is not None and row.basis is not None:
            gains[term(held_from_at(lots[row.lot_id], row.price), on)] += row.quantity * row.price - row.basis
    return replace(account, ytd_st_gain=gains[Term.SHORT], ytd_lt_gain=gains[Term.LONG])


def _check(book: AccountBook, fill: FilledOrder) -> None:
    order = fill.order
    if order.account_id != book.account.account_id:
        raise DataError(f"order {order.cl_ord_id} is account {order.account_id}'s, found account "
                        f"{book.account.account_id}")  # fmt: skip
    if fill.quantity > order.quantity:
        raise DataError(f"order {order.cl_ord_id}: expected at most {order.quantity} shares, found {fill.quantity}")
    if any(row.transaction_id.partition("-")[0] == order.cl_ord_id for row in book.transactions):
        raise DataError(f"order {order.cl_ord_id} is booked already in account {order.account_id}")


def _buy(lots: dict[LotId, Lot], fill: FilledOrder, on: date) -> Transaction:
    order = fill.order
    lot = Lot(
        account_id=order.account_id,
        lot_id=LotId(order.cl_ord_id),
        security_id=order.security_id,
        quantity=fill.quantity,
        cost_per_share=fill.price,
        acquired=on,
    )
    lots[lot.lot_id] = lot
    return _row(fill, on, order.cl_ord_id, fill.quantity, lot.lot_id, None)


def _sell(lots: dict[LotId, Lot], fill: FilledOrder, on: date) -> list[Transaction]:
    rows: list[Transaction] = []
    left = fill.quantity
    for number, instruction in enumerate(fill.order.lots, start=1):
        quantity = min(left, instruction.quantity)
        if not quantity:
            break
        left -= quantity
        taken = _take(lots, instruction.lot_id, quantity, fill)
        if taken.rest is None:
            del lots[instruction.lot_id]
        else:
            lots[instruction.lot_id] = taken.rest
        rows.append(_row(fill, on, f"{fill.order.cl_ord_id}-{number}", quantity, instruction.lot_id, taken.basis))
    return rows


def _take(lots: Mapping[LotId, Lot], lot_id: LotId, quantity: Decimal, fill: FilledOrder) -> _Taken:
    lot = lots.get(lot_id)
    if lot is None or lot.security_id != fill.order.security_id or lot.quantity < quantity:
        found = "none" if lot is None else f"{lot.quantity} of {lot.security_id}"
        raise DataError(
            f"order {fill.order.cl_ord_id}, lot {lot_id}: expected {quantity} shares of {fill.order.security_id}, "
            f"found {found}"
        )
    if quantity == lot.quantity:
        return _Taken(quantity=quantity, basis=basis_at(lot, fill.price), rest=None)
    adjustment = lot.wash_adjustment
    share = Decimal(0)
    if adjustment is not None:
        share = (adjustment * quantity / lot.quantity).quantize(_ADJUSTMENT_STEP, rounding=ROUND_HALF_EVEN)
        adjustment -= share
    rest = replace(lot, quantity=lot.quantity - quantity, wash_adjustment=adjustment)
    part = replace(lot, quantity=quantity, wash_adjustment=share)
    return _Taken(quantity=quantity, basis=basis_at(part, fill.price), rest=rest)


def _row(
    fill: FilledOrder, on: date, name: str, quantity: Decimal, lot_id: LotId, basis: Decimal | None
) -> Transaction:
    selling = fill.order.side is Side.SELL
    return Transaction(
        transaction_id=TransactionId(name),
        account_id=fill.order.account_id,
        trade_date=on,
        security_id=fill.order.security_id,
        type=TransactionType.SELL if selling else TransactionType.BUY,
        quantity=quantity,
        price=fill.price,
        lot_id=lot_id,
        basis=basis,
    )
