"""Small blocks and the parties of a FIX session for the tests of the FIX connector."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectors.fix.dialects import DIALECTS
from connectors.fix.messages import message
from engine.domain.identifiers import AccountId, ClOrdId, LotId, PlanId, SecurityId
from engine.domain.orders import Block, LotInstruction, Order
from engine.domain.plans import Side

RELEASED = datetime(2024, 3, 4, 15, 4, 5, 678901, tzinfo=UTC)


def make_block(
    name: str = "BLOCK1",
    *,
    ticker: str = "ABC",
    side: Side = Side.BUY,
    quantities: Sequence[str] = ("30", "20"),
    custodian: str = "Alpha",
    cusip: str | None = "037833100",
    account: str = "77-{}",
    lot_id: str = "LOT-{}",
) -> Block:
    """One block; account n is numbered 77-n and sells lot LOT-n, bought 2020-05-06 at 90.25."""
    orders = tuple(
        Order(
            cl_ord_id=ClOrdId(f"{name}O{n}"),
            plan_id=PlanId("p" * 64),
            account_id=AccountId(f"A{n}"),
            account_number=account.format(n),
            custodian=custodian,
            security_id=SecurityId(ticker),
            ticker=ticker,
            cusip=cusip,
            side=side,
            quantity=Decimal(quantity),
            reference_price=Decimal(100),
            lots=(
                LotInstruction(
                    lot_id=LotId(lot_id.format(n)),
                    quantity=Decimal(quantity),
                    acquired=date(2020, 5, 6),
                    cost_per_share=Decimal("90.2500"),
                ),
            )
            if side is Side.SELL
            else (),
        )
        for n, quantity in enumerate(quantities, start=1)
    )
    return Block(
        cl_ord_id=ClOrdId(name),
        custodian=custodian,
        security_id=SecurityId(ticker),
        ticker=ticker,
        cusip=cusip,
        side=side,
        quantity=sum((order.quantity for order in orders), Decimal(0)),
        allocations=orders,
    )


def make_order_text(
    block: Block, *, at: datetime = RELEASED, target: str = "ALPHA", version: str = "FIX.4.4", lots: bool = False
) -> str:
    """The block as the whole FIX message that is exported and put in the outbox."""
    dialect = DIALECTS[version]
    said = dialect.new_order(block, at=at, lots=lots)
    return message(*said, sender="LOTSMITH", target=target, sequence=1, sent=at, begin=dialect.begin).decode()


@pytest.fixture
def block() -> Callable[..., Block]:
    return make_block


@pytest.fixture
def order_text() -> Callable[..., str]:
    return make_order_text


@pytest.fixture
def released() -> datetime:
    return RELEASED
