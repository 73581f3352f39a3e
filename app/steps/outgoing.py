"""What would go where? The blocks that sending some plans sends, by custodian, before anything is sent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.ports import Services
from app.steps.market import todays_market
from connectors.fix.export import file_names
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, PlanId
from engine.domain.orders import Block, LotInstruction, Order
from engine.domain.plans import Side
from engine.execute.blocks import build_blocks
from engine.execute.orders import orders_if_approved
from engine.plan.document import canonical_json, plan_from_document

_SENDER: Final = "LOTSMITH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What goes, or would go, to one custodian. comp_id: its name in FIX; files: the order file, then the lot sheet."""

    custodian: str
    comp_id: str
    files: tuple[str, str]
    blocks: tuple[Block, ...]

    @property
    def orders(self) -> tuple[Order, ...]:
        """The accounts' own orders, block by block."""
        return tuple(order for block in self.blocks for order in block.allocations)

    def usd(self, side: Side) -> Decimal:
        """Return what is bought or sold here, USD at the plans' prices."""
        return sum((notional(block) for block in self.blocks if block.side is side), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Everything that one sending of some plans sends. sender: our name in FIX; seal: see seal_of."""

    plan_ids: tuple[PlanId, ...]
    sender: str
    destinations: tuple[Destination, ...]
    seal: str

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for destination in self.destinations for block in destination.blocks)

    def usd(self, side: Side) -> Decimal:
        """Return what is bought or sold in all, USD at the plans' prices."""
        return sum((destination.usd(side) for destination in self.destinations), Decimal(0))


def outgoing(services: Services, plan_ids: Sequence[PlanId]) -> Outgoing:
    """Return what sending these plans together would send, approved or not, built as it is built for sending.

    Raises DataError for two plans of one account, and as build_orders does where a lot or security is gone.
    """
    one_plan_an_account(services, plan_ids)
    orders: list[Order] = []
    for plan_id in sorted(plan_ids):
        plan, _ = plan_from_document(services.plans.get(plan_id).document)
        snapshot, securities = services.firm.snapshot(plan.account_id), todays_market(services).securities
        orders += orders_if_approved(plan_id, plan, snapshot.account, securities, snapshot.lots)
    own, there = sender(services), destinations(services, build_blocks(orders))
    return Outgoing(plan_ids=tuple(plan_ids), sender=own, destinations=there, seal=seal_of(own, there))


def destinations(services: Services, blocks: Iterable[Block]) -> tuple[Destination, ...]:
    """Return where blocks go, by custodian."""
    own: dict[str, list[Block]] = {}
    for block in blocks:
        own.setdefault(block.custodian, []).append(block)
    names = targets(services, own)
    return tuple(
        Destination(custodian=name, comp_id=names[name], files=file_names(name), blocks=tuple(own[name]))
        for name in sorted(own)
    )


def notional(block: Block) -> Decimal:
    """Return a block's shares at its plans' prices, USD to the cent."""
    worth = sum((order.quantity * order.reference_price for order in block.allocations), Decimal(0))
    return worth.quantize(Decimal("0.01"))


def one_plan_an_account(services: Services, plan_ids: Iterable[PlanId]) -> None:
    """Raise DataError where two of these plans are of one account: each was made without the other."""
    accounts: dict[AccountId, PlanId] = {}
    for plan_id in plan_ids:
        account_id = services.plans.get(plan_id).account_id
        if accounts.setdefault(account_id, plan_id) != plan_id:
            raise DataError(f"account {account_id}: expected one plan of it to send, found two")


def targets(services: Services, custodians: Iterable[str]) -> Mapping[str, str]:
    """Return each custodian's name in FIX (TargetCompID): the firm's setting, or its letters and digits."""
    named = services.connections.get("fix", {}).get("targets", {})
    return {name: named.get(name, _comp_id(name)) for name in custodians}


def sender(services: Services) -> str:
    """Return the firm's own name in FIX (SenderCompID)."""
    own: str = services.connections.get("fix", {}).get("sender", _SENDER)
    return own


def seal_of(sender: str, destinations: Iterable[Destination]) -> str:
    """Return a SHA-256 over who sends what to whom: both names in FIX, every block, its allocations and their lots."""
    told = sorted([sender, each.comp_id, *_block(block)] for each in destinations for block in each.blocks)
    return hashlib.sha256(canonical_json(told)).hexdigest()


def _block(block: Block) -> list[Any]:
    allocations = [
        [order.account_number, order.cl_ord_id, str(order.quantity), *map(_lot, order.lots)]
        for order in block.allocations
    ]
    return [
        block.cl_ord_id, block.custodian, block.ticker, block.cusip, block.side, str(block.quantity), allocations,
    ]  # fmt: skip


def _lot(lot: LotInstruction) -> list[str]:
    return [lot.lot_id, str(lot.quantity), lot.acquired.isoformat(), str(lot.cost_per_share)]


def _comp_id(custodian: str) -> str:
    return "".join(letter for letter in custodian.upper() if letter.isalnum())
