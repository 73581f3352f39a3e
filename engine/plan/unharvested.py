"""Why is this loss still there? One reason for every loss lot that the plan leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np

from engine.domain.identifiers import LotId
from engine.domain.market import Array
from engine.domain.plans import NotHarvested, Term
from engine.plan.explain import MAX_TRACKING_ERROR, MAX_TRADES
from engine.plan.lots import BELOW_THRESHOLD, LOT_METHOD, RESTRICTED, WASH_SALE_LOCK, SaleLot, gain
from engine.plan.names import Name
from engine.plan.netted import tax_of_year
from engine.plan.outcome import Outcome
from engine.plan.prices import Prices
from engine.plan.problem import TURNOVER, Problem
from engine.plan.rules import NOT_TRADABLE

BOUGHT: Final = "bought_in_plan"
DISALLOWED: Final = "disallowed"
COST_OUTWEIGHS: Final = "cost_outweighs"
NO_TAX_VALUE: Final = "no_tax_value"
BELOW_MIN_TRADE: Final = "below_min_trade"
RISK_OUTWEIGHS: Final = "risk_outweighs"
NOT_CHOSEN: Final = "not_chosen"
TURNOVER_CAP: Final = "turnover_cap"
_AT_LIMIT: Final = 1e-6


def not_harvested(problem: Problem, done: Outcome, prices: Prices | None) -> tuple[NotHarvested, ...]:
    """Return every loss lot that stays, whole or in part, with its reason; nothing in accounts that pay no tax."""
    if not problem.snapshot.account.registration.is_taxable:
        return ()
    view = _View(problem=problem, done=done, prices=prices)
    found = []
    for i, name in enumerate(problem.names):
        sold = {sale.lot_id: sale.quantity for sale in done.sold[i]}
        told = None
        for entry in name.lots:
            if entry.gain_usd >= 0 or entry.lot.lot_id == told:
                continue
            part = sold.get(entry.lot.lot_id)
            if part == entry.lot.quantity:
                continue
            if part is not None and entry.quantity < entry.lot.quantity and part >= entry.quantity:
                sold[entry.lot.lot_id] = part - entry.quantity  # of shares caught by a wash sale, all are sold
                continue
            whole = part is None and entry.quantity == entry.lot.quantity
            left = entry.quantity if whole else _left(name, entry, sold)
            loss = -entry.gain_usd if left == entry.lot.quantity else -gain(entry.lot, left, name.price)
            if loss > 0:
                told = entry.lot.lot_id
                code, why = view.why_kept(i, entry, left)
                found.append(
                    NotHarvested(
                        lot_id=entry.lot.lot_id,
                        security_id=name.security.security_id,
                        loss=loss,
                        code=code,
                        sentence=f"{name.security.ticker}, loss of {loss:,.2f} USD: {why}.",
                    )
                )
    return tuple(found)


def _listed(values: Array) -> list[float]:
    return [*values.tolist()]


def _left(name: Name, entry: SaleLot, sold: Mapping[LotId, Decimal]) -> Decimal:
    """Return how many shares of a lot stay, from this entry of it on."""
    own = entry.quantity
    if name.loses_in_order and own < entry.lot.quantity:
        later = name.lots[name.lots.index(entry) :]
        own = sum((other.quantity for other in later if other.lot.lot_id == entry.lot.lot_id), Decimal(0))
    return own - sold.get(entry.lot.lot_id, Decimal(0))


@dataclass(frozen=True, kw_only=True)
class _View:
    """A plan seen from the lots that it leaves: what selling more of each name would cost, worked out once for all."""

    problem: Problem
    done: Outcome
    prices: Prices | None

    @cached_property
    def bought(self) -> set[str]:
        return {n.security.group for n, q in zip(self.problem.names, self.done.shares, strict=True) if q > 0}

    @cached_property
    def no_trade_left(self) -> bool:
        most = self.problem.settings.max_trades
        return most is not None and int(np.count_nonzero(self.done.trade)) >= most

    @cached_property
    def aversion(self) -> float:
        return self.problem.settings.risk_aversion if self.prices is None else self.prices.aversion

    @cached_property
    def value(self) -> float:
        return float(self.problem.value)

    @cached_property
    def trade(self) -> list[float]:
        return _listed(self.done.trade)

    @cached_property
    def factor_cost(self) -> list[float]:
        """What selling a unit more of each name costs in factor risk."""
        if self.prices is not None:
            return _listed(-self.prices.linear)
        return _listed(-2.0 * self.aversion * (self.problem.loadings @ self.done.factor))

    @cached_property
    def bend(self) -> list[float]:
        """Curvature that a large sale adds where no price stands for the others' answer."""
        if self.prices is not None:
            return [0.0] * len(self.problem.names)
        own = np.einsum("ik,ik->i", self.problem.loadings, self.problem.loadings)
        return _listed(self.aversion * own)

    @cached_property
    def priced_rows(self) -> list[tuple[str, list[float]]]:
        """What selling a unit more of each name costs in each row that has a price, caps on gains left out."""
        if self.prices is None:
            return []
        pairs = zip(self.problem.rows, self.prices.rows.tolist(), strict=True)
        return [(row.rule, _listed(price * row.down)) for row, price in pairs if price != 0.0 and not row.by_lot_gain]

    @cached_property
    def row_cost(self) -> list[float]:
        """What selling a unit more of each name costs in all these rows."""
        if not self.priced_rows:
            return [0.0] * len(self.problem.names)
        return [sum(parts) for parts in zip(*(costs for _, costs in self.priced_rows), strict=True)]

    def why_kept(self, i: int, entry: SaleLot, left: Decimal) -> tuple[str, str]:
        problem = self.problem
        name = problem.names[i]
        if entry.blocked is not None:
            return entry.blocked, _blocked_sentence(problem, name, entry.blocked)
        if name.security.group in self.bought:
            return BOUGHT, "the plan buys it or a substantially identical security, so selling it would be a wash sale"
        if entry.disallowed and not entry.deferred:
            return DISALLOWED, "a purchase in a retirement account within 30 days would take the loss away for good"
        weight = entry.weight if left == entry.quantity else float(left) * name.unit
        saving = self._saving(entry, weight)
        if saving <= 0:
            return NO_TAX_VALUE, self._no_value()
        if saving <= name.cost:
            return COST_OUTWEIGHS, "trading it would cost more than the tax it saves"
        if problem.min_trade > 0:
            most = sum((lot.weight for lot in name.sellable), 0.0)
            if most < problem.min_trade and most < name.held - _AT_LIMIT:
                return (
                    BELOW_MIN_TRADE,
                    f"what may be sold of it is below the minimum trade of {problem.settings.min_trade_usd} USD",
                )
        return self._outweighed(i, weight, saving)

    def _saving(self, entry: SaleLot, weight: float) -> float:
        """Return the tax that selling it saves, weighed, per dollar sold; netted over the year where that is asked."""
        problem, year = self.problem, self.problem.netting
        if year is None or entry.disallowed or weight <= 0:
            return -entry.tax * problem.settings.tax_weight
        made = self.done.year
        st, lt, more = float(made.st) / self.value, float(made.lt) / self.value, entry.gain * weight
        then = tax_of_year(year, st + more, lt) if entry.term is Term.SHORT else tax_of_year(year, st, lt + more)
        return problem.settings.tax_weight * (tax_of_year(year, st, lt) - then) / weight

    def _no_value(self) -> str:
        if self.problem.netting is not None and self.problem.settings.tax_weight > 0:
            return "netted with the rest of the year the loss saves no tax"
        return "at this account's rates the loss saves no tax"

    def _outweighed(self, i: int, weight: float, saving: float) -> tuple[str, str]:
        """Say what keeps a lot that pays for itself: a binding rule if without its price it would go, else risk."""
        problem = self.problem
        name, u, usd = problem.names[i], self.trade[i], self.value
        for bound in name.bounds:
            if not bound.upper and u - weight < bound.at - _AT_LIMIT and not bound.is_broken:
                return bound.rule, f"selling it would take the holding below its limit ({bound.rule})"
        active = u - name.shortfall
        own = name.specific * ((active - weight) ** 2 - active**2)
        trading = (name.cost + name.alpha) * weight + name.impact * ((u - weight) ** 2 - u * u)
        risk = self.aversion * own + (self.factor_cost[i] + self.bend[i] * weight) * weight
        total = risk + trading + self.row_cost[i] * weight
        saved = saving * weight
        for rule, cost in sorted(self.priced_rows, key=lambda row: -row[1][i]) if total > saved else ():
            part = cost[i] * weight
            if part > 0 and total - part <= saved:
                code = TURNOVER_CAP if rule == TURNOVER else rule
                return code, f"selling it would use room that is scarce ({rule}), worth {part * usd:,.2f} USD here"
        if total >= saved:
            return self._too_risky(saved * usd, total * usd, risk * usd)
        if self.no_trade_left and u == 0.0:
            return MAX_TRADES, f"all {problem.settings.max_trades} trades allowed are used for what saves more"
        return NOT_CHOSEN, "the plan is as good without it, to the accuracy of its gap and of whole shares"

    def _too_risky(self, saved: float, cost: float, risk: float) -> tuple[str, str]:
        told = f"selling it would save {saved:,.2f} USD of tax, but cost {cost:,.2f} USD in tracking risk and trading"
        dear = 0.0 if self.prices is None or not self.aversion else self.prices.variance / self.aversion
        if dear > 0 and cost - risk * dear < saved:
            return MAX_TRACKING_ERROR, f"{told} as the limit on the tracking error prices it"
        return RISK_OUTWEIGHS, f"{told} as this plan weighs them"


def _blocked_sentence(problem: Problem, name: Name, blocked: str) -> str:
    settings = problem.settings
    if blocked == RESTRICTED:
        rule = name.rules.no_sell[0]
        return "it cannot be traded" if rule == NOT_TRADABLE else f"it may not be sold ({rule})"
    return {
        WASH_SALE_LOCK: (
            "the household bought it or a substantially identical security within 30 days, or is about to"
            + (f"; free on {name.rules.loss_free_on}" if name.rules.loss_free_on else "")
        ),
        BELOW_THRESHOLD: (
            f"below the harvest threshold of {settings.harvest_min_loss_usd} USD "
            f"and {settings.harvest_min_loss_pct:.2%} of basis"
        ),
        LOT_METHOD: f"the lot method {settings.lot_method.value} would first sell a lot that may not be sold",
    }[blocked]
