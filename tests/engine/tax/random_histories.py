"""Random rows of a small household: few shares, prices that mostly fall, much buying back, now and then a move.

Two taxable accounts, an IRA and a Roth IRA; one security that splits and two that are substantially identical; shares
that move between custodians and may split on their way, that leave for good, come from outside, are received as a gift
or given away; half shares.
"""

import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import prod

from engine.domain.accounts import Account, AccountBook, Lot, Registration, Transaction, TransactionType
from tests.engine.tax.oracle import (
    ACCOUNTS,
    BOOK_DATE,
    BOOKS_AN_ACTION,
    GROUPS,
    NEVER,
    RANK,
    START,
    TAXABLE,
    Row,
)

DAYS = 150
TRAVEL = (2, 15)  # days of a transfer between two custodians, least and most
REGISTRATIONS = {"ira": Registration.IRA, "roth": Registration.ROTH}


class History:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.rows: list[Row] = []
        self.held: dict[tuple[str, str], list[list]] = defaultdict(list)  # [bought, lot, shares], oldest first
        self.travelling: list[tuple[int, Row, list[list]]] = []
        self.came: set[str] = set()
        self.moved: dict[tuple[str, Fraction], int] = {}
        self.splits = self._splits()
        securities = self.dice.choice(["X", "XV", "VW", "VWX"])
        busy = self.dice.choice([0.04, 0.08, 0.16, 0.4])  # from a trade in a month to one in two days
        self.buying = self.dice.choice([0.15, 0.3, 0.45])  # of all trades
        start = self.dice.choice([0, self.dice.randint(-400, 0)])
        for account in TAXABLE:
            self._buy(start, account, securities[0], 30, Fraction(self.dice.randint(2, 10)))
        for day in range(1, DAYS):
            if day in self.splits and "X" in securities:
                self._split(day, Fraction(self.splits[day]))
            self._arrivals(day)
            while self.dice.random() < busy:
                self._trade(day, self.dice.choice((*ACCOUNTS, "a")), self.dice.choice(securities))

    def _splits(self) -> dict[int, str]:
        return self.dice.choice([{}, {40: "2"}, {30: "1.5", 95: "0.5"}, {60: "0.5", 75: "0.5"}, {50: "2", 58: "1.5"}])

    def _trade(self, day: int, account: str, security: str) -> None:
        price = self.dice.randint(5, 15) + (DAYS - day) // 10
        chance = self.dice.random()
        if chance < self.buying:
            quantity = Fraction(self.dice.choice([1, 2, 3, 4, "0.5", "1.5"]))
            self._buy(day, account, security, price, quantity)
        elif chance < self.buying + 0.03:
            self._from_outside(day, account, security, price)
        else:
            self._dispose(day, account, security, price)

    def _add(self, *values, gift: int = 0) -> Row:
        self.rows.append(Row(*values, name=f"t{len(self.rows)}", gift=gift))
        return self.rows[-1]

    def _split(self, day: int, ratio: Fraction) -> None:
        for account in ACCOUNTS:
            self._add(day, "split", account, "X", ratio)
            for lot in self.held[account, "X"]:
                lot[2] *= ratio
        for _, _, lots in [entry for entry in self.travelling if entry[1].security == "X"]:
            for lot in lots:
                lot[2] *= ratio

    def _arrivals(self, day: int) -> None:
        for _, out, lots in [entry for entry in self.travelling if entry[0] == day]:
            target = "b" if out.account == "a" else "a"
            name = f"moved-{out.name}"
            self._add(day, "transfer_in", target, out.security, sum(lot[2] for lot in lots), 0, name)
            self._hold(target, out.security, [[bought, name, shares] for bought, _, shares in lots])

    def _hold(self, account: str, security: str, lots: list[list]) -> None:
        self.held[account, security] += lots
        self.held[account, security].sort(key=lambda lot: lot[0])

    def _buy(self, day: int, account: str, security: str, price: int, quantity: Fraction) -> None:
        kind, lot = self.dice.choice(["buy", "buy", "reinvest"]), self.dice.choice([None, f"lot-{len(self.rows)}"])
        row = self._add(day, kind, account, security, quantity, price, lot)
        self._hold(account, security, [[day, lot or row.name, quantity]])

    def _from_outside(self, day: int, account: str, security: str, price: int) -> None:
        """One lot of a group at most: of two whose dates nobody tells the law does not say which is the older."""
        quantity, group = Fraction(self.dice.randint(1, 4)), GROUPS.get(security, security)
        if group in self.came or self._is_out_of_order(day, "transfer_in"):
            return
        if not self._is_another_move(day, security, quantity):
            self.came.add(group)
            lot = f"came-{len(self.rows)}"
            gift = self.dice.choice([0, price + 2, price + 7])
            self._add(day, "transfer_in", account, security, quantity, price + 5, lot, gift=gift)
            self._hold(account, security, [[-NEVER, lot, quantity]])

    def _is_another_move(self, day: int, security: str, quantity: Fraction) -> bool:
        """Return whether the books would have to take it for one that is or may be on its way; else remember it."""
        splits = self.splits.items() if security == "X" else ()
        finally_shares = quantity * prod((Fraction(ratio) for on, ratio in splits if on > day), start=Fraction(1))
        if day - self.moved.get((security, finally_shares), -NEVER) <= 2 * max(TRAVEL) + 30:
            return True
        self.moved[security, finally_shares] = day
        return False

    def _dispose(self, day: int, account: str, security: str, price: int) -> None:
        lots = self.held[account, security]
        lot = self.dice.choice([None, *sorted({lot[1] for lot in lots})])
        wanted = [entry for entry in lots if lot in (None, entry[1])]
        most = sum((entry[2] for entry in wanted), Fraction(0))
        quantity = min(most, Fraction(self.dice.choice([1, 2, 3, 5, "0.5", NEVER])))
        to_split = security == "X" and any(day < on <= day + max(TRAVEL) for on in self.splits)
        kind = self.dice.choice(["sell"] * 8 + ["gift"] + ["transfer_out"] * (9 if to_split else 1))
        if kind == "transfer_out":  # whole lots: of one purchase in two accounts the law does not say which comes first
            if lot is None or account not in TAXABLE or self._is_another_move(day, security, most):
                kind = "sell"
            else:
                quantity = most
        if not quantity or self._is_out_of_order(day, kind):
            return
        row = self._add(day, kind, account, security, quantity, price, lot)
        taken = self._taken(wanted, quantity)
        self.held[account, security] = [entry for entry in lots if entry[2]]
        if kind == "transfer_out" and self.dice.random() < 0.8:
            self.travelling.append((day + self.dice.randint(*TRAVEL), row, taken))

    def _is_out_of_order(self, day: int, kind: str) -> bool:
        """Return whether today's rows so far come later in the day, and so might find other shares than they named."""
        return any(row.day == day and RANK[row.kind] > RANK[kind] for row in self.rows)

    def _taken(self, wanted: list[list], quantity: Fraction) -> list[list]:
        taken = []
        for entry in wanted:
            part = min(entry[2], quantity)
            quantity -= part
            entry[2] -= part
            if part:
                taken.append([entry[0], entry[1], part])
        return taken


def books(rows: list[Row], open_lots: dict[tuple[str, str, str], Fraction]) -> list[AccountBook]:
    return [
        AccountBook(
            account=account(name),
            lots=tuple(
                Lot(
                    account_id=name,
                    lot_id=lot,
                    security_id=security,
                    quantity=exact(shares),
                    cost_per_share=Decimal(1),  # the book's own idea of the cost, which the history overrules
                    acquired=START + timedelta(days=BOOK_DATE),
                )
                for (holder, lot, security), shares in open_lots.items()
                if holder == name
            ),
            transactions=tuple(transaction(row) for row in rows if row.account == name),
        )
        for name in ACCOUNTS
    ]


def account(name: str) -> Account:
    return Account(
        account_id=name,
        household_id="H",
        registration=REGISTRATIONS.get(name, Registration.TAXABLE),
        custodian="One",
        account_number=name,
        model_id="M",
        cash=Decimal(0),
        st_rate=Decimal(0),
        lt_rate=Decimal(0),
        ytd_st_gain=Decimal(0),
        ytd_lt_gain=Decimal(0),
        st_carryforward=Decimal(0),
        lt_carryforward=Decimal(0),
    )


def transaction(row: Row) -> Transaction:
    from_outside = row.kind == "transfer_in" and row.price > 0
    return Transaction(
        transaction_id=row.name,
        account_id=row.account,
        trade_date=START + timedelta(days=row.day),
        security_id=row.security,
        type=TransactionType(row.kind),
        quantity=exact(row.quantity),
        price=Decimal(row.price),
        lot_id=row.lot,
        basis=exact(row.quantity * row.price) if from_outside else Decimal(1) if row.kind in BOOKS_AN_ACTION else None,
        gift_price=Decimal(row.gift) if row.gift else None,
        gift_date=START + timedelta(days=row.day) if row.gift else None,
        origin=row.origin or None,
        acquired=None if row.acquired is None else START + timedelta(days=row.acquired),
        basis_fraction=exact(row.part) if row.part else None,
        cash=exact(row.quantity * row.cash) if row.cash else None,
    )


def exact(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
