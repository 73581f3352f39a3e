"""How much of the plan's losses do the household's own purchases take away? Worked out again from its raw history.

A share bought within 30 days of a sale at a loss, before or after, in any account of the household, disallows the loss
on one share sold (26 U.S.C. 1091(a)); each share bought does so once (Treas. Reg. 1.1091-1(e)). Earlier sales come
first, of one day's sales the shares acquired first (1.1091-1(b)); the earliest purchase is used first (1.1091-1(c)). A
purchase before the sale counts while it is still held when the day of the sale ends.

The history of one group of substantially identical securities is played once, day by day, and then the plan's day: what
is still free by then is all that can touch the plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from math import prod
from typing import Final

from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType
from engine.domain.identifiers import AccountId, LotId
from engine.review.case import ACQUIRES, WINDOW, Case, basis_of
from engine.review.shares import LossSold, Shares, is_alike, paid, place_in_day, standing

_NOTHING: Final = Decimal("1e-9")  # shares or dollars below it come from divisions that do not come out even
_POSTED: Final = timedelta(days=7)  # rows of one ratio within so many days are one split, told by several custodians
_LEAVES: Final = frozenset(
    {TransactionType.SELL, TransactionType.GIFT, TransactionType.TRANSFER_OUT, TransactionType.EXCHANGE_OUT}
)


def disallowed_losses(case: Case) -> Mapping[LotId, Decimal]:
    """Return what a wash sale disallows of the plan's losses, USD, by the lot sold.

    Lots that lose nothing are left out, and so are groups of which the account may trade several names: their losses
    are not sold at all after a purchase.
    """
    found: dict[LotId, Decimal] = {}
    if not case.snapshot.account.registration.is_taxable:
        return found
    for group in sorted(case.loss_groups - case.twin_groups):
        found |= _Record(case, group).plan_day()
    return found


def losses_of_history(case: Case, groups: frozenset[str]) -> Iterable[LossSold]:
    """Return what the household sold at a loss in its taxable accounts in the last 30 days, of these wash-sale groups.

    What is approved and not booked yet counts; the basis is the row's own, or else that of the lots it closed.
    """
    since = case.snapshot.as_of - WINDOW
    rows = (row for row in case.history() if row.type is TransactionType.SELL and row.trade_date >= since)
    for group in sorted({case.group(row.security_id) for row in rows} & groups):
        for day, losses in _Record(case, group).history().items():
            yield from losses if day >= since else ()


class _Record:
    """One wash-sale group in every account of the household, from the first transaction to the plan's own sales."""

    def __init__(self, case: Case, group: str) -> None:
        self.case = case
        self.group = group
        self.day = case.snapshot.as_of
        self.held: list[Shares] = []
        self.open: list[LossSold] = []
        self.moving: list[tuple[Transaction, list[Shares], int]] = []  # and how many splits came before they left
        self.splits: list[tuple[Transaction, set[AccountId]]] = []  # the first row of each, and who posted it
        self.given: dict[str, tuple[Transaction, list[Shares]]] = {}  # what an exchange or spin-off turns into others
        self.taxable = {b.account.account_id: b.account.registration.is_taxable for b in case.snapshot.household_books}
        self.lots = {
            (lot.account_id, lot.lot_id): lot
            for book in case.snapshot.household_books
            for lot in book.lots
            if case.group(lot.security_id) == group
        }

    def plan_day(self) -> dict[LotId, Decimal]:
        """Return what the plan's losses lose, USD, by lot."""
        losses = self.history()[self.day]
        own = self._sell_by_plan()
        self._match(losses + own)
        for row in self._to_come():
            self._play(row, None)
        taken = {loss.lot_id: loss.quantity * loss.loss for loss in own}
        for loss in self.open:
            if loss.cause is None:
                taken[loss.lot_id] -= loss.quantity * loss.loss
        return {lot_id: amount for lot_id, amount in taken.items() if amount > _NOTHING}

    def history(self) -> dict[date, list[LossSold]]:
        """Play all that happened; return the losses of taxable sales by day, today's not matched yet."""
        rows, arrivals = self._rows()
        made = set(arrivals.values())
        opening = [lot for key, lot in self.lots.items() if key not in made and lot.acquired <= self.day]
        found: dict[date, list[LossSold]] = {}
        for day in sorted({row.trade_date for row in rows} | {lot.acquired for lot in opening} | {self.day}):
            for lot in opening:
                if lot.acquired == day:
                    self._arrive(standing(lot, self._later_splits(lot, rows)), day)
            found[day] = []
            for row in sorted((row for row in rows if row.trade_date == day), key=place_in_day):
                found[day] += self._play(row, arrivals.get(row.transaction_id))
            if day < self.day:
                self._match(found[day])
        return found

    def _rows(self) -> tuple[list[Transaction], dict[str, tuple[AccountId, LotId]]]:
        """Return the group's rows, and the lot that each arrival of shares made."""
        rows = [row for book in self.case.snapshot.household_books for row in self._of_book(book)]
        rows += [replace(r, trade_date=self.day) for r in self.case.snapshot.pending if self._is_ours(r)]
        arrivals: dict[str, tuple[AccountId, LotId]] = {}
        were = _LEAVES | {TransactionType.SPIN_OFF}
        named = {(r.account_id, r.lot_id) for r in rows if r.type not in were and r.lot_id is not None}
        unnamed: list[Lot | Transaction] = [lot for key, lot in self.lots.items() if key not in named]
        unnamed += [row for row in rows if row.type is TransactionType.EXCHANGE_OUT]  # their lots were there
        come = (TransactionType.TRANSFER_IN, TransactionType.EXCHANGE_IN)
        for row in rows:
            if row.type in ACQUIRES or (row.type in come and row.lot_id is not None):
                lot_id = row.lot_id
                if lot_id is None:
                    same_day = [lot for lot in unnamed if is_alike(row, lot) and lot.acquired == row.trade_date]
                    lot_id = (same_day[0].lot_id if same_day else None) or LotId(row.transaction_id)
                    unnamed = [lot for lot in unnamed if lot not in same_day[:1]]
                arrivals[row.transaction_id] = (row.account_id, lot_id)
        return rows, arrivals

    def _to_come(self) -> list[Transaction]:
        """Return the purchases of the next 30 days that are arranged, by day."""
        rows = [row for book in self.case.snapshot.household_books for row in book.transactions if self._is_ours(row)]
        ahead = [r for r in rows if r.type in ACQUIRES and timedelta(0) < r.trade_date - self.day <= WINDOW]
        return sorted(ahead, key=lambda row: (row.trade_date, place_in_day(row)))

    def _of_book(self, book: AccountBook) -> Iterable[Transaction]:
        return (row for row in book.transactions if self._is_ours(row) and row.trade_date <= self.day)

    def _is_ours(self, row: Transaction) -> bool:
        return self.case.group(row.security_id) == self.group

    def _later_splits(self, lot: Lot, rows: Sequence[Transaction]) -> Decimal:
        ratio = Decimal(1)
        for row in rows:
            if row.type is TransactionType.SPLIT and is_alike(row, lot) and row.trade_date >= lot.acquired:
                ratio *= row.quantity
        return ratio

    def _play(self, row: Transaction, made: tuple[AccountId, LotId] | None) -> list[LossSold]:
        """Let one row happen; return the losses of a taxable sale."""
        if row.type is TransactionType.SPLIT:
            self._split(row)
        elif row.type in ACQUIRES:
            lot_id = made[1] if made else LotId(row.transaction_id)
            shares = Shares(
                security_id=row.security_id, account_id=row.account_id, lot_id=lot_id, bought=row.trade_date,
                quantity=row.quantity, cost=row.price, free=True, standing=False,
            )  # fmt: skip
            self._arrive(shares, row.trade_date)
        elif row.type is TransactionType.TRANSFER_IN:
            self._move_in(row, made)
        elif row.type is TransactionType.SPIN_OFF:
            self._spin_off(row)
        elif row.type is TransactionType.EXCHANGE_IN:
            self._come_instead(row)
        else:
            taken = self._take(row)
            if row.type is TransactionType.EXCHANGE_OUT:
                self.given[row.transaction_id] = row, [paid(row, shares) for shares in self._with_older(row, taken)]
            if row.type is TransactionType.TRANSFER_OUT:
                self.moving.append((row, taken, len(self.splits)))
            if row.type is TransactionType.SELL and self.taxable.get(row.account_id, True):
                return self._losses(row, taken)
        return []

    def _spin_off(self, row: Transaction) -> None:
        """Let a part of a lot's cost leave it; what comes for it was not bought. A book's own lots are past it."""
        part, children = row.basis_fraction or Decimal(0), []
        for at, s in enumerate(self.held):
            if is_alike(row, s) and s.lot_id == row.lot_id and not s.standing:
                self.held[at] = replace(s, cost=s.cost * (1 - part))
                children.append(replace(s, cost=s.cost * part, bought=None, free=False))
        if children:
            self.given[row.transaction_id] = row, children

    def _with_older(self, row: Transaction, taken: list[Shares]) -> list[Shares]:
        """Return the shares that an exchange ends, those that no row brought as the row tells them."""
        missing = row.quantity - sum((s.quantity for s in taken), Decimal(0))
        if missing <= _NOTHING:
            return taken
        older = Shares(security_id=row.security_id, account_id=row.account_id, lot_id=row.lot_id or LotId(""),
                       bought=row.acquired, quantity=missing, cost=(row.basis or Decimal(0)) / row.quantity,
                       free=row.gift_date is None, standing=False)  # fmt: skip
        return [older, *taken]

    def _come_instead(self, row: Transaction) -> None:
        """Let shares come for those that an exchange or spin-off took, as old as these; open losses follow the name."""
        out, shares = self.given.pop(row.origin or "", (None, []))
        lot_id = row.lot_id or LotId(row.transaction_id)
        if out is None:
            cost = (row.basis or Decimal(0)) / row.quantity
            self.held.append(Shares(security_id=row.security_id, account_id=row.account_id, lot_id=lot_id, bought=None,
                                    quantity=row.quantity, cost=cost, free=False, standing=False))  # fmt: skip
            return
        ratio = row.quantity / out.quantity
        self.held += [
            replace(s, security_id=row.security_id, lot_id=lot_id, quantity=s.quantity * ratio, cost=s.cost / ratio)
            for s in shares
        ]
        if out.type is TransactionType.EXCHANGE_OUT:
            self.open = [
                replace(o, security_id=row.security_id, quantity=o.quantity * ratio, loss=o.loss / ratio)
                if o.security_id == out.security_id
                else o
                for o in self.open
            ]

    def _split(self, row: Transaction) -> None:
        ratio = row.quantity
        self.held = [
            replace(s, quantity=s.quantity * ratio, cost=s.cost / ratio) if is_alike(row, s) else s for s in self.held
        ]
        self.open = [
            replace(o, quantity=o.quantity * ratio, loss=o.loss / ratio) if is_alike(row, o) else o for o in self.open
        ]
        for first, posted in self.splits:
            same = (first.security_id, first.quantity) == (row.security_id, row.quantity)
            if same and row.trade_date - first.trade_date <= _POSTED:
                posted.add(row.account_id)
                return
        self.splits.append((row, {row.account_id}))

    def _move_in(self, row: Transaction, made: tuple[AccountId, LotId] | None) -> None:
        if made is None:
            return
        for index, (out, shares, before) in enumerate(self.moving):
            ratio = self._split_on_the_way(out, row, self.splits[before:])
            if ratio is not None:
                self.held += [
                    replace(
                        s, account_id=row.account_id, lot_id=made[1], quantity=s.quantity * ratio, cost=s.cost / ratio
                    )
                    for s in shares
                ]
                del self.moving[index]
                return
        cost = (row.basis or Decimal(0)) / row.quantity
        lot = self.lots.get(made)
        if row.gift_price is not None:
            cost = min(cost, row.gift_price)
        elif lot is not None and lot.gift_price is not None:
            cost = min(cost, lot.gift_price * self._splits_after(row))
        self.held.append(
            Shares(security_id=row.security_id, account_id=row.account_id, lot_id=made[1], bought=None,
                   quantity=row.quantity, cost=cost, free=False, standing=False)
        )  # fmt: skip

    def _splits_after(self, row: Transaction) -> Decimal:
        """Return how many of today's shares one of a row's is."""
        later = (r for book in self.case.snapshot.household_books for r in self._of_book(book))
        ratios = [r.quantity for r in later if r.type is TransactionType.SPLIT and is_alike(row, r)
                  and r.trade_date > row.trade_date]  # fmt: skip
        return prod(ratios, start=Decimal(1))

    def _split_on_the_way(
        self, out: Transaction, row: Transaction, splits: Sequence[tuple[Transaction, set[AccountId]]]
    ) -> Decimal | None:
        """Return what one share that left has become in the shares that came, or None where they are others.

        It counts the splits since it left: all of them, or only those that its new account has posted by now.
        """
        if out.security_id != row.security_id or out.account_id == row.account_id:
            return None
        of_it = [split for split in splits if split[0].security_id == row.security_id]
        every = prod((first.quantity for first, _ in of_it), start=Decimal(1))
        own = prod((first.quantity for first, posted in of_it if row.account_id in posted), start=Decimal(1))
        return next((r for r in (every, own) if abs(out.quantity * r - row.quantity) <= _NOTHING), None)

    def _take(self, row: Transaction) -> list[Shares]:
        """Take the shares of the lot that a row names, else the oldest, out of what is held."""
        today = row.trade_date == self.day and row in self.case.snapshot.pending
        may = [s for s in self.held if is_alike(row, s) and (today or not s.standing)]
        may = [s for s in may if row.lot_id is None or s.lot_id == row.lot_id]
        taken, missing = [], row.quantity
        for shares in sorted(may, key=lambda s: s.bought or date.min):
            part = min(shares.quantity, missing)
            if part > _NOTHING:
                taken.append(replace(shares, quantity=part))
                self._reduce(shares, part)
                missing -= part
        return taken

    def _losses(self, row: Transaction, taken: Sequence[Shares]) -> list[LossSold]:
        """Return the pieces of a sale that lost. The row's own basis wins where it is given."""
        known = sum((s.quantity for s in taken), Decimal(0))
        lot = self.lots.get((row.account_id, row.lot_id)) if row.lot_id is not None else None
        parts = [(s.lot_id, s.bought or date.min, s.quantity, s.cost) for s in taken]
        if row.quantity - known > _NOTHING:
            cost = basis_of(lot, row.price) / lot.quantity if lot is not None else row.price
            acquired = lot.acquired if lot is not None else date.min
            parts.append((row.lot_id or LotId(""), acquired, row.quantity - known, cost))
        if row.basis is not None:
            parts = [(lot_id, acquired, part, row.basis / row.quantity) for lot_id, acquired, part, _ in parts]
        return [
            LossSold(cause=row.transaction_id, security_id=row.security_id, account_id=row.account_id, lot_id=lot_id,
                     acquired=acquired, on=row.trade_date, quantity=part, loss=cost - row.price)
            for lot_id, acquired, part, cost in parts
            if (cost - row.price) * part > _NOTHING
        ]  # fmt: skip

    def _sell_by_plan(self) -> list[LossSold]:
        """Take out what the plan sells of this security; return the pieces that lose, by the lots of the book."""
        losses = []
        for trade, sale in self.case.sales:
            if self.case.group(trade.security_id) != self.group:
                continue
            lot, missing = self.case.lots[sale.lot_id], sale.quantity
            for shares in [s for s in self.held if (s.account_id, s.lot_id) == (lot.account_id, lot.lot_id)]:
                part = min(shares.quantity, missing)
                self._reduce(shares, part)
                missing -= part
            loss = basis_of(lot, trade.price) / lot.quantity - trade.price
            if loss * sale.quantity > _NOTHING:
                losses.append(
                    LossSold(cause=None, security_id=lot.security_id, account_id=lot.account_id, lot_id=lot.lot_id,
                             acquired=lot.acquired, on=self.day, quantity=sale.quantity, loss=loss)
                )  # fmt: skip
        return losses

    def _arrive(self, shares: Shares, day: date) -> None:
        """Let shares come in; losses still open catch them, the earliest sale first."""
        still_open = []
        for loss in self.open:
            part = min(shares.quantity, loss.quantity) if shares.free and day - loss.on <= WINDOW else Decimal(0)
            if part > _NOTHING:
                caught = loss.loss if self.taxable.get(shares.account_id, True) else Decimal(0)
                self.held.append(replace(shares, quantity=part, cost=shares.cost + caught, free=False))
                shares = replace(shares, quantity=shares.quantity - part)
                loss = replace(loss, quantity=loss.quantity - part)
            if loss.quantity > _NOTHING and day - loss.on <= WINDOW:
                still_open.append(loss)
        self.open = still_open
        if shares.quantity > _NOTHING:
            self.held.append(shares)

    def _match(self, losses: Sequence[LossSold]) -> None:
        """Match a day's losses with free shares still held, bought in the 30 days before; the rest stays open."""
        for loss in sorted(losses, key=lambda loss: loss.acquired):
            for shares in sorted(self.held, key=lambda s: s.bought or date.min):
                near = shares.bought is not None and loss.on - shares.bought <= WINDOW
                same = (shares.account_id, shares.lot_id) == (loss.account_id, loss.lot_id)
                part = min(shares.quantity, loss.quantity)
                if near and not same and shares.free and part > _NOTHING:
                    self._reduce(shares, part)
                    caught = loss.loss if self.taxable.get(shares.account_id, True) else Decimal(0)
                    self.held.append(replace(shares, quantity=part, cost=shares.cost + caught, free=False))
                    loss = replace(loss, quantity=loss.quantity - part)
            if loss.quantity > _NOTHING:
                self.open.append(loss)

    def _reduce(self, shares: Shares, part: Decimal) -> None:
        at = next(i for i, candidate in enumerate(self.held) if candidate is shares)
        left = replace(shares, quantity=shares.quantity - part)
        self.held[at : at + 1] = [left] if left.quantity > _NOTHING else []
