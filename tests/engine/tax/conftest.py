"""A household's history told row by row: accounts "taxable", "joint", "ira" and "roth", security "X" unless said."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Account, AccountBook, Lot, Registration, Transaction, TransactionType
from engine.tax.wash_sales import Ledger, ledger, locks

REGISTRATIONS = {
    "taxable": Registration.TAXABLE,
    "joint": Registration.TAXABLE,
    "ira": Registration.IRA,
    "roth": Registration.ROTH,
}


class Story:
    """Rows and lots of one household; ids count up in the order of telling: t1, t2, ..."""

    def __init__(self) -> None:
        self.rows: list[Transaction] = []
        self.lots: list[Lot] = []
        self.groups: dict[str, str] = {}

    def buy(self, on, quantity, price, *, kind=TransactionType.BUY, account="taxable", security="X", **more):
        return self._row(kind, on, quantity, price, account, security, **more)

    def reinvest(self, on, quantity, price, **more):
        return self.buy(on, quantity, price, kind=TransactionType.REINVEST, **more)

    def sell(self, on, quantity, price, *, account="taxable", security="X", **more):
        return self._row(TransactionType.SELL, on, quantity, price, account, security, **more)

    def split(self, on, ratio, *, account="taxable", security="X"):
        return self._row(TransactionType.SPLIT, on, ratio, 0, account, security)

    def give(self, on, quantity, *, account="taxable", security="X", **more):
        return self._row(TransactionType.GIFT, on, quantity, 0, account, security, **more)

    def move_out(self, on, quantity, *, account="taxable", security="X", **more):
        return self._row(TransactionType.TRANSFER_OUT, on, quantity, 0, account, security, **more)

    def move_in(self, on, quantity, *, account="joint", security="X", **more):
        return self._row(TransactionType.TRANSFER_IN, on, quantity, 0, account, security, **more)

    def holds(self, lot_id, acquired, quantity, cost, *, account="taxable", security="X", **more):
        """Put an open lot into the account's book. more: wash, start, gift=(USD a share, day)."""
        wash, start, gift = more.pop("wash", None), more.pop("start", None), more.pop("gift", None)
        assert not more
        self.lots.append(
            Lot(
                account_id=account,
                lot_id=lot_id,
                security_id=security,
                quantity=D(str(quantity)),
                cost_per_share=D(str(cost)),
                acquired=date.fromisoformat(acquired),
                wash_adjustment=None if wash is None else D(str(wash)),
                holding_start=None if start is None else date.fromisoformat(start),
                **given(gift),
            )
        )

    def books(self) -> list[AccountBook]:
        return [
            AccountBook(
                account=account(name, registration),
                lots=tuple(lot for lot in self.lots if lot.account_id == name),
                transactions=tuple(row for row in self.rows if row.account_id == name),
            )
            for name, registration in REGISTRATIONS.items()
        ]

    def ledger(self, as_of="2030-01-02") -> Ledger:
        return ledger(self.books(), as_of=date.fromisoformat(as_of), groups=self.groups)

    def locks(self, as_of, pending=()) -> Mapping[tuple[str, str, str], str]:
        """Return {(group, rule, cause): first free day} of what locks() says."""
        found = locks(self.books(), as_of=date.fromisoformat(as_of), groups=self.groups, pending=pending)
        return {(lock.identical_group, lock.rule.value, lock.cause): lock.until.isoformat() for lock in found}

    def _row(self, kind, on, quantity, price, account, security, *, lot=None, basis=None, gift=None):
        row = Transaction(
            transaction_id=f"t{len(self.rows) + 1}",
            account_id=account,
            trade_date=date.fromisoformat(on),
            security_id=security,
            type=kind,
            quantity=D(str(quantity)),
            price=D(str(price)),
            lot_id=lot,
            basis=None if basis is None else D(str(basis)),
            **given(gift),
        )
        self.rows.append(row)
        return row.transaction_id


def given(gift: tuple[object, str] | None) -> dict[str, object]:
    """Return the fields of a gift: what a share was worth, and the day."""
    return {} if gift is None else {"gift_price": D(str(gift[0])), "gift_date": date.fromisoformat(gift[1])}


def account(name: str, registration: Registration) -> Account:
    return Account(
        account_id=name,
        household_id="H",
        registration=registration,
        custodian="One",
        account_number=name,
        model_id="M",
        cash=D(0),
        st_rate=D("0.4"),
        lt_rate=D("0.2"),
        ytd_st_gain=D(0),
        ytd_lt_gain=D(0),
        st_carryforward=D(0),
        lt_carryforward=D(0),
    )


@pytest.fixture
def story() -> Story:
    return Story()
