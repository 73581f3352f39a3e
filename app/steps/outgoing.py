"""What would go where? The blocks that sending some plans sends, by custodian, before anything is sent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.ports import Services
from app.steps.market import todays_market
from connectors.fix import destinations as profile
from connectors.fix.destinations import LotHandling, Route
from connectors.fix.export import file_names
from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, PlanId
from engine.domain.orders import Block, LotInstruction, Order
from engine.domain.plans import Side
from engine.execute.blocks import build_blocks
from engine.execute.fallback import AtRisk, at_risk, total
from engine.execute.orders import orders_if_approved
from engine.plan.document import canonical_json, plan_from_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What goes, or would go, to one custodian. risk: what its default closing method would cost; None: not asked."""

    profile: profile.Destination
    blocks: tuple[Block, ...]
    risk: AtRisk | None = None

    @property
    def custodian(self) -> str:
        return self.profile.custodian

    @property
    def comp_id(self) -> str:
        """Its name in FIX."""
        return self.profile.target

    @property
    def files(self) -> tuple[str, ...]:
        """The order file, where it gets one, then the lot sheet."""
        return file_names(self.profile)

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
    risks: dict[str, list[AtRisk]] = {}
    for plan_id in sorted(plan_ids):
        plan, _ = plan_from_document(services.plans.get(plan_id).document)
        snapshot, securities = services.firm.snapshot(plan.account_id), todays_market(services).securities
        made = orders_if_approved(plan_id, plan, snapshot.account, securities, snapshot.lots)
        risks.setdefault(snapshot.account.custodian, []).append(_risk(services, made, snapshot))
        orders += made
    totals = {name: total(parts) for name, parts in risks.items()}
    own, there = sender(services), destinations(services, build_blocks(orders), totals)
    return Outgoing(plan_ids=tuple(plan_ids), sender=own, destinations=there, seal=seal_of(own, there))


def destinations(
    services: Services, blocks: Iterable[Block], risks: Mapping[str, AtRisk] | None = None
) -> tuple[Destination, ...]:
    """Return where blocks go, by custodian. risks: what each one's default closing method would cost, where known."""
    own: dict[str, list[Block]] = {}
    for block in blocks:
        own.setdefault(block.custodian, []).append(block)
    known = profiles(services, own)
    return tuple(
        Destination(profile=known[name], blocks=tuple(own[name]), risk=(risks or {}).get(name)) for name in sorted(own)
    )


def risk_of_plan(services: Services, plan_id: PlanId, orders: Iterable[Order]) -> AtRisk:
    """Return what the custodian's default closing method would cost, or have cost, in the sales of one plan.

    orders: the plan's own. The lots are those that the plan was computed from.
    """
    return _risk(services, orders, services.plans.inputs(plan_id)[0])


def _risk(services: Services, orders: Iterable[Order], snapshot: AccountSnapshot) -> AtRisk:
    method = profiles(services, [snapshot.account.custodian])[snapshot.account.custodian].default_method
    return at_risk(orders, snapshot.account, snapshot.lots, method=method, on=snapshot.as_of)


def on_lots(destination: profile.Destination) -> str:
    """Return in a few words what a custodian honours of the lots that a plan sells."""
    method = destination.default_method.value.replace("_", " ").upper()
    return {
        LotHandling.ORDER: f"sells the lots that each order names; left to itself {method}",
        LotHandling.SHEET: f"sells the lots of the sheet; without it {method}",
        LotHandling.DEFAULT: f"takes no lot instructions, and sells by {method}",
    }[destination.lots]


def by_route(destination: profile.Destination) -> str:
    """Return in a few words how orders travel to a custodian."""
    return {
        Route.FILE: f"file in {destination.dialect.name}",
        Route.SESSION: f"live session in {destination.dialect.name}",
        Route.FIDELITY: "file of Fidelity's order import",
    }[destination.route]


def notional(block: Block) -> Decimal:
    """Return a block's shares at its plans' prices, USD to the cent."""
    return worth(block.allocations, block.side)


def worth(orders: Iterable[Order], side: Side) -> Decimal:
    """Return what some orders buy or sell at their plans' prices, USD to the cent."""
    amounts = (order.quantity * order.reference_price for order in orders if order.side is side)
    return sum(amounts, Decimal(0)).quantize(Decimal("0.01"))


def one_plan_an_account(services: Services, plan_ids: Iterable[PlanId]) -> None:
    """Raise DataError where two of these plans are of one account: each was made without the other."""
    accounts: dict[AccountId, PlanId] = {}
    for plan_id in plan_ids:
        account_id = services.plans.get(plan_id).account_id
        if accounts.setdefault(account_id, plan_id) != plan_id:
            raise DataError(f"account {account_id}: expected one plan of it to send, found two")


def profiles(services: Services, custodians: Iterable[str]) -> Mapping[str, profile.Destination]:
    """Return each custodian's destination profile. Raises DataError for one that the connections state wrongly."""
    return profile.read_destinations(services.connections.get("fix", {}), custodians)


def sender(services: Services) -> str:
    """Return the firm's own name in FIX (SenderCompID)."""
    own: str = services.connections.get("fix", {}).get("sender", profile.SENDER)
    return own


def seal_of(sender: str, destinations: Iterable[Destination]) -> str:
    """Return a SHA-256 over who sends what to whom, and how: names in FIX, profile, blocks, allocations and lots."""
    told = sorted(
        [sender, *each.profile.stated.values(), *_block(block)] for each in destinations for block in each.blocks
    )
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
