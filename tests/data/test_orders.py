"""Orders are stored once, executions counted once, files named by their bytes."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from data.orders import (
    Acknowledgement,
    OrderStore,
    record_acknowledgements,
    record_files,
    record_fills,
    save_blocks,
)
from engine.domain.errors import CheckFailed, DataError
from engine.domain.orders import Block, Fill, LotInstruction, Order
from engine.domain.plans import Side


def order(cl_ord_id: str, plan_id: str, account_id: str, quantity: str, side: Side = Side.SELL) -> Order:
    lot = LotInstruction(
        lot_id="L1", quantity=Decimal(quantity), acquired=date(2024, 2, 29), cost_per_share=Decimal("10.10")
    )
    return Order(
        cl_ord_id=cl_ord_id,
        plan_id=plan_id,
        account_id=account_id,
        account_number="N-" + account_id,
        custodian="North",
        security_id="AAA",
        ticker="A",
        cusip=None,
        side=side,
        quantity=Decimal(quantity),
        reference_price=Decimal("20.00"),
        lots=(lot,) if side is Side.SELL else (),
    )


def block(cl_ord_id: str, *orders: Order) -> Block:
    first = orders[0]
    return Block(
        cl_ord_id=cl_ord_id,
        custodian="North",
        security_id="AAA",
        ticker="A",
        cusip=None,
        side=first.side,
        quantity=sum((order.quantity for order in orders), Decimal(0)),
        allocations=orders,
    )


@pytest.fixture
def plans(draft) -> tuple[str, str]:
    return draft("A1"), draft("A2")


@pytest.fixture
def blocks(plans) -> tuple[Block, ...]:
    """Two accounts sell together; one of them buys as well."""
    one, two = plans
    return (
        block("B1", order("O9", one, "A1", "10.0"), order("O2", two, "A2", "5")),
        block("B2", order("O3", one, "A1", "7", Side.BUY)),
    )


@pytest.fixture
def orders(database, blocks) -> OrderStore:
    with database.begin() as connection:
        save_blocks(connection, blocks)
    return OrderStore(database)


@pytest.fixture
def fill(at) -> Fill:
    return Fill(exec_id="X1", cl_ord_id="B1", quantity=Decimal("3"), price=Decimal("20.010"), executed_at=at)


def test_orders_and_blocks_come_back_exactly(orders, blocks, plans):
    one, two = plans

    assert repr(orders.orders(one)) == repr((blocks[0].allocations[0], blocks[1].allocations[0]))
    assert repr(orders.blocks(one)) == repr(blocks)
    assert repr(orders.blocks(two)) == repr(blocks[:1])  # whole: with the other plan's order
    assert orders.block("B2") == blocks[1]


def test_saving_the_same_blocks_again_changes_nothing(orders, database, blocks, plans):
    with database.begin() as connection:
        save_blocks(connection, blocks)

    assert orders.blocks(plans[0]) == blocks


def test_an_order_that_differs_under_the_same_id_is_refused(orders, database, blocks, plans):
    changed = replace(blocks[1].allocations[0], quantity=Decimal(8))
    moved = block("B3", blocks[1].allocations[0])

    with database.begin() as connection:
        with pytest.raises(CheckFailed, match="blocks B2: expected the same content as before, found another quantity"):
            save_blocks(connection, [block("B2", changed)])
        with pytest.raises(CheckFailed, match=r"orders O3: .* another block_id"):
            save_blocks(connection, [moved])


def test_an_order_without_its_plan_is_refused(orders, database):
    stray = block("B7", order("O7", "no such plan", "A1", "1"))

    with pytest.raises(IntegrityError), database.begin() as connection:
        save_blocks(connection, [stray])

    with pytest.raises(DataError, match="block B7: expected one that was sent"):
        orders.block("B7")


def test_an_execution_reported_twice_counts_once(orders, database, fill, plans):
    with database.begin() as connection:
        first, again = record_fills(connection, [fill]), record_fills(connection, [fill])

    assert (first, again) == (1, 0)
    assert repr(orders.fills(plans[0])) == repr((fill,))
    assert orders.fills(plans[1]) == (fill,)


def test_two_brokers_may_use_the_same_execution_id(orders, database, fill, plans, at):
    other = replace(fill, cl_ord_id="B2", executed_at=at - timedelta(seconds=1))

    with database.begin() as connection:
        assert record_fills(connection, [fill])
        assert record_fills(connection, [other])

    assert orders.fills(plans[0]) == (other, fill)  # by time


def test_an_execution_with_another_content_or_of_no_block_is_refused(orders, database, fill):
    with database.begin() as connection:
        record_fills(connection, [fill])
        with pytest.raises(CheckFailed, match="fills B1 X1: expected the same content as before, found another price"):
            record_fills(connection, [replace(fill, price=Decimal(21))])
        with pytest.raises(DataError, match="block B9: expected one that was sent"):
            record_fills(connection, [replace(fill, cl_ord_id="B9")])


def test_acknowledgements_are_kept_once_by_message(orders, database, plans, at):
    answer = Acknowledgement(message_id="P1", cl_ord_id="B2", status="accepted", text="", at=at)

    with database.begin() as connection:
        assert record_acknowledgements(connection, [answer])
        assert not record_acknowledgements(connection, [answer])

    assert orders.acknowledgements(plans[0]) == (answer,)
    assert orders.acknowledgements(plans[1]) == ()


def test_a_file_made_again_must_have_the_same_bytes(orders, database, plans, at):
    plan_id = plans[0]
    files = {"orders.fix": "aa" * 32, "lots.csv": "bb" * 32}

    with database.begin() as connection:
        record_files(connection, plan_id, files, at=at)
        record_files(connection, plan_id, files, at=at + timedelta(days=1))
        with pytest.raises(CheckFailed, match=r"exported_files .* lots\.csv: .* another sha256"):
            record_files(connection, plan_id, {"lots.csv": "cc" * 32}, at=at)

    found = orders.files(plan_id)
    assert [(file.file_name, file.sha256, file.at) for file in found] == [
        ("lots.csv", "bb" * 32, at),
        ("orders.fix", "aa" * 32, at),
    ]
