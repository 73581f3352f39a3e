"""What does a merger, a spin-off or a change of id make of an account? Its lots after it, and the rows that say so.

Shares for shares in a reorganisation (26 U.S.C. 368(a)): no gain or loss, 354(a); basis and holding period go on,
358(a), 1223(1). Money beside the shares: gain up to the money and no loss, 356(a)(1), (c). Each lot on its own, Treas.
Reg. 1.356-1(b), 1.358-2(a)(2). A spin-off (355(a)): basis divided by relative worth, as Form 8937 states, 358(b)(2),
(c), and the holding period tacked. Money for a fraction of a share: a sale of it, 302(a), 1001, Rev. Rul. 66-365. A
merger for money, or one that is no reorganisation: a sale, and a purchase of what came, 1001, 1012.

Of several lots the oldest gives the fraction, as where no lot is named (Treas. Reg. 1.1012-1(c)(1)).
"""

import hashlib
from dataclasses import replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from engine.domain.accounts import Account, AccountBook, Lot, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.domain.identifiers import LotId, SecurityId, TransactionId
from engine.domain.market import ActionKind, CorporateAction, action_key
from engine.domain.plans import Term
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import term
from engine.tax.parcels import recognised, split_shares
from engine.tax.unbooked import shares_before, unbooked, words_of

_STEP: Final = Decimal("1e-12")  # of a cost a share: a million shares of it are off by a millionth of a dollar at most
_ROW_STEP: Final = Decimal("1e-8")  # of a basis on a row
_MOST_CHARS: Final = 64
_ZERO: Final = Decimal(0)


def book_action(book: AccountBook, action: CorporateAction, *, price: Decimal | None, as_of: date) -> AccountBook:
    """Return an account after an action that it does not know of, with the rows that its history needs.

    price: USD a share of the successor on the ex-date. Gains recognised join the year's where it is that of as_of.
    Raises DataError where the account knows of the action, traded the name since, or a price is wanted and missing.
    """
    account_id, name = book.account.account_id, action.security_id
    if action not in unbooked(book, [action], as_of=as_of):
        raise DataError(
            f"account {account_id}: the {words_of(action)} needs no booking: it is booked, or nothing is held"
        )
    since = [row for row in book.transactions if row.security_id == name and row.trade_date >= action.ex_date]
    late = [lot for lot in book.lots if lot.security_id == name and lot.acquired >= action.ex_date]
    if since or (late and action.ends_the_name):
        seen = f"transaction {since[0].transaction_id}" if since else f"lot {late[0].lot_id}"
        raise DataError(
            f"account {account_id}: the {words_of(action)} cannot be booked here: {seen} of {name} is of that day or "
            f"later, and who had the shares then is the custodian's to say"
        )
    work = _Booking(book, action, price, as_of)
    work.run()
    return work.result()


class _Booking:
    """The account while its lots are gone through."""

    def __init__(self, book: AccountBook, action: CorporateAction, price: Decimal | None, as_of: date) -> None:
        self.book = book
        self.action = action
        self.price = action.price or price
        self.lots = {lot.lot_id: lot for lot in book.lots}
        self.rows: list[Transaction] = []
        self.came: list[LotId] = []
        self.cash = _ZERO
        self.gains = {Term.SHORT: _ZERO, Term.LONG: _ZERO}
        self.counts = book.account.registration.is_taxable and action.ex_date.year == as_of.year

    def run(self) -> None:
        for lot in sorted(shares_before(self.book, self.action), key=lambda lot: (lot.acquired, lot.lot_id)):
            if self.action.kind is ActionKind.SPIN_OFF:
                self._spin_off(lot)
            elif self.action.value == 0:
                self._sell(lot, lot.quantity, self.action.cash or _ZERO)
            elif self.action.taxable:
                self._sell_for_shares(lot)
            else:
                self._exchange(lot)
        if self.action.kind is not ActionKind.TICKER_CHANGE:
            self._pay_fraction()

    def result(self) -> AccountBook:
        account: Account = replace(
            self.book.account,
            cash=self.book.account.cash + self.cash,
            ytd_st_gain=self.book.account.ytd_st_gain + self.gains[Term.SHORT],
            ytd_lt_gain=self.book.account.ytd_lt_gain + self.gains[Term.LONG],
        )
        rows = sorted((*self.book.transactions, *self.rows), key=lambda row: row.trade_date)
        return AccountBook(account=account, lots=tuple(self.lots.values()), transactions=tuple(rows))

    def _exchange(self, lot: Lot) -> None:
        """One lot for another: money is taxed up to the gain, the rest of the basis goes on."""
        successor, shares = self._successor(), split_shares(lot.quantity, self.action.value)
        paid, worth = (self.action.cash or _ZERO) * lot.quantity, _ZERO
        gain = _ZERO
        if paid:
            worth = (self.action.cash or _ZERO) + self.action.value * self._needed_price("the gain on the money paid")
            gain = recognised(lot.basis, worth * lot.quantity, paid)
        self.cash += paid
        if self.counts:
            self.gains[term(lot.held_from, self.action.ex_date)] += gain
        out = self._row(lot, TransactionType.EXCHANGE_OUT, "out", quantity=lot.quantity, price=worth, basis=lot.basis,
                        **_past(lot), cash=paid or None)  # fmt: skip
        new = _with_basis(lot, successor, shares, change=gain - paid)
        self._arrive(lot.lot_id, new, out)

    def _spin_off(self, lot: Lot) -> None:
        part = self.action.basis_fraction or _ZERO
        shares = split_shares(lot.quantity, self.action.value)
        out = self._row(lot, TransactionType.SPIN_OFF, "spin", quantity=lot.quantity, price=_ZERO,
                        basis=lot.basis * part, **_past(lot), basis_fraction=part)  # fmt: skip
        self.lots[lot.lot_id] = _share_of_basis(lot, lot.security_id, lot.quantity, 1 - part)
        lot_id = self._free_name(lot.lot_id)
        new = replace(_share_of_basis(lot, self._successor(), shares, part), lot_id=lot_id)
        self._arrive(lot_id, new, out)

    def _arrive(self, lot_id: LotId, new: Lot, out: Transaction) -> None:
        self.lots[lot_id] = new
        self.came.append(lot_id)
        self._row(new, TransactionType.EXCHANGE_IN, "in", quantity=new.quantity, price=_ZERO, basis=new.basis,
                  origin=out.transaction_id)  # fmt: skip

    def _sell_for_shares(self, lot: Lot) -> None:
        """A sale at all that was received, and a purchase of the shares in it; the holding period begins anew."""
        price = self._needed_price("the gain")
        worth = (self.action.cash or _ZERO) + self.action.value * price
        shares = split_shares(lot.quantity, self.action.value)
        self._sell(lot, lot.quantity, worth)
        lot_id = self._free_name(lot.lot_id)
        new = Lot(account_id=lot.account_id, lot_id=lot_id, security_id=self._successor(), quantity=shares,
                  cost_per_share=price, acquired=self.action.ex_date)  # fmt: skip
        self.cash -= shares * price
        self.lots[lot_id] = new
        self.came.append(lot_id)
        self._row(new, TransactionType.BUY, "buy", quantity=shares, price=price)

    def _pay_fraction(self) -> None:
        """Sell what is left over of a whole share of the account, from its oldest lots."""
        came = [self.lots[lot_id] for lot_id in self.came]
        total = sum((lot.quantity for lot in came), _ZERO)
        left = total - total.to_integral_value(rounding=ROUND_FLOOR)
        for lot in came:
            if left:
                price = self._needed_price(f"{left.normalize():f} of a share, which is paid in money")
                part = min(left, lot.quantity)
                self._sell(lot, part, price)
                left -= part

    def _sell(self, lot: Lot, quantity: Decimal, price: Decimal) -> None:
        whole = quantity == lot.quantity
        part = lot if whole else _share_of_basis(lot, lot.security_id, quantity, quantity / lot.quantity)
        if whole:
            del self.lots[lot.lot_id]
        else:
            left = lot.quantity - quantity
            self.lots[lot.lot_id] = _share_of_basis(lot, lot.security_id, left, left / lot.quantity)
        basis = basis_at(part, price)
        self.cash += quantity * price
        if self.counts:
            self.gains[term(held_from_at(part, price), self.action.ex_date)] += quantity * price - basis
        self._row(lot, TransactionType.SELL, "sell", quantity=quantity, price=price, basis=basis)

    def _row(self, lot: Lot, kind: TransactionType, part: str, *, quantity: Decimal, price: Decimal,
             basis: Decimal | None = None, **more: Any) -> Transaction:  # fmt: skip
        """Add a row of a lot; more: the fields that its kind has beside these."""
        key = "|".join(map(str, (lot.account_id, *action_key(self.action), lot.lot_id, part)))
        row = Transaction(
            transaction_id=TransactionId(f"CA{hashlib.sha256(key.encode()).hexdigest()[:22]}"),
            account_id=lot.account_id,
            trade_date=self.action.ex_date,
            security_id=lot.security_id,
            type=kind,
            quantity=quantity,
            price=price,
            lot_id=lot.lot_id,
            basis=None if basis is None else _short(basis.quantize(_ROW_STEP)),
        )
        row = replace(row, **more)
        self.rows.append(row)
        return row

    def _successor(self) -> SecurityId:
        if self.action.successor is None:
            raise DataError(f"the {words_of(self.action)}: expected its successor, found none")
        return self.action.successor

    def _needed_price(self, what: str) -> Decimal:
        if self.price is None:
            raise DataError(
                f"account {self.book.account.account_id}: the {words_of(self.action)} needs a price of "
                f"{self.action.successor} on that day for {what}; found none: give it in the column price of the action"
            )
        return self.price

    def _free_name(self, lot_id: LotId) -> LotId:
        name = f"{lot_id}+{self.action.successor}"
        if len(name) > _MOST_CHARS or name in self.lots:
            key = "|".join(map(str, (*action_key(self.action), lot_id)))
            name = f"CA{hashlib.sha256(key.encode()).hexdigest()[:22]}"
        return LotId(name)


def _past(lot: Lot) -> dict[str, object]:
    return {"acquired": lot.acquired, "holding_start": lot.holding_start, "gift_price": lot.gift_price,
            "gift_date": lot.gift_date}  # fmt: skip


def _with_basis(lot: Lot, name: SecurityId, shares: Decimal, *, change: Decimal) -> Lot:
    """Return a lot as shares of another name, its basis changed by an amount; what wash sales added stays apart."""
    basis, adjustment = lot.basis + change, lot.wash_adjustment
    if adjustment is not None:
        adjustment = min(adjustment, basis)
    gift = lot.gift_price
    if gift is not None:
        gift = (max(gift * lot.quantity + change, _ZERO) / shares).quantize(_STEP)
    cost = ((basis - (adjustment or _ZERO)) / shares).quantize(_STEP)
    return replace(lot, security_id=name, quantity=shares, cost_per_share=_short(cost), wash_adjustment=adjustment,
                   gift_price=None if gift is None else _short(gift))  # fmt: skip


def _share_of_basis(lot: Lot, name: SecurityId, shares: Decimal, part: Decimal) -> Lot:
    """Return so many shares of a name with a part of a lot's basis, of what wash sales added and of a gift's worth."""

    def of(amount: Decimal) -> Decimal:
        return _short((amount * lot.quantity * part / shares).quantize(_STEP))

    adjustment = lot.wash_adjustment
    return replace(
        lot,
        security_id=name,
        quantity=shares,
        cost_per_share=of(lot.cost_per_share),
        wash_adjustment=None if adjustment is None else _short((adjustment * part).quantize(_STEP)),
        gift_price=None if lot.gift_price is None else of(lot.gift_price),
    )


def _short(value: Decimal) -> Decimal:
    """Return a number without zeros behind its last decimal, and without an exponent."""
    short = value.normalize()
    return short if int(short.as_tuple().exponent) <= 0 else short.quantize(Decimal(1))
