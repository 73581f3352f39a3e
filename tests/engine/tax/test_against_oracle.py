"""The ledger against a second one that is slow and simple: one object a share, exact fractions, no shared code.

The oracle first plays who held which share when, without any thought of wash sales. Then it goes through the shares
sold in taxable accounts, one by one in order of sale; each one sold at a loss looks through every share that the
household ever bought for the first that the law lets replace it. A security that splits is counted in pieces of a share
so small that no split divides one.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest

from engine.domain.accounts import Account, AccountBook, Lot, Registration, Transaction, TransactionType
from engine.domain.plans import LockRule
from engine.tax.history import read_history
from engine.tax.wash_sales import Ledger, ledger, locks

START = date(2024, 1, 1)
DAYS = 150
REGISTRATIONS = {"a": Registration.TAXABLE, "b": Registration.TAXABLE, "ira": Registration.IRA}
TAXABLE = ("a", "b")
GROUPS = {"V": "twins", "W": "twins"}  # X is alone, and the only one that splits
PIECES = 4  # of a share of X after its last split: two splits of 3 for 2 or 1 for 2 leave them whole
NEVER = 10**6
TRAVEL = 3  # days of a transfer between two custodians
RANK = {"split": 0, "buy": 1, "reinvest": 1, "transfer_out": 2, "transfer_in": 3, "sell": 4, "gift": 4}
SEEDS = range(80)


class Row(NamedTuple):
    """quantity is a split's ratio; continues: the transfer out whose shares a transfer in brings."""

    day: int
    kind: str
    account: str
    security: str
    quantity: Fraction
    price: int = 0
    lot: str | None = None
    name: str = ""
    continues: str = ""


@dataclass(eq=False)
class Share:
    security: str
    cause: str
    bought: int
    basis: Fraction
    account: str
    lot: str
    held_from: int
    left_on: int = NEVER  # sold or given
    travelling: bool = False
    used: bool = False


class Oracle:
    """losses: {sale: [shares, loss, disallowed, lost for good]}. caught: {(sale, purchase): shares}."""

    def __init__(self, rows: list[Row], last_day: int) -> None:
        rows = sorted(
            (row for row in rows if row.day <= last_day),
            key=lambda row: (row.day, RANK[row.kind], list(REGISTRATIONS).index(row.account)),
        )
        self.last_day = last_day
        self.splits = {row.day: row.quantity for row in rows if row.kind == "split"}
        self.shares: list[Share] = []
        self.sold: list[tuple[Row, Share]] = []
        self.losses: dict[str, list[Fraction]] = {}
        self.caught: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.gains = Fraction(0)
        self._who_held_what(rows)
        self._what_was_washed()

    def piece(self, security: str, day: int) -> Fraction:
        """Return how much of a share one piece was on a day."""
        pieces = Fraction(PIECES if security == "X" else 1)
        for on, ratio in self.splits.items():
            pieces *= ratio if security == "X" and on > day else 1
        assert pieces.denominator == 1
        return 1 / pieces

    def lots(self, *, departed: bool) -> dict[tuple[str, str, int], tuple[Fraction, Fraction]]:
        """Return {(account, lot, held from): (shares, basis)} of what is left, or of what was given or travels."""
        found: dict[tuple[str, str, int], tuple[Fraction, Fraction]] = defaultdict(lambda: (Fraction(0), Fraction(0)))
        sold = {id(share) for _, share in self.sold}
        for share in self.shares:
            gone = share.travelling or share.left_on < NEVER
            if gone is departed and id(share) not in sold and not (gone and share.account == "ira"):
                key = share.account, share.lot, share.held_from
                count, basis = found[key]
                day = min(share.left_on, self.last_day)
                found[key] = count + self.piece(share.security, day), basis + share.basis
        return dict(found)

    def _who_held_what(self, rows: list[Row]) -> None:
        travelling: dict[str, list[Share]] = {}
        shelves: dict[tuple[str, str], list[Share]] = defaultdict(list)
        for row in rows:
            piece, shelf = self.piece(row.security, row.day), shelves[row.account, row.security]
            if row.kind in ("buy", "reinvest"):
                for _ in range(int(row.quantity / piece)):
                    basis = row.price * piece
                    shelf.append(
                        Share(row.security, row.name, row.day, basis, row.account, row.lot or row.name, row.day)
                    )
                    self.shares.append(shelf[-1])
            elif row.kind == "transfer_in":
                for share in travelling[row.continues]:
                    share.account, share.lot, share.travelling = row.account, row.lot or "", False
                    shelf.append(share)
            elif row.kind != "split":
                wanted = sorted((s for s in shelf if row.lot in (None, s.lot)), key=lambda s: s.bought)
                taken = wanted[: int(row.quantity / piece)]
                assert len(taken) * piece == row.quantity
                shelves[row.account, row.security] = [s for s in shelf if s not in taken]
                for share in taken:
                    if row.kind == "transfer_out":
                        share.travelling = True
                        travelling.setdefault(row.name, []).append(share)
                    else:
                        share.left_on = row.day
                    if row.kind == "sell" and row.account in TAXABLE:
                        self.sold.append((row, share))

    def _what_was_washed(self) -> None:
        for row, share in sorted(self.sold, key=lambda entry: (entry[0].day, entry[1].bought)):
            gain = row.price * self.piece(share.security, row.day) - share.basis
            if gain >= 0:
                self.gains += gain
                continue
            entry = self.losses.setdefault(row.name, [Fraction(0)] * 4)
            entry[0] += self.piece(share.security, row.day)
            entry[1] -= gain
            catcher = next(self._may_replace(share, row.day), None)
            if catcher is not None:
                catcher.used = True
                self.caught[row.name, catcher.cause] += self.piece(catcher.security, max(row.day, catcher.bought))
                entry[2] -= gain
                if catcher.account in TAXABLE:
                    catcher.basis -= gain
                    gap = max(catcher.bought - row.day, 0)
                    catcher.held_from = min(catcher.held_from, share.held_from + gap)
                else:
                    entry[3] -= gain

    def _may_replace(self, sold: Share, day: int) -> Iterator[Share]:
        group = GROUPS.get(sold.security, sold.security)
        for share in self.shares:  # in the order in which they were bought
            if (
                abs(share.bought - day) <= 30
                and GROUPS.get(share.security, share.security) == group
                and share.cause != sold.cause
                and not share.used
                and (share.bought > day or share.left_on > day)
            ):
                yield share


class History:
    """Random rows of a household: small lots, prices that mostly fall, much buying back, now and then a move."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.rows: list[Row] = []
        self.held: dict[tuple[str, str], list[list]] = defaultdict(list)  # [bought, lot, shares], oldest first
        self.travelling: list[tuple[int, Row, list[list]]] = []
        securities = self.dice.choice(["X", "XV", "VW", "VWX"])
        busy = self.dice.choice([0.05, 0.1, 0.2, 0.5])  # from a trade in three weeks to one a day
        splits = self.dice.choice([{}, {40: "2"}, {30: "1.5", 95: "0.5"}, {60: "0.5", 75: "0.5"}])
        for account in TAXABLE:
            self._buy(0, account, securities[0], 30, self.dice.randint(8, 24))
        for day in range(1, DAYS):
            if day in splits and "X" in securities:
                self._split(day, Fraction(splits[day]))
            self._arrivals(day)
            while self.dice.random() < busy:
                account, security = self.dice.choice(list(REGISTRATIONS)), self.dice.choice(securities)
                price = self.dice.randint(5, 15) + (DAYS - day) // 10
                if self.dice.random() < 0.4:
                    self._buy(day, account, security, price, self.dice.randint(1, 4))
                else:
                    self._dispose(day, account, security, price, splits)

    def _add(self, *values, **more) -> Row:
        self.rows.append(Row(*values, name=f"t{len(self.rows)}", **more))
        return self.rows[-1]

    def _split(self, day: int, ratio: Fraction) -> None:
        for account in REGISTRATIONS:
            self._add(day, "split", account, "X", ratio)
            for lot in self.held[account, "X"]:
                lot[2] *= ratio

    def _arrivals(self, day: int) -> None:
        for _, out, lots in [entry for entry in self.travelling if entry[0] == day]:
            target = "b" if out.account == "a" else "a"
            name = f"moved-{out.name}"
            self._add(day, "transfer_in", target, out.security, out.quantity, 0, name, continues=out.name)
            self.held[target, out.security] += [[bought, name, shares] for bought, _, shares in lots]
            self.held[target, out.security].sort(key=lambda lot: lot[0])

    def _buy(self, day: int, account: str, security: str, price: int, quantity: int) -> None:
        kind, lot = self.dice.choice(["buy", "buy", "reinvest"]), self.dice.choice([None, f"lot-{len(self.rows)}"])
        row = self._add(day, kind, account, security, Fraction(quantity), price, lot)
        self.held[account, security].append([day, lot or row.name, row.quantity])

    def _dispose(self, day: int, account: str, security: str, price: int, splits: dict[int, str]) -> None:
        lots = self.held[account, security]
        lot = self.dice.choice([None, *{lot[1] for lot in lots}] if lots else [None])
        wanted = [entry for entry in lots if lot in (None, entry[1])]
        most = sum((entry[2] for entry in wanted), Fraction(0))
        quantity = min(most, Fraction(self.dice.choice([1, 2, 3, 5, 8, NEVER])))
        kind = self.dice.choice(["sell"] * 6 + ["gift", "transfer_out"])
        if kind == "transfer_out":  # whole lots: of one purchase in two accounts the law does not say which comes first
            quantity = most
            if lot is None or account == "ira" or any(day <= on <= day + TRAVEL for on in splits):
                kind = "sell"
        # A purchase of this very day is shelved before today's transfers leave, so later rows may not outrun it.
        if not quantity or any(row.day == day and RANK[row.kind] > RANK[kind] for row in self.rows):
            return
        row = self._add(day, kind, account, security, quantity, price, lot)
        taken = []
        for entry in wanted:
            part = min(entry[2], quantity)
            quantity -= part
            entry[2] -= part
            if part:
                taken.append([entry[0], entry[1], part])
        self.held[account, security] = [entry for entry in lots if entry[2]]
        if kind == "transfer_out":
            self.travelling.append((day + TRAVEL, row, taken))


def books(rows: list[Row], open_lots: dict[tuple[str, str, str], Fraction]) -> list[AccountBook]:
    return [
        AccountBook(
            account=Account(
                account_id=name,
                household_id="H",
                registration=registration,
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
            ),
            lots=tuple(
                Lot(
                    account_id=name,
                    lot_id=lot,
                    security_id=security,
                    quantity=exact(shares),
                    cost_per_share=Decimal(1),  # the book's own idea of the cost, which the history overrules
                    acquired=START - timedelta(days=400),
                )
                for (account, lot, security), shares in open_lots.items()
                if account == name
            ),
            transactions=tuple(transaction(row) for row in rows if row.account == name),
        )
        for name, registration in REGISTRATIONS.items()
    ]


def transaction(row: Row) -> Transaction:
    return Transaction(
        transaction_id=row.name,
        account_id=row.account,
        trade_date=START + timedelta(days=row.day),
        security_id=row.security,
        type=TransactionType(row.kind),
        quantity=exact(row.quantity),
        price=Decimal(row.price),
        lot_id=row.lot,
    )


def exact(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def open_lots(oracle: Oracle) -> dict[tuple[str, str, str], Fraction]:
    found: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
    for share in oracle.shares:
        if share.left_on == NEVER and not share.travelling:
            found[share.account, share.lot, share.security] += oracle.piece(share.security, oracle.last_day)
    return found


def lots_of(lots) -> dict[tuple[str, str, int], tuple[Fraction, Fraction]]:
    found: dict[tuple[str, str, int], tuple[Fraction, Fraction]] = defaultdict(lambda: (Fraction(0), Fraction(0)))
    for lot in lots:
        key = lot.account_id, lot.lot_id, ((lot.holding_start or lot.acquired) - START).days
        shares, basis = found[key]
        found[key] = shares + Fraction(lot.quantity), basis + Fraction(lot.basis)
    return found


def same(ours: dict, theirs: dict) -> bool:
    """Return whether two tables have the same keys and, to a millionth, the same numbers."""
    rounded = [
        {key: [round(float(number), 6) + 0.0 for number in numbers] for key, numbers in table.items()}
        for table in (ours, theirs)
    ]
    return rounded[0] == rounded[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ledger_agrees_with_counting_share_by_share(seed: int) -> None:
    rows = History(seed).rows
    as_of = random.Random(seed).choice([DAYS, DAYS // 2, DAYS // 3])
    oracle = Oracle(rows, as_of)
    household = books(rows, open_lots(oracle))

    found = ledger(household, as_of=START + timedelta(days=as_of), groups=GROUPS)

    assert same(
        {
            loss.transaction_id: (loss.quantity, loss.loss, loss.disallowed, loss.permanently_disallowed)
            for loss in found.losses
        },
        oracle.losses,
    )
    assert same(caught(found), {pair: (shares,) for pair, shares in oracle.caught.items()})
    assert same(lots_of(found.lots), oracle.lots(departed=False))
    assert same(
        lots_of(lot for lot in found.departed if lot.account_id != "ira"),
        oracle.lots(departed=True),
    )
    assert same({"": [sum(piece.gain for piece in found.realised if piece.gain > 0)]}, {"": [oracle.gains]})


def caught(found: Ledger) -> dict[tuple[str, str], list[Decimal]]:
    shares: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)])
    for loss in found.losses:
        for match in loss.matches:
            shares[loss.transaction_id, match.transaction_id][0] += match.quantity
    return shares


@pytest.mark.parametrize("seed", SEEDS)
def test_every_dollar_paid_is_in_a_basis_or_a_reported_result_or_lost_in_an_ira(seed: int) -> None:
    """Taxable accounts: cost = basis of what is left or gone + proceeds - reported gains + lost for good."""
    rows = History(seed).rows

    found = ledger(books(rows, {}), as_of=START + timedelta(days=DAYS), groups=GROUPS)

    paid = sum(row.quantity * row.price for row in rows if row.kind in ("buy", "reinvest") and row.account in TAXABLE)
    left = sum(lot.basis for lot in (*found.lots, *found.departed) if lot.account_id in TAXABLE)
    reported = sum(piece.proceeds - piece.gain for piece in found.realised)
    lost = sum(loss.permanently_disallowed for loss in found.losses)
    assert float(left + reported + lost) == pytest.approx(float(paid), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_matches_add_up_to_what_is_disallowed_and_never_exceed_what_was_bought_or_sold(seed: int) -> None:
    rows = [row for row in History(seed).rows if row.kind != "split" and row.security != "X"]
    bought = {row.name: row.quantity for row in rows if row.kind in ("buy", "reinvest")}

    found = ledger(books(rows, {}), as_of=START + timedelta(days=DAYS), groups=GROUPS)

    taken: dict[str, Decimal] = defaultdict(Decimal)
    for loss in found.losses:
        assert sum(match.quantity for match in loss.matches) <= loss.quantity
        assert 0 <= loss.permanently_disallowed <= loss.disallowed <= loss.loss + Decimal("1e-9")
        increase = sum(match.basis_increase for match in loss.matches)
        assert float(increase) == pytest.approx(float(loss.disallowed - loss.permanently_disallowed), abs=1e-9)
        for match in loss.matches:
            taken[match.transaction_id] += match.quantity
    assert all(shares <= bought[purchase] for purchase, shares in taken.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_book_that_its_history_explains_has_no_shares_too_many_or_too_few(seed: int) -> None:
    rows = History(seed).rows
    oracle = Oracle(rows, DAYS)

    history = read_history(books(rows, open_lots(oracle)), as_of=START + timedelta(days=DAYS))

    assert (dict(history.imbalance), dict(history.unseen), history.opening) == ({}, {}, ())


@pytest.mark.parametrize("seed", SEEDS)
def test_locks_name_every_loss_of_the_last_30_days_and_every_purchase_30_days_back_and_ahead(seed: int) -> None:
    rows, day = History(seed).rows, random.Random(seed).randint(20, DAYS)
    oracle = Oracle(rows, day)
    near = [row for row in rows if abs(row.day - day) <= 30]  # rows to come are what is scheduled
    expected = {
        *((row.name, LockRule.NO_BUY, row.day + 31) for row in near if row.name in oracle.losses),
        *((row.name, LockRule.NO_LOSS_SALE, row.day + 31) for row in near if row.kind in ("buy", "reinvest")),
    }

    found = locks(books(rows, open_lots(oracle)), as_of=START + timedelta(days=day), groups=GROUPS)

    assert {(lock.cause, lock.rule, (lock.until - START).days) for lock in found} == expected
    assert [lock.until for lock in found] == sorted(lock.until for lock in found)
