"""What is told from whole columns is what a reading of every row tells, on random households with all their faults.

Lots are lost, invented and miscounted, named twice or not at all, sold twice or before they were bought; shares split,
are given away, come from outside with a basis or without one.
"""

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest

from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType
from engine.domain.errors import DataError
from engine.tax.balance import imbalances
from engine.tax.history import read_history
from engine.tax.recent_losses import losses_since, named_losses
from engine.tax.replay import replay
from tests.engine.tax.random_histories import account

START, DAYS = date(2024, 1, 1), 90
NAMES = ("X", "V", "W", "U")
GROUPS = {"V": "TWINS", "W": "TWINS"}


class Household:
    """Rows of three accounts. odd: how many of a hundred rows are none of a plain purchase or sale of a named lot."""

    def __init__(self, seed: int, *, odd: int) -> None:
        self.dice = random.Random(seed)
        self.odd = odd
        self.number = 0
        self.books = [self._book(name) for name in ("a", "b", "ira")]

    def _book(self, name: str) -> AccountBook:
        rows: list[Transaction] = []
        held: dict[tuple[str, str], Decimal] = {}
        for day in sorted(self.dice.randrange(DAYS) for _ in range(30)):
            if self.dice.randrange(100) < self.odd:
                self._odd_row(rows, held, name, day)
            elif held and self.dice.random() < 0.4:
                security, lot = self.dice.choice(list(held))
                shares = self.dice.choice([held[security, lot], held[security, lot] / 2])
                rows.append(self._row(name, day, security, TransactionType.SELL, shares, lot))
                self._take(held, security, lot, shares)
            else:
                kind = self.dice.choice([TransactionType.BUY, TransactionType.REINVEST])
                row = self._row(name, day, self.dice.choice(NAMES), kind, self._shares(), f"lot{self.number}")
                rows.append(row)
                held[row.security_id, row.lot_id] = row.quantity
        lots = [self._lot(name, security, lot, shares) for (security, lot), shares in held.items()]
        return AccountBook(account=account(name), lots=self._faulty(lots, name), transactions=rows)

    def _odd_row(self, rows: list[Transaction], held: dict[tuple[str, str], Decimal], name: str, day: int) -> None:
        kind = self.dice.choice([kind for kind in TransactionType if kind is not TransactionType.EXCHANGE_OUT])
        security = self.dice.choice(NAMES)
        lot = self.dice.choice(
            [None, "lot1", "strange", *(lot for _, lot in held), *(row.transaction_id for row in rows)]
        )
        shares = Decimal(self.dice.choice([2, 3])) if kind is TransactionType.SPLIT else self._shares()
        lot = None if kind is TransactionType.SPLIT else lot
        rows.append(self._row(name, day, security, kind, shares, lot))
        if kind is TransactionType.SPLIT:
            held.update({key: count * shares for key, count in held.items() if key[0] == security})
        elif lot is not None and kind in (TransactionType.BUY, TransactionType.REINVEST, TransactionType.TRANSFER_IN):
            held[security, lot] = held.get((security, lot), Decimal(0)) + shares
        elif lot is not None:
            self._take(held, security, lot, shares)

    def _take(self, held: dict[tuple[str, str], Decimal], security: str, lot: str, shares: Decimal) -> None:
        left = held.get((security, lot), Decimal(0)) - shares
        held.pop((security, lot), None)
        if left > 0:
            held[security, lot] = left

    def _row(self, name: str, day: int, security: str, kind: TransactionType, shares: Decimal, lot: str | None):
        self.number += 1
        transfer = kind is TransactionType.TRANSFER_IN
        return Transaction(
            transaction_id=f"t{self.number}", account_id=name, trade_date=START + timedelta(day), security_id=security,
            type=kind, quantity=shares, price=Decimal(self.dice.randrange(800, 1200)) / 100, lot_id=lot,
            basis=self.dice.choice([None, shares * 10]) if transfer or self.dice.randrange(100) < self.odd else None,
        )  # fmt: skip

    def pending(self, as_of: date, count: int) -> list[Transaction]:
        """Return trades of the day: what the books hold is sold, whole or in part, and something is bought."""
        lots = [lot for book in self.books for lot in book.lots if [x.lot_id for x in book.lots].count(lot.lot_id) == 1]
        sold = self.dice.sample(lots, min(count, len(lots))) if count else []
        day = (as_of - START).days
        sales = [
            self._row(lot.account_id, day, lot.security_id, TransactionType.SELL,
                      lot.quantity / self.dice.choice([1, 2]), lot.lot_id)
            for lot in sold
        ]  # fmt: skip
        bought = [self._row("b", day, self.dice.choice(NAMES), TransactionType.BUY, self._shares(), None)]
        return sales + (bought if count else [])

    def _shares(self) -> Decimal:
        return Decimal(self.dice.randrange(1, 40)) / self.dice.choice([1, 2, 1000])

    def _lot(self, name: str, security: str, lot: str, shares: Decimal) -> Lot:
        return Lot(account_id=name, lot_id=lot, security_id=security, quantity=shares, cost_per_share=Decimal(9),
                   acquired=START - timedelta(self.dice.randrange(400)))  # fmt: skip

    def _faulty(self, lots: list[Lot], name: str) -> list[Lot]:
        """Return the lots with a fault or none: one gone, wrong by a little or by much, named again, or from before."""
        fault = self.dice.randrange(7)
        if fault == 0 and lots:
            lots.pop(self.dice.randrange(len(lots)))
        elif fault in (1, 2) and lots:
            k = self.dice.randrange(len(lots))
            more = Decimal("0.0009") if fault == 1 else Decimal("0.0011")
            lots[k] = self._lot(name, lots[k].security_id, lots[k].lot_id, lots[k].quantity + more)
        elif fault == 3 and lots:
            lots.append(self._lot(name, self.dice.choice(NAMES), self.dice.choice(lots).lot_id, Decimal(5)))
        elif fault == 4:
            lots.append(self._lot(name, self.dice.choice(NAMES), "before", Decimal(5)))
        return lots


@pytest.mark.parametrize("odd", [0, 3, 20])
@pytest.mark.parametrize("seed", range(60))
def test_what_does_not_add_up_is_what_the_history_read_row_by_row_says(seed, odd):
    household, as_of = Household(seed, odd=odd), START + timedelta(random.Random(seed).choice([40, DAYS]))

    assert imbalances(household.books, as_of=as_of) == read_history(household.books, as_of=as_of).imbalance


@pytest.mark.parametrize("odd", [0, 3, 20])
@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("trades", [0, 3])
def test_the_losses_of_the_last_days_and_of_pending_trades_are_those_of_all_rows_played_again(seed, odd, trades):
    household = Household(seed, odd=odd)
    as_of = START + timedelta(random.Random(seed).choice([40, DAYS]))
    opens = as_of - timedelta(30)
    pending = household.pending(as_of, trades)
    lately = {
        GROUPS.get(row.security_id, row.security_id)
        for row in (*pending, *(row for book in household.books for row in book.transactions))
        if row.type is TransactionType.SELL and opens <= row.trade_date <= as_of
    }
    of_those = [
        AccountBook(
            account=book.account,
            lots=[lot for lot in book.lots if GROUPS.get(lot.security_id, lot.security_id) in lately],
            transactions=[row for row in book.transactions if GROUPS.get(row.security_id, row.security_id) in lately],
        )
        for book in household.books
    ]
    told = partial(losses_since, household.books, opens, as_of=as_of, groups=GROUPS, pending=pending)
    try:
        expected = set(named_losses(replay(of_those, as_of=as_of, groups=GROUPS, pending=pending).sold, opens))
    except DataError as error:
        with pytest.raises(DataError, match=str(error).split()[1]):
            told()
    else:
        assert set(told()) == expected


def book(lots, rows) -> AccountBook:
    """Return an account by hand. lots: lot, security, shares; rows: id, day, security, type, shares, price, lot."""
    return AccountBook(
        account=account("a"),
        lots=[Lot(account_id="a", lot_id=lot, security_id=security, quantity=Decimal(shares), cost_per_share=Decimal(1),
                  acquired=START - timedelta(99)) for lot, security, shares in lots],
        transactions=[
            Transaction(transaction_id=name, account_id="a", trade_date=START + timedelta(day), security_id=security,
                        type=TransactionType(kind), quantity=Decimal(shares), price=Decimal(price), lot_id=lot)
            for name, day, security, kind, shares, price, lot in rows
        ],
    )  # fmt: skip


def unbalanced(lots, rows) -> dict[str, Decimal]:
    return {name: shares for (_, name), shares in imbalances([book(lots, rows)], as_of=START + timedelta(DAYS)).items()}


def test_of_a_lot_that_the_book_lists_twice_the_last_counts():
    assert unbalanced([("L", "X", 6), ("L", "X", 4)], [("t", 1, "X", "buy", 10, 10, "L")]) == {"X": -6}


def test_a_lot_of_the_same_name_is_another_one_where_it_is_of_another_security():
    """V has a lot L from before; ten shares of X were bought as a lot L, which is gone."""
    assert unbalanced([("L", "V", 10)], [("t", 1, "X", "buy", 10, 10, "L")]) == {"X": -10}


# What is missing is not made up for by what else there is of the name, or of a lot of that name elsewhere.
MADE_UP_FOR = [
    # ten were bought as L, which is gone; ten are there, or were sold, of a lot O from before
    ([("O", "X", 10)], [("t", 1, "X", "buy", 10, 10, "L")], {"X": -10}),
    ([], [("t", 1, "X", "buy", 10, 10, "L"), ("u", 5, "X", "sell", 10, 8, "O")], {"X": -10}),
    # L is gone from X and stands in V, where M is gone
    ([("L", "V", 10)], [("t", 1, "X", "buy", 10, 10, "L"), ("u", 2, "V", "buy", 10, 10, "M")], {"X": -10, "V": -10}),
    # L is gone from X, and ten of X were sold as of M, which is a lot of V and gone
    ([("L", "V", 10)],
     [("t", 1, "X", "buy", 10, 10, "L"), ("s", 3, "X", "sell", 10, 8, "M"), ("u", 4, "V", "buy", 10, 10, "M")],
     {"X": -10, "V": -10}),
    # X was split and V was not
    ([("L", "V", 20)], [("t", 0, "V", "buy", 10, 10, "L"), ("s", 1, "X", "split", 2, 0, None)], {"V": 10}),
    # a twentieth of a share beside so many that a float does not see it
    ([("L", "X", "1000000000000000.05")], [("t", 1, "X", "buy", 10**15, 10, "L")], {"X": Decimal("0.05")}),
]  # fmt: skip


@pytest.mark.parametrize(("lots", "rows", "expected"), MADE_UP_FOR)
def test_what_is_missing_is_not_made_up_for_by_other_shares(lots, rows, expected):
    assert unbalanced(lots, rows) == expected


@pytest.mark.parametrize(("shares", "expected"), [(5, {}), (4, {"NEW": -1})])
def test_shares_that_an_exchange_made_are_looked_for_with_those_that_it_took(shares, expected):
    rows = [("t", 1, "OLD", "buy", 10, 10, "L"), ("o", 2, "OLD", "exchange_out", 10, 10, "L"),
            ("i", 2, "NEW", "exchange_in", 5, 0, "L")]  # fmt: skip
    of = book([("L", "NEW", shares)], rows)
    more = {"o": {"basis": Decimal(100), "acquired": START + timedelta(1)}, "i": {"origin": "o"}}
    told = replace(of, transactions=[replace(row, **more.get(row.transaction_id, {})) for row in of.transactions])

    found = imbalances([told], as_of=START + timedelta(DAYS))

    assert {name: beyond for (_, name), beyond in found.items()} == expected


@pytest.mark.parametrize(("day", "shares"), [(0, 20), (1, 10), (2, 10)])
def test_a_split_doubles_what_was_bought_before_its_day(day, shares):
    rows = [("t", day, "X", "buy", 10, 10, "L"), ("s", 1, "X", "split", 2, 0, None)]

    assert unbalanced([("L", "X", shares)], rows) == {}
    assert unbalanced([("L", "X", 30 - shares)], rows) == {"X": 30 - 2 * shares}


@pytest.mark.parametrize(
    ("day", "sold"),
    [
        (6, 10),  # bought the day after it was sold
        (5, 9),  # one share more than there was
    ],
)
def test_a_sale_of_shares_that_were_not_there_has_a_basis_that_is_nowhere(day, sold):
    rows = [("t", day, "X", "buy", sold, 10, "L"), ("u", 5, "X", "sell", 10, 8, "L")]

    with pytest.raises(DataError, match="transaction u of account a"):
        losses_since([book([], rows)], START, as_of=START + timedelta(DAYS), groups={})


def test_less_than_the_dust_of_a_dollar_is_no_loss():
    rows = [("t", 1, "X", "buy", 1, 10, "L"), ("u", 5, "X", "sell", 1, "9.9999999995", "L")]

    assert losses_since([book([], rows)], START, as_of=START + timedelta(DAYS), groups={}) == []


def test_a_sale_that_is_proposed_is_a_loss_by_the_history_of_its_lot():
    held = book([("L", "X", 10)], [("t", 1, "X", "buy", 10, 10, "L")])
    [pending] = book([], [("p", 50, "X", "sell", 10, 8, "L")]).transactions
    on = START + timedelta(50)

    found = losses_since([held], START + timedelta(20), as_of=on, groups={}, pending=[pending])

    assert found == [("X", "p", on)]


def test_the_random_households_have_losses_faults_and_neither():
    """The two tests above would pass on households in which nothing ever happens."""
    plain, odd = ([Household(seed, odd=share) for seed in range(60)] for share in (0, 20))
    as_of = START + timedelta(DAYS)

    assert sum(bool(imbalances(each.books, as_of=as_of)) for each in plain) > 10
    assert sum(not imbalances(each.books, as_of=as_of) for each in plain) > 5
    assert sum(bool(imbalances(each.books, as_of=as_of)) for each in odd) > 30
    lost = [losses_since(each.books, as_of - timedelta(30), as_of=as_of, groups=GROUPS) for each in plain]
    assert sum(map(len, lost)) > 300
