"""What goes to a custodian, and what comes back? Orders, blocks, allocations, lot instructions, fills."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from engine.domain.identifiers import AccountId, ClOrdId, LotId, PlanId, SecurityId
from engine.domain.plans import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class LotInstruction:
    """Sell these shares of this lot; acquired and cost_per_share identify it where a custodian knows no lot ids."""

    lot_id: LotId
    quantity: Decimal
    acquired: date
    cost_per_share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One account's order in one security. reference_price is the plan's mark, USD a share; orders go out at market."""

    cl_ord_id: ClOrdId
    plan_id: PlanId
    account_id: AccountId
    account_number: str
    custodian: str
    security_id: SecurityId
    ticker: str
    cusip: str | None
    side: Side
    quantity: Decimal
    reference_price: Decimal
    lots: tuple[LotInstruction, ...]

    def __post_init__(self) -> None:
        if not self.quantity > 0:
            raise ValueError(f"order {self.cl_ord_id}: quantity must be > 0, got {self.quantity}")
        if self.side is Side.SELL and sum(lot.quantity for lot in self.lots) != self.quantity:
            raise ValueError(f"order {self.cl_ord_id}: lots must sum to {self.quantity}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Orders of many accounts in one security and side at one custodian, sent as one with pre-trade allocations."""

    cl_ord_id: ClOrdId
    custodian: str
    security_id: SecurityId
    ticker: str
    cusip: str | None
    side: Side
    quantity: Decimal
    allocations: tuple[Order, ...]

    def __post_init__(self) -> None:
        if sum(order.quantity for order in self.allocations) != self.quantity:
            raise ValueError(f"block {self.cl_ord_id}: allocations must sum to {self.quantity}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of a block (FIX 35=8). exec_id (tag 17) makes it unique; price is USD a share of this execution."""

    exec_id: str
    cl_ord_id: ClOrdId
    quantity: Decimal
    price: Decimal
    executed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A person's wish to take back what is left of a block (quantity 0), or to have no more than quantity shares of it.

    cl_ord_id names the wish itself; replaces is the id under which the custodian holds the order at that time.
    """

    cl_ord_id: ClOrdId
    block_id: ClOrdId
    replaces: ClOrdId
    quantity: Decimal

    @property
    def cancels(self) -> bool:
        return not self.quantity
