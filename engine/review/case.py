"""What does a second opinion look at? A plan beside its raw inputs, with what every rule needs worked out once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Final, NamedTuple

from engine.domain.accounts import AccountSnapshot, Restriction, Rule
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.market import MarketSnapshot, Security
from engine.domain.plans import LotSale, Plan, Side, Trade
from engine.domain.settings import PlanSettings
from engine.review.basis import basis_of
from engine.review.household import Household
from engine.review.listed import Listed, listed
from engine.review.lots import HeldLot, OwnLots
from engine.review.unrealised import Unsold
from engine.review.weights import ActiveWeights, Names

CENT: Final = Decimal("0.01")
WEIGHT_SLACK: Final = Decimal("0.000002")  # a limit is a float, and a document's shares have six decimals
DUST: Final = Decimal("0.0000005")  # shares; a document states six decimals


class Sold(NamedTuple):
    """A lot that a trade of the plan sells of. basis: of the whole lot at the trade's price, USD; gain: of the sale."""

    trade: Trade
    sale: LotSale
    lot: HeldLot
    basis: Decimal
    gain: Decimal


@dataclass(frozen=True, kw_only=True)
class Case:
    """The plan, taken as its document states it, and what it was computed from."""

    plan: Plan
    snapshot: AccountSnapshot
    market: MarketSnapshot

    @cached_property
    def unsold(self) -> Unsold:
        return Unsold(own=self.own, marks=self.market.marks, on=self.snapshot.as_of)

    @property
    def settings(self) -> PlanSettings:
        return self.plan.settings

    @cached_property
    def own(self) -> OwnLots:
        return OwnLots(rows=self.snapshot.book.lot_rows)

    @cached_property
    def lots(self) -> Mapping[LotId, HeldLot]:
        """The lots that the plan names."""
        return self.own.named(sale.lot_id for _, sale in self.sales)

    @cached_property
    def flow(self) -> Decimal:
        return self.settings.deposit - self.settings.withdrawal

    @cached_property
    def value(self) -> Decimal:
        """Net asset value after the external cash flow, USD."""
        return self.value_before + self.flow

    @cached_property
    def value_before(self) -> Decimal:
        """Net asset value as the account stands, USD."""
        return self.snapshot.account.cash + self.worth(self.shares_before)

    @property
    def shares_before(self) -> Mapping[SecurityId, Decimal]:
        return self.own.shares

    def worth(self, shares: Mapping[SecurityId, Decimal]) -> Decimal:
        """Return the market value of these shares, USD."""
        return sum((held * self.market.marks[name].price for name, held in shares.items()), Decimal(0))

    @cached_property
    def shares_after(self) -> Mapping[SecurityId, Decimal]:
        after = dict(self.shares_before)
        for trade in self.plan.trades:
            after[trade.security_id] = after.get(trade.security_id, Decimal(0)) + signed(trade)
        return after

    @cached_property
    def sold(self) -> Mapping[LotId, Decimal]:
        """Shares that the plan sells of each lot."""
        totals: dict[LotId, Decimal] = {}
        for _, sale in self.sales:
            totals[sale.lot_id] = totals.get(sale.lot_id, Decimal(0)) + sale.quantity
        return totals

    @cached_property
    def sales(self) -> tuple[tuple[Trade, LotSale], ...]:
        return tuple((trade, sale) for trade in self.plan.trades for sale in trade.lots)

    @cached_property
    def targets(self) -> Mapping[SecurityId, Decimal]:
        return dict(self.market.models[self.snapshot.account.model_id].weights)

    @cached_property
    def costs(self) -> Decimal:
        """Expected trading cost, USD: a security's own cost_bp, or the setting's. Market impact is no cash."""
        default = Decimal(str(self.settings.cost_bp))
        total = Decimal(0)
        for trade in self.plan.trades:
            own = self.security(trade.security_id).cost_bp
            total += trade.quantity * trade.price * (default if own is None else own)
        return total / 10_000

    @cached_property
    def cash_after(self) -> Decimal:
        traded = sum((signed(trade) * trade.price for trade in self.plan.trades), Decimal(0))
        return self.snapshot.account.cash + self.flow - traded - self.costs

    def security(self, security_id: SecurityId) -> Security:
        return self.market.securities[security_id]

    def group(self, security_id: SecurityId) -> str:
        """Return the wash-sale group of a security, which need not be one of today's market."""
        return self.listed.group_of.get(security_id, security_id)

    @cached_property
    def listed(self) -> Listed:
        return listed(self.market)

    def must_go(self, security_id: SecurityId) -> bool:
        """Return whether the account may not hold a security: restricted, or excluded by the settings."""
        return security_id in self.barred

    @cached_property
    def barred(self) -> frozenset[SecurityId]:
        """All that the account may not hold."""
        targets = [r.target for r in self.in_force if r.rule is Rule.DO_NOT_HOLD]
        return frozenset[SecurityId]().union(*map(self.meant, (*targets, *self.settings.exclude)))

    def meant(self, target: str) -> frozenset[SecurityId]:
        """Return what a policy's word means of the market's securities: one's id, "sector:NAME" or "tag:NAME"."""
        if target not in self._meant:
            securities = self.market.securities
            kind, _, name = target.partition(":")
            found = {name for name, own in securities.items() if target in (name, *(own.predecessors or ()))}
            if name and kind == "sector":
                found.update(security_id for security_id, own in securities.items() if own.sector == name)
            elif name and kind == "tag":
                found.update(security_id for security_id, own in securities.items() if name in own.tags)
            self._meant[target] = frozenset(found)
        return self._meant[target]

    @cached_property
    def _meant(self) -> dict[str, frozenset[SecurityId]]:
        return {}

    @cached_property
    def in_force(self) -> tuple[Restriction, ...]:
        """The restrictions of the firm, the household and the account that still hold on the day of the inputs."""
        account, day = self.snapshot.account, self.snapshot.as_of
        scopes = ("firm", account.household_id, account.account_id)
        rules = self.snapshot.restrictions
        return tuple(r for r in rules if r.scope in scopes and not (r.until is not None and r.until < day))

    def weight(self, shares: Mapping[SecurityId, Decimal], security_id: SecurityId) -> Decimal:
        held = shares.get(security_id, Decimal(0))
        return held * self.market.marks[security_id].price / self.value if held else Decimal(0)

    @cached_property
    def names(self) -> Names:
        """Every name that is in the model, held or traded; those without shares after the plan come last."""
        others = [name for name in self.shares_after if name not in self.targets]
        others.sort(key=lambda name: not self.shares_after[name])
        return Names(ids=(*sorted(self.targets), *others), targets=self.targets, listed=self.listed)

    @cached_property
    def as_it_stands(self) -> ActiveWeights:
        """The account before the plan, as fractions of the value before the flow."""
        if self.value_before == self.value:
            return self.before
        return replace(self.before, value=self.value_before)

    @cached_property
    def before(self) -> ActiveWeights:
        """The account before the plan, as fractions of the value after the flow."""
        held = self.own.rough_shares(self.names.place)
        return ActiveWeights(names=self.names, shares=self.shares_before, rough_shares=held, value=self.value)

    @cached_property
    def after(self) -> ActiveWeights:
        held, place = self.before.rough_shares.copy(), self.names.place
        for trade in self.plan.trades:
            held[place[trade.security_id]] += float(signed(trade))
        return ActiveWeights(names=self.names, shares=self.shares_after, rough_shares=held, value=self.value)

    @cached_property
    def sold_lots(self) -> Sequence[Sold]:
        """What the plan sells of lots that there are."""
        found = []
        for trade, sale in self.sales:
            lot = self.lots.get(sale.lot_id)
            if lot is not None:
                basis = basis_of(lot, trade.price)
                gain = (lot.quantity * trade.price - basis) * sale.quantity / lot.quantity
                found.append(Sold(trade, sale, lot, basis, gain))
        return found

    @cached_property
    def sold_of_group(self) -> Mapping[str, Sequence[Sold]]:
        """What the plan sells, by wash-sale group."""
        found: dict[str, list[Sold]] = {}
        for sold in self.sold_lots:
            found.setdefault(self.group(sold.trade.security_id), []).append(sold)
        return found

    @cached_property
    def loss_groups(self) -> frozenset[str]:
        """Wash-sale groups of which the plan sells at least one share at a loss."""
        return frozenset(group for group, sold in self.sold_of_group.items() if any(each.gain < 0 for each in sold))

    @cached_property
    def bought_groups(self) -> frozenset[str]:
        """Wash-sale groups of which the plan buys."""
        return frozenset(self.group(t.security_id) for t in self.plan.trades if t.side is Side.BUY)

    @cached_property
    def twin_groups(self) -> frozenset[str]:
        """Wash-sale groups of which the account has several securities: in its model, held or traded."""
        names = {*self.targets, *self.shares_after}
        return frozenset(group for group, members in Counter(map(self.group, names)).items() if members > 1)

    @cached_property
    def household(self) -> Household:
        return Household(snapshot=self.snapshot, listed=self.listed)


def signed(trade: Trade) -> Decimal:
    """Return a trade's shares, a sale's as a negative number."""
    return trade.quantity if trade.side is Side.BUY else -trade.quantity
