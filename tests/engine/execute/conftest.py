"""Small plans, orders and blocks for the tests of execution."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from engine.domain.accounts import Account, AccountBook, Lot, Registration
from engine.domain.identifiers import AccountId, ClOrdId, HouseholdId, LotId, ModelId, PlanId, SecurityId
from engine.domain.orders import Block, Fill, LotInstruction, Order
from engine.domain.plans import Side

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)


def make_account(account_id: str = "A1", cash: str = "1000", custodian: str = "Alpha") -> Account:
    return Account(
        account_id=AccountId(account_id),
        household_id=HouseholdId("H1"),
        registration=Registration.TAXABLE,
        custodian=custodian,
        account_number=f"{account_id}-77",
        model_id=ModelId("M1"),
        cash=Decimal(cash),
        st_rate=Decimal("0.40"),
        lt_rate=Decimal("0.25"),
        ytd_st_gain=Decimal(0),
        ytd_lt_gain=Decimal(0),
        st_carryforward=Decimal(0),
        lt_carryforward=Decimal(0),
    )


def make_lot(lot_id: str, quantity: str, cost: str, *, security: str = "X", adjustment: str | None = None) -> Lot:
    return Lot(
        account_id=AccountId("A1"),
        lot_id=LotId(lot_id),
        security_id=SecurityId(security),
        quantity=Decimal(quantity),
        cost_per_share=Decimal(cost),
        acquired=date(2020, 5, 6),
        wash_adjustment=None if adjustment is None else Decimal(adjustment),
    )


def make_order(
    name: str,
    quantity: str,
    *,
    side: Side = Side.BUY,
    account_id: str = "A1",
    security: str = "X",
    custodian: str = "Alpha",
    price: str = "100",
    lots: tuple[tuple[str, str], ...] = (),
) -> Order:
    return Order(
        cl_ord_id=ClOrdId(name),
        plan_id=PlanId("p" * 64),
        account_id=AccountId(account_id),
        account_number=f"{account_id}-77",
        custodian=custodian,
        security_id=SecurityId(security),
        ticker=security,
        cusip=None,
        side=side,
        quantity=Decimal(quantity),
        reference_price=Decimal(price),
        lots=tuple(
            LotInstruction(
                lot_id=LotId(lot_id), quantity=Decimal(shares), acquired=date(2020, 5, 6), cost_per_share=Decimal(90)
            )
            for lot_id, shares in lots
        ),
    )


def make_block(*orders: Order, name: str = "B1") -> Block:
    first = orders[0]
    return Block(
        cl_ord_id=ClOrdId(name),
        custodian=first.custodian,
        security_id=first.security_id,
        ticker=first.ticker,
        cusip=first.cusip,
        side=first.side,
        quantity=sum((order.quantity for order in orders), Decimal(0)),
        allocations=orders,
    )


def make_fill(exec_id: str, quantity: str, price: str, *, block: str = "B1") -> Fill:
    return Fill(
        exec_id=exec_id,
        cl_ord_id=ClOrdId(block),
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at=NOON,
    )


def make_book(*lots: Lot, cash: str = "1000") -> AccountBook:
    return AccountBook(account=make_account(cash=cash), lots=lots, transactions=())


@pytest.fixture
def order() -> Callable[..., Order]:
    return make_order


@pytest.fixture
def block() -> Callable[..., Block]:
    return make_block


@pytest.fixture
def fill() -> Callable[..., Fill]:
    return make_fill


@pytest.fixture
def lot() -> Callable[..., Lot]:
    return make_lot


@pytest.fixture
def book() -> Callable[..., AccountBook]:
    return make_book


@pytest.fixture
def account() -> Account:
    return make_account()
