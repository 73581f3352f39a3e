"""Which orders does an approved plan become? One for each trade, named so that it can never be sent twice."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from engine.domain.accounts import Account, Lot
from engine.domain.errors import CheckFailed, DataError
from engine.domain.identifiers import AccountId, ClOrdId, LotId, PlanId, SecurityId, UserId
from engine.domain.market import Security
from engine.domain.orders import LotInstruction, Order
from engine.domain.plans import LotSale, Plan, PlanStatus, Run, Side, Trade
from engine.plan.document import plan_document
from engine.plan.document import plan_id as hash_of

_ID_LENGTH: Final = 20  # the shortest limit on tag 11 in common use at brokers
_ANY_RUN: Final = Run(solver="", fallback=False, solve_ms=0.0, total_ms=0.0)  # a plan's id does not depend on its run


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedPlan:
    """A plan with the approval that belongs to its hash: the only thing that orders are made from.

    approved_at carries a time zone. Raises CheckFailed when plan_id is not the hash of the plan's document, or the
    plan is infeasible.
    """

    plan_id: PlanId
    plan: Plan
    approver: UserId
    approved_at: datetime

    def __post_init__(self) -> None:
        found = hash_of(plan_document(self.plan, _ANY_RUN))
        if found != self.plan_id:
            raise CheckFailed(f"approval of plan {self.plan_id}: the plan handed over hashes to {found}")
        if self.plan.status is PlanStatus.INFEASIBLE:
            raise CheckFailed(f"plan {self.plan_id} is infeasible; there is nothing to approve")
        if self.approved_at.utcoffset() is None:
            raise ValueError(f"approval of plan {self.plan_id}: approved_at must carry a time zone")


def build_orders(
    approved: ApprovedPlan, account: Account, securities: Mapping[SecurityId, Security], lots: Sequence[Lot]
) -> tuple[Order, ...]:
    """Return one order for each trade of an approved plan, by security and side; see orders_if_approved."""
    return orders_if_approved(approved.plan_id, approved.plan, account, securities, lots)


def orders_if_approved(
    plan_id: PlanId, plan: Plan, account: Account, securities: Mapping[SecurityId, Security], lots: Sequence[Lot]
) -> tuple[Order, ...]:
    """Return the orders that a plan becomes once it is approved, for people to look at before; never to be sent.

    lots are the account's open lots; sell orders name them with their day of purchase and cost per share. Raises
    DataError when the plan is another account's, or trades a security or sells shares that are not there.
    """
    if plan.account_id != account.account_id:
        raise DataError(f"plan {plan_id} is for account {plan.account_id}, found account {account.account_id}")
    held = {lot.lot_id: lot for lot in lots if lot.account_id == account.account_id}
    trades = sorted(plan.trades, key=lambda trade: (trade.security_id, trade.side))
    orders = tuple(_order(plan_id, account, trade, _security(trade, securities), held) for trade in trades)
    if len({order.cl_ord_id for order in orders}) != len(orders):
        raise DataError(f"plan {plan_id}: expected one trade a security and side, found two of one")
    return orders


def identifier(prefix: str, *parts: str) -> ClOrdId:
    """Return an order id of 20 characters, A-Z and 2-7, that depends on every part and on nothing else.

    It keeps 95 bits of a SHA-256: among a million million orders a clash has odds below one in 10,000.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return ClOrdId((prefix + base64.b32encode(digest).decode())[:_ID_LENGTH])


def _order(plan: PlanId, account: Account, trade: Trade, security: Security, held: Mapping[LotId, Lot]) -> Order:
    cl_ord_id = identifier("L", plan, account.account_id, trade.security_id, trade.side)
    return Order(
        cl_ord_id=cl_ord_id,
        plan_id=plan,
        account_id=account.account_id,
        account_number=account.account_number,
        custodian=account.custodian,
        security_id=trade.security_id,
        ticker=security.ticker,
        cusip=security.cusip,
        side=trade.side,
        quantity=trade.quantity,
        reference_price=trade.price,
        lots=_instructions(account.account_id, trade, held) if trade.side is Side.SELL else (),
    )


def _security(trade: Trade, securities: Mapping[SecurityId, Security]) -> Security:
    if trade.security_id not in securities:
        raise DataError(f"trade in {trade.security_id}: expected a known security, found none of that id")
    return securities[trade.security_id]


def _instructions(account_id: AccountId, trade: Trade, held: Mapping[LotId, Lot]) -> tuple[LotInstruction, ...]:
    sold: dict[LotId, Decimal] = {}
    for sale in trade.lots:
        sold[sale.lot_id] = sold.get(sale.lot_id, Decimal(0)) + sale.quantity
        _check_sale(account_id, trade, sale, held.get(sale.lot_id), sold[sale.lot_id])
    return tuple(
        LotInstruction(
            lot_id=lot_id,
            quantity=quantity,
            acquired=held[lot_id].acquired,
            cost_per_share=held[lot_id].cost_per_share,
        )
        for lot_id, quantity in sold.items()
    )


def _check_sale(account_id: AccountId, trade: Trade, sale: LotSale, lot: Lot | None, sold: Decimal) -> None:
    place = f"account {account_id}, sale of {trade.security_id}, lot {sale.lot_id}"
    if lot is None or lot.security_id != trade.security_id:
        raise DataError(f"{place}: expected an open lot of {trade.security_id}, found none of that id")
    if sold > lot.quantity:
        raise DataError(f"{place}: expected at most {lot.quantity} shares, found {sold}")
