"""How long does the wash-sale ledger of one large household take, and does its cost grow linearly?

Target: a household with 100,000 transactions in under 2 seconds, and cost linear in transactions. Every shape is one
where something could be looked through again and again: lots of one name, purchases in the window, losses that wait.

Timed is what a user waits for, from the books in memory to the losses, matches, lots left and locks; apart from that,
what it takes to make the document of them. Books are made from a seed; one thread, the best of three runs, as wall and
as CPU seconds. pieces: shares of one lot in one sale; matches: purchases that caught some of them. A sale whose lots
caught losses in many parts has as many pieces, each a result of its own.

    python -m benchmarks.ledger > ledger.json
"""

import json
import platform
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from benchmarks.timing import progress, timed
from engine.domain.accounts import Account, AccountBook, Registration, Transaction, TransactionType
from engine.domain.identifiers import AccountId, HouseholdId, LotId, ModelId, SecurityId, TransactionId
from engine.tax.document import ledger_document
from engine.tax.wash_sales import ledger

SIZES: Final = (12_500, 25_000, 50_000, 100_000)
_START: Final = date(2010, 1, 4)
_ROWS_A_DAY: Final = 20  # a larger household of this benchmark has a longer history, not a denser one
_PHASE: Final = 400  # rows: twenty days
_ACCOUNTS: Final = (("taxable", Registration.TAXABLE), ("joint", Registration.TAXABLE), ("ira", Registration.IRA))


@dataclass(slots=True)
class _Rows:
    """Rows of one household while they are made, so many a day."""

    count: int
    chance: random.Random
    rows: list[Transaction] = field(default_factory=list)

    def add(
        self, kind: TransactionType, name: str, quantity: int, *, account: str = "taxable", lot: str | None = None
    ) -> None:
        number = len(self.rows)
        self.rows.append(
            Transaction(
                transaction_id=TransactionId(f"t{number}"),
                account_id=AccountId(account),
                trade_date=_START + timedelta(days=number // _ROWS_A_DAY),
                security_id=SecurityId(name),
                type=kind,
                quantity=Decimal(quantity),
                price=Decimal(self.chance.randrange(9_000, 11_000)) / 100,
                lot_id=None if lot is None else LotId(lot),
            )
        )

    @property
    def full(self) -> bool:
        return len(self.rows) >= self.count


def many_names(made: _Rows) -> None:
    """Few rows of each of many names: two purchases, a sale of part, a purchase elsewhere."""
    number = 0
    while not made.full:
        name, number = f"S{number}", number + 1
        made.add(TransactionType.BUY, name, 30)
        made.add(TransactionType.BUY, name, 20)
        made.add(TransactionType.SELL, name, 40)
        made.add(TransactionType.BUY, name, 10, account="ira" if number % 3 == 0 else "joint")


def one_name_by_lot(made: _Rows) -> None:
    """One name: a third of the rows buy lots, then each lot is sold in two parts, lots named at random."""
    lots = [f"L{k}" for k in range(made.count // 3)]
    for lot in lots:
        made.add(TransactionType.BUY, "X", 10, lot=lot)
    parts = 2 * lots
    made.chance.shuffle(parts)
    for lot in parts:
        made.add(TransactionType.SELL, "X", 5, lot=lot)


def one_name_fifo(made: _Rows) -> None:
    """One name: half of the rows buy lots, then as many sales take the oldest shares."""
    for _ in range(made.count // 2):
        made.add(TransactionType.BUY, "X", 10)
    while not made.full:
        made.add(TransactionType.SELL, "X", 10)


def daily_reinvestment(made: _Rows) -> None:
    """Twenty names that reinvest in every account all the time; each tenth row sells a part of what that brought."""
    number = 0
    while not made.full:
        name, number = f"F{number % 20}", number + 1
        for account in 3 * ("taxable", "joint", "ira"):
            made.add(TransactionType.REINVEST, name, 2, account=account)
        made.add(TransactionType.SELL, name, made.chance.randrange(1, 6))


def losses_and_replacements(made: _Rows) -> None:
    """One name, bought and sold in turn in small parts by every account: losses and purchases compete all the time."""
    held = dict.fromkeys((name for name, _ in _ACCOUNTS), 0)
    while not made.full:
        account = made.chance.choice(list(held))
        quantity = made.chance.randrange(1, 40)
        if held[account] < quantity or made.chance.random() < 0.5:
            made.add(TransactionType.BUY, "X", quantity, account=account)
            held[account] += quantity
        else:
            made.add(TransactionType.SELL, "X", quantity, account=account)
            held[account] -= quantity


def losses_that_wait(made: _Rows) -> None:
    """One name: twenty days of sales and nothing bought, then twenty days of purchases of single shares."""
    made.add(TransactionType.BUY, "X", 100 * made.count)
    while not made.full:
        for _ in range(_PHASE):
            made.add(TransactionType.SELL, "X", 2)
        for _ in range(_PHASE):
            made.add(TransactionType.BUY, "X", 1)


SHAPES: Final[tuple[Callable[[_Rows], None], ...]] = (
    many_names,
    one_name_by_lot,
    one_name_fifo,
    daily_reinvestment,
    losses_and_replacements,
    losses_that_wait,
)


def household(shape: Callable[[_Rows], None], transactions: int) -> list[AccountBook]:
    """Return the books of a household of one shape."""
    made = _Rows(transactions, random.Random(transactions))
    shape(made)
    return [
        AccountBook(
            account=_account(name, registration),
            lots=(),
            transactions=tuple(row for row in made.rows[:transactions] if row.account_id == name),
        )
        for name, registration in _ACCOUNTS
    ]


def measured(shape: Callable[[_Rows], None], transactions: int) -> dict[str, Any]:
    """Return the seconds of one ledger and of its document, and how much is in it."""
    books = household(shape, transactions)
    as_of = _START + timedelta(days=transactions // _ROWS_A_DAY)
    computed = timed(lambda: ledger(books, as_of=as_of, groups={}), runs=3)
    written = timed(lambda: len(ledger_document([computed.result])["losses"]), runs=3)
    found = {
        "wall_s": round(computed.wall_ms / 1e3, 3),
        "cpu_s": round(computed.cpu_ms / 1e3, 3),
        "document_wall_s": round(written.wall_ms / 1e3, 3),
        "document_cpu_s": round(written.cpu_ms / 1e3, 3),
        "losses": written.result,
        "pieces": len(computed.result.realised),
        "matches": sum(len(loss.matches) for loss in computed.result.losses),
        "lots": len(computed.result.lots),
    }
    progress(f"{shape.__name__} {transactions}: {found}")
    return found


def _account(name: str, registration: Registration) -> Account:
    zero = Decimal(0)
    return Account(
        account_id=AccountId(name),
        household_id=HouseholdId("H"),
        registration=registration,
        custodian="One",
        account_number=name,
        model_id=ModelId("M"),
        cash=zero,
        st_rate=zero,
        lt_rate=zero,
        ytd_st_gain=zero,
        ytd_lt_gain=zero,
        st_carryforward=zero,
        lt_carryforward=zero,
    )


def main() -> None:
    found = {shape.__name__: {str(size): measured(shape, size) for size in SIZES} for shape in SHAPES}
    print(json.dumps({"processor": platform.processor() or platform.machine(), "shapes": found}, indent=1))


if __name__ == "__main__":
    main()
