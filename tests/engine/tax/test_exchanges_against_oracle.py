"""Mergers and spin-offs in the ledger against counting share by share, on random households."""

import random
from datetime import timedelta
from fractions import Fraction

import pytest

from engine.tax.history import read_history
from engine.tax.wash_sales import ledger
from tests.engine.tax.agreement import different, losses, lots_of, matches, reported
from tests.engine.tax.oracle import ACCOUNTS, BOOK_DATE, GROUPS, NEVER, START, TAXABLE, Oracle
from tests.engine.tax.random_histories import DAYS, History, books


class WithAction(History):
    """A household whose X becomes Z, with or without money beside it, or gives C, each two shares for one."""

    def __init__(self, seed: int) -> None:
        self.kind = ("exchange", "money", "spin_off")[seed % 3]
        self.day = random.Random(seed).choice([25, 60, 100])
        self.done = False
        super().__init__(seed)

    def _splits(self) -> dict[int, str]:
        return {}

    def _arrivals(self, day: int) -> None:
        if day == self.day and not any(out.security == "X" for _, out, _ in self.travelling):
            self.done = True
            for account in ACCOUNTS:
                for lot in dict.fromkeys(entry[1] for entry in self.held[account, "X"]):
                    self._act(day, account, lot)
        super()._arrivals(day)

    def _act(self, day: int, account: str, lot: str) -> None:
        entries = [entry for entry in self.held[account, "X"] if entry[1] == lot]
        quantity = sum((entry[2] for entry in entries), Fraction(0))
        bought = min(entry[0] for entry in entries)
        told = {"acquired": BOOK_DATE if bought == -NEVER else bought}
        if self.kind == "spin_off":
            out = self._add(day, "spin_off", account, "X", quantity, 0, lot)
            self.rows[-1] = out._replace(part=Fraction(1, 4), **told)
            name, security = f"{lot}+C", "C"
            self._hold(account, "C", [[entry[0], name, entry[2] * 2] for entry in entries])
        else:
            out = self._add(day, "exchange_out", account, "X", quantity, 22 if self.kind == "money" else 0, lot)
            self.rows[-1] = out._replace(cash=3 if self.kind == "money" else 0, **told)
            name, security = lot, "Z"
            self.held[account, "X"] = [entry for entry in self.held[account, "X"] if entry[1] != lot]
            self._hold(account, "Z", [[entry[0], name, entry[2] * 2] for entry in entries])
        self._add(day, "exchange_in", account, security, quantity * 2, 0, name)
        self.rows[-1] = self.rows[-1]._replace(origin=out.name)

    def _trade(self, day: int, account: str, security: str) -> None:
        if self.done and security == "X":
            security = "Z" if self.kind != "spin_off" else self.dice.choice("XC")
        elif self.kind != "spin_off" and security == "X" and self.dice.random() < 0.2:
            security = "Z"  # which others traded before it took X over
        super()._trade(day, account, security)

    def _from_outside(self, day: int, account: str, security: str, price: int) -> None:
        if self.kind != "spin_off":  # a book that shows what was spun off does not tell whose the rest was
            super()._from_outside(day, account, security, price)


@pytest.mark.parametrize("seed", range(240))
def test_a_ledger_with_a_merger_or_a_spin_off_agrees_with_counting_share_by_share(seed: int) -> None:
    rows = WithAction(seed).rows
    as_of = random.Random(seed).choice([DAYS, DAYS, DAYS // 2])
    oracle = Oracle(rows, as_of)

    found = ledger(books(rows, oracle.open_lots()), as_of=START + timedelta(days=as_of), groups=GROUPS)

    departed = [lot for lot in found.departed if lot.account_id in TAXABLE]
    assert different("losses", losses(found), {(sale,): numbers for sale, numbers in oracle.losses.items()}) == []
    assert different("matches", matches(found), oracle.caught) == []
    assert different("reported gains", reported(found), oracle.reported) == []
    assert different("lots left", lots_of(found.lots), oracle.lots(departed=False)) == []
    assert different("lots gone", lots_of(departed), oracle.lots(departed=True)) == []


@pytest.mark.parametrize("seed", range(60))
def test_an_action_leaves_no_shares_too_many_or_too_few(seed: int) -> None:
    rows = WithAction(seed).rows
    oracle = Oracle(rows, DAYS)

    history = read_history(books(rows, oracle.open_lots()), as_of=START + timedelta(days=DAYS))

    assert (dict(history.imbalance), dict(history.unseen), history.opening) == ({}, {}, ())


def test_the_random_households_meet_each_kind_of_action_and_losses_across_it() -> None:
    told = [(seed, WithAction(seed).rows) for seed in range(60)]
    kinds = {row.kind for _, rows in told for row in rows}
    across = 0
    for _, rows in told:
        oracle = Oracle(rows, DAYS)
        security = {row.name: row.security for row in rows}
        across += sum(security[sale] != security[bought] for sale, bought in oracle.caught)

    assert {"exchange_out", "exchange_in", "spin_off"} <= kinds
    assert across > 5
