"""A second ledger that is slow and simple: one object a piece of a share, exact fractions, no shared code.

It first plays who held which share when, without any thought of wash sales. Then it goes through the shares sold in
taxable accounts, one by one in order of sale; each one sold at a loss looks through every share that the household ever
bought for the first that the law lets replace it. Everything is counted in pieces of a share so small that neither a
split nor a fractional trade divides one.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

START = date(2024, 1, 1)  # day 0
ACCOUNTS = ("a", "b", "ira", "roth")
TAXABLE = ("a", "b")
GROUPS = {"V": "twins", "W": "twins"}  # X is alone, and the only one that splits
PIECES = {"X": 8, "V": 2, "W": 2, "Z": 4, "C": 4}  # of a share after the last split: trades go down to half a share
NEVER = 10**6
BOOK_DATE = -500  # the day on which every lot of the books says that it was acquired
BOOKS_AN_ACTION = ("exchange_out", "spin_off", "exchange_in")  # X becomes Z, two for one, or gives C, two for one
RANK = {"split": -3, "exchange_out": -2, "spin_off": -2, "exchange_in": -1}
RANK |= {"buy": 1, "reinvest": 1, "transfer_out": 2, "transfer_in": 3, "sell": 4, "gift": 4}


class Row(NamedTuple):
    """quantity is a split's ratio; price USD a share.

    Of a transfer in from outside the price is the stated basis a share, and only the book tells its date; gift is what
    a share was worth on that day where the shares were given, 0 where they were not. origin, acquired, part of the
    basis and cash a share are those of a corporate action.
    """

    day: int
    kind: str
    account: str
    security: str
    quantity: Fraction
    price: int = 0
    lot: str | None = None
    name: str = ""
    gift: int = 0
    origin: str = ""
    acquired: int | None = None
    part: Fraction = Fraction(0)
    cash: int = 0


@dataclass(eq=False)
class Share:
    """bought -NEVER: it came from outside; held_from None: and nobody tells since when it was held."""

    security: str
    cause: str
    bought: int
    basis: Fraction
    account: str
    lot: str
    held_from: int | None
    came_as: tuple[str, str]
    left_on: int = NEVER  # sold or given
    travelling: bool = False
    used: bool = False
    given: tuple[Fraction, int] | None = None  # what it was worth when it was given, and the day
    was: str = ""  # its name before the exchange


class Oracle:
    """losses: {sale: [shares, loss, disallowed, lost for good]}. caught: {(sale, purchase): shares}.

    reported: {(sale, "ST", "LT" or ""): [shares, gain after what is disallowed]}.
    """

    def __init__(self, rows: list[Row], last_day: int) -> None:
        rows = sorted(
            (row for row in rows if row.day <= last_day),
            key=lambda row: (row.day, RANK[row.kind], ACCOUNTS.index(row.account)),
        )
        self.last_day = last_day
        self.splits = {row.day: row.quantity for row in rows if row.kind == "split"}
        self.shares: list[Share] = []
        self.sold: list[tuple[Row, Share]] = []
        self.exchanged_on = NEVER
        self.ended = {(row.account, row.lot) for row in rows if row.kind == "exchange_out"}
        self.paid: list[tuple[Row, Share]] = []  # shares exchanged for others and money
        self.spun: list[tuple[Row, Share, Share]] = []  # a share, and the piece of another that it gave
        self.losses: dict[str, list[Fraction]] = {}
        self.caught: dict[tuple[str, str], list[Fraction]] = {}
        self.reported: dict[tuple[str, str], list[Fraction]] = {}
        self._who_held_what(rows)
        self._what_the_book_tells()
        self._what_was_washed()

    def piece(self, security: str, day: int) -> Fraction:
        """Return how much of a share one piece was on a day."""
        pieces = Fraction(PIECES[security])
        for on, ratio in self.splits.items():
            pieces *= ratio if security == "X" and on > day else 1
        assert pieces.denominator == 1
        return 1 / pieces

    def lots(self, *, departed: bool) -> dict[tuple[str, str, int | None], list[Fraction]]:
        """Return {(account, lot, held from): [shares, basis]} of what is left, or of what was given or travels."""
        found: dict[tuple[str, str, int | None], list[Fraction]] = {}
        sold = {id(share) for _, share in self.sold}
        for share in self.shares:
            gone = share.travelling or share.left_on < NEVER
            if gone is departed and id(share) not in sold and not (gone and share.account not in TAXABLE):
                entry = found.setdefault((share.account, share.lot, share.held_from), [Fraction(0), Fraction(0)])
                entry[0] += self.piece(share.security, min(share.left_on, self.last_day))
                entry[1] += share.basis
        return found

    def open_lots(self) -> dict[tuple[str, str, str], Fraction]:
        """Return {(account, lot, security): shares} of what is left, as a custodian's book shows it."""
        found: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
        for share in self.shares:
            if share.left_on == NEVER and not share.travelling:
                found[share.account, share.lot, share.security] += self.piece(share.security, self.last_day)
        return found

    def _who_held_what(self, rows: list[Row]) -> None:
        travelling: list[tuple[Row, list[Share]]] = []
        given: dict[str, tuple[Row, list[Share]]] = {}
        shelves: dict[tuple[str, str], list[Share]] = defaultdict(list)
        for row in rows:
            shelf = shelves[row.account, row.security]
            moved = self._that_moved(row, travelling) if row.kind == "transfer_in" else None
            if row.kind in BOOKS_AN_ACTION:
                self._act(row, given, shelves)
            elif moved:
                travelling.remove(moved)
                for share in moved[1]:
                    share.account, share.lot, share.travelling = row.account, row.lot or "", False
                    shelf.append(share)
            elif row.kind in ("buy", "reinvest", "transfer_in"):
                new = self._new_shares(row)
                shelf += new
                self.shares += new
            elif row.kind != "split":
                piece = self.piece(row.security, row.day)
                wanted = sorted((s for s in shelf if row.lot in (None, s.lot)), key=lambda s: s.bought)
                taken = wanted[: int(row.quantity / piece)]
                assert len(taken) * piece == row.quantity
                shelves[row.account, row.security] = [s for s in shelf if s not in taken]
                if row.kind == "transfer_out":
                    travelling.append((row, taken))
                for share in taken:
                    if row.kind == "transfer_out":
                        share.travelling = True
                    else:
                        share.left_on = row.day
                    if row.kind == "sell" and row.account in TAXABLE:
                        self.sold.append((row, share))

    def _act(
        self, row: Row, given: dict[str, tuple[Row, list[Share]]], shelves: dict[tuple[str, str], list[Share]]
    ) -> None:
        shelf = shelves[row.account, row.security]
        if row.kind == "exchange_in":
            shelf += self._that_came(row, *given[row.origin])
            return
        given[row.name] = row, [share for share in shelf if share.lot == row.lot]
        assert len(given[row.name][1]) * self.piece(row.security, row.day) == row.quantity
        if row.kind == "exchange_out":
            shelves[row.account, row.security] = [share for share in shelf if share.lot != row.lot]

    def _that_came(self, row: Row, out: Row, shares: list[Share]) -> list[Share]:
        if out.kind == "exchange_out":
            self.exchanged_on = row.day
            for share in shares:
                share.was, share.security, share.lot = share.security, row.security, row.lot or ""
                self.paid.append((out, share))
            return shares
        came = [
            Share(row.security, parent.cause, -NEVER, Fraction(0), row.account, row.lot or "", None, ("", ""))
            for parent in shares
        ]
        self.spun += [(out, parent, child) for parent, child in zip(shares, came, strict=True)]
        self.shares += came
        return came

    def _that_moved(self, row: Row, travelling: list[tuple[Row, list[Share]]]) -> tuple[Row, list[Share]] | None:
        """The first that left another account of the kind in the last 30 days: piece by piece, whatever they split."""
        for out, shares in travelling:
            other = out.account != row.account and {out.account, row.account} <= set(TAXABLE)
            alike = out.security == row.security and len(shares) * self.piece(row.security, row.day) == row.quantity
            if other and alike and row.day - out.day <= 30:
                return out, shares
        return None

    def _new_shares(self, row: Row) -> list[Share]:
        piece = self.piece(row.security, row.day)
        bought, held_from = (-NEVER, None) if row.kind == "transfer_in" else (row.day, row.day)
        basis, lot = row.price * piece, row.lot or row.name
        given = (row.gift * piece, row.day) if row.gift else None
        return [
            Share(row.security, row.name, bought, basis, row.account, lot, held_from, (row.account, lot), given=given)
            for _ in range(int(row.quantity / piece))
        ]

    def _what_the_book_tells(self) -> None:
        """The date of shares that came from outside is known while some of them are still where they came in."""
        shown = {(account, lot) for account, lot, _ in self.open_lots()} | self.ended
        for share in self.shares:
            if share.bought == -NEVER and share.came_as in shown:
                share.held_from = BOOK_DATE

    def _what_the_action_did(self, day: int) -> None:
        """Divide the bases, and tax the money, of what was exchanged or spun off up to a day."""
        for out, share in [entry for entry in self.paid if entry[0].day <= day]:
            self.paid.remove((out, share))
            piece = self.piece(out.security, out.day)
            money, worth = out.cash * piece, out.price * piece
            gain = max(min(money, worth - share.basis), Fraction(0))
            if gain and out.account in TAXABLE:
                entry = self.reported.setdefault((out.name, term(share.held_from, out.day)), [Fraction(0), Fraction(0)])
                entry[0] += piece
                entry[1] += gain
            share.basis += gain - money
            if share.given:
                share.given = (max(share.given[0] + gain - money, Fraction(0)), share.given[1])
        for out, parent, child in [entry for entry in self.spun if entry[0].day <= day]:
            self.spun.remove((out, parent, child))
            child.basis, child.held_from = parent.basis * out.part, parent.held_from
            parent.basis -= child.basis
            if parent.given:
                worth, on = parent.given
                child.given, parent.given = (worth * out.part, on), (worth * (1 - out.part), on)

    def _what_was_washed(self) -> None:
        self._wash()
        self._what_the_action_did(self.last_day)

    def _wash(self) -> None:
        for row, share in sorted(self.sold, key=lambda entry: (entry[0].day, entry[1].bought)):
            self._what_the_action_did(row.day)
            piece = self.piece(share.security, row.day)
            gain, held_from = self._against_its_basis(share, row.price * piece)
            reported = self.reported.setdefault((row.name, term(held_from, row.day)), [Fraction(0), Fraction(0)])
            reported[0] += piece
            if gain >= 0:
                reported[1] += gain
                continue
            entry = self.losses.setdefault(row.name, [Fraction(0)] * 4)
            entry[0] += piece
            entry[1] -= gain
            catcher = next(self._may_replace(share, row.day), None)
            if catcher is None:
                reported[1] += gain
                continue
            catcher.used = True
            caught = self.caught.setdefault((row.name, catcher.cause), [Fraction(0)])
            later = max(row.day, catcher.bought)
            caught[0] += self.piece(self._name_on(catcher, later), later)
            entry[2] -= gain
            if catcher.account in TAXABLE:
                catcher.basis -= gain
                if held_from is not None and catcher.held_from is not None:
                    gap = max(catcher.bought - row.day, 0)
                    catcher.held_from = min(catcher.held_from, held_from + gap)
            else:
                entry[3] -= gain

    def _against_its_basis(self, share: Share, price: Fraction) -> tuple[Fraction, int | None]:
        """Return gain and start of the holding period: a gift that lost its donor money gains less and loses less."""
        if share.given is None or share.given[0] >= share.basis or price > share.basis:
            return price - share.basis, share.held_from
        worth, day = share.given
        return (price - worth, day) if price < worth else (Fraction(0), share.held_from)

    def _may_replace(self, sold: Share, day: int) -> Iterator[Share]:
        for share in self.shares:  # in the order in which they were bought
            later = max(share.bought, day)
            if (
                abs(share.bought - day) <= 30
                and self._group_on(self._name_on(share, later), later) == self._group_on(sold.security, later)
                and share.cause != sold.cause
                and not share.used
                and (share.bought > day or share.left_on > day)
            ):
                yield share

    def _name_on(self, share: Share, day: int) -> str:
        return share.was if share.was and day < self.exchanged_on else share.security

    def _group_on(self, security: str, day: int) -> str:
        """Return what a name is identical with on a day: X and what it became are one once it has."""
        return "Z" if security == "X" and day >= self.exchanged_on else GROUPS.get(security, security)


def term(held_from: int | None, sold_on: int) -> str:
    """Return "LT" for shares held for more than a year, by the calendar: a month's last day answers to the last day."""
    if held_from is None:
        return ""
    start, end = START + timedelta(days=held_from), START + timedelta(days=sold_on)
    last = monthrange(start.year + 1, start.month)[1]
    month_end = start.day == monthrange(start.year, start.month)[1]
    anniversary = (start.year + 1, start.month, last if month_end else start.day)
    return "LT" if (end.year, end.month, end.day) > anniversary else "ST"
