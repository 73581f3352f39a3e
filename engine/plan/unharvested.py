"""Why is this loss still there? One reason for every loss lot that the plan leaves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from engine.domain.exact import decimal_of
from engine.domain.identifiers import LotId
from engine.domain.market import Array
from engine.domain.plans import NotHarvested, Term
from engine.plan.explain import MAX_TRACKING_ERROR, MAX_TRADES
from engine.plan.lot_table import BLOCKS
from engine.plan.lots import BELOW_THRESHOLD, LOT_METHOD, RESTRICTED, WASH_SALE_LOCK, gain
from engine.plan.netted import tax_of_year
from engine.plan.outcome import Outcome
from engine.plan.prices import Prices
from engine.plan.problem import TURNOVER, Problem
from engine.plan.rules import NOT_TRADABLE, NameRules

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
    for left in _left(problem, done):
        ticker = problem.names.security(left.name).ticker
        code, why = view.why_kept(left)
        found.append(
            NotHarvested(
                lot_id=left.lot_id,
                security_id=problem.names.security(left.name).security_id,
                loss=left.loss,
                code=code,
                sentence=f"{ticker}, loss of {left.loss:,.2f} USD: {why}.",
            )
        )
    return tuple(found)


class _Left(NamedTuple):
    """A loss that stays: of which name's number, by which lot, how much of it, USD, and why it may not be sold.

    weight: of the shares that stay; tax and gain: a dollar sold.
    """

    name: int
    lot_id: LotId
    loss: Decimal
    blocked: str | None
    term: Term
    weight: float
    tax: float
    gain: float
    disallowed: bool = False
    deferred: bool = False


def _left(problem: Problem, done: Outcome) -> Iterator[_Left]:
    """Yield every loss that stays, name by name, in the order of sale."""
    table = problem.names.lots
    blocked, is_long = table.blocked.tolist(), table.is_long.tolist()
    weight, tax, gain_of, row = table.weight.tolist(), table.tax.tolist(), table.gain.tolist(), table.row.tolist()
    loses = np.bincount(table.owner, table.is_loss, minlength=len(problem.names))
    losses = np.flatnonzero(table.is_loss)
    starts = np.searchsorted(losses, table.first).tolist()
    places = losses.tolist()
    for i in np.flatnonzero(loses).tolist():
        sold = {sale.lot_id: sale.quantity for sale in done.sold[i]}
        if i in table.apart:
            yield from _left_apart(problem, i, sold)
            continue
        price = problem.names.price(i)
        for j in places[starts[i] : starts[i + 1]]:
            lot_id, held, loss = table.holding.lot_id(row[j]), None, None
            part = sold.get(lot_id) if sold else None
            each = weight[j]
            if part is not None:
                held = table.holding.shares(row[j])
                if part == held:
                    continue
                stays, cost = held - part, table.holding.cost_per_share(row[j])
                loss, each = -(stays * (price - cost)), float(stays) * float(problem.names.unit[i])
            yield _Left(
                name=i,
                lot_id=lot_id,
                loss=-decimal_of(int(table.gain_usd[j]), table.gain_decimals) if loss is None else loss,
                blocked=BLOCKS[blocked[j]],
                term=Term.LONG if is_long[j] else Term.SHORT,
                weight=each,
                tax=tax[j],
                gain=gain_of[j],
            )


def _left_apart(problem: Problem, i: int, sold: dict[LotId, Decimal]) -> Iterator[_Left]:
    """Yield the same of a name with entries of its own: a lot can have several, some sold and some not."""
    told, lots, price = None, problem.names.lots.apart[i], problem.names.price(i)
    for k, entry in enumerate(lots):
        if entry.gain_usd >= 0 or entry.lot.lot_id == told:
            continue
        part = sold.get(entry.lot.lot_id)
        if part == entry.lot.quantity:
            continue
        if part is not None and entry.quantity < entry.lot.quantity and part >= entry.quantity:
            sold[entry.lot.lot_id] = part - entry.quantity  # of shares caught by a wash sale, all are sold
            continue
        stays = entry.quantity
        if part is not None or entry.quantity < entry.lot.quantity:
            if problem.names.loses_in_order[i] and entry.quantity < entry.lot.quantity:
                own = (other.quantity for other in lots[k:] if other.lot.lot_id == entry.lot.lot_id)
                stays = sum(own, Decimal(0))
            stays -= sold.get(entry.lot.lot_id, Decimal(0))
        loss = -entry.gain_usd if stays == entry.lot.quantity else -gain(entry.lot, stays, price)
        if loss > 0:
            told = entry.lot.lot_id
            yield _Left(
                name=i,
                lot_id=entry.lot.lot_id,
                loss=loss,
                blocked=entry.blocked,
                term=entry.term,
                weight=entry.weight if stays == entry.quantity else float(stays) * float(problem.names.unit[i]),
                tax=entry.tax,
                gain=entry.gain,
                disallowed=entry.disallowed,
                deferred=entry.deferred,
            )


def _listed(values: Array) -> list[float]:
    return [*values.tolist()]


class _Columns(NamedTuple):
    """What is asked of names again and again, as lists (n,). sellable: weight of the lots that may be sold."""

    shortfall: list[float]
    specific: list[float]
    cost: list[float]
    alpha: list[float]
    impact: list[float]
    held: list[float]
    sellable: list[float]
    bought: list[bool]


@dataclass(frozen=True, kw_only=True)
class _View:
    """A plan seen from the lots that it leaves: what selling more of each name would cost, worked out once for all."""

    problem: Problem
    done: Outcome
    prices: Prices | None

    @cached_property
    def bought(self) -> set[str]:
        return {self.problem.names.group(i) for i, q in enumerate(self.done.shares) if q > 0}

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

    @cached_property
    def floors(self) -> Mapping[int, list[tuple[str, float]]]:
        """The lower limits of each name that are kept now: rule, and the least trade."""
        bounds, found = self.problem.names.bounds, dict[int, list[tuple[str, float]]]()
        chosen = np.flatnonzero(~bounds.upper & ~bounds.is_broken)
        owner, rule, at = bounds.owner[chosen], bounds.rule[chosen], bounds.at[chosen]
        for i, number, least in zip(owner.tolist(), rule.tolist(), at.tolist(), strict=True):
            found.setdefault(i, []).append((bounds.rules[number], least))
        return found

    @cached_property
    def columns(self) -> "_Columns":
        p = self.problem.prepared
        first = np.repeat(np.arange(len(p.held)), np.diff(p.lot_first))
        return _Columns(
            shortfall=_listed(p.shortfall),
            specific=_listed(p.specific),
            cost=_listed(p.cost),
            alpha=_listed(p.alpha),
            impact=_listed(p.impact),
            held=_listed(p.held),
            sellable=_listed(np.bincount(first, p.lot_weight, minlength=len(p.held)).astype(float)),
            bought=[self.problem.names.group(i) in self.bought for i in range(len(p.held))],
        )

    def why_kept(self, left: _Left) -> tuple[str, str]:
        problem, i, own = self.problem, left.name, self.columns
        if left.blocked is not None:
            return left.blocked, self._blocked(left.blocked, problem.names.rules[i])
        if own.bought[i]:
            return BOUGHT, "the plan buys it or a substantially identical security, so selling it would be a wash sale"
        if left.disallowed and not left.deferred:
            return DISALLOWED, "a purchase in a retirement account within 30 days would take the loss away for good"
        saving = self._saving(left)
        if saving <= 0:
            return NO_TAX_VALUE, self._no_value()
        if saving <= own.cost[i]:
            return COST_OUTWEIGHS, "trading it would cost more than the tax it saves"
        if problem.min_trade > 0:
            most = own.sellable[i]
            if most < problem.min_trade and most < own.held[i] - _AT_LIMIT:
                return (
                    BELOW_MIN_TRADE,
                    f"what may be sold of it is below the minimum trade of {problem.settings.min_trade_usd} USD",
                )
        return self._outweighed(i, left.weight, saving)

    def _blocked(self, blocked: str, rules: NameRules) -> str:
        key = (blocked, rules.no_sell, rules.loss_free_on)
        if key not in self.told:
            self.told[key] = _blocked_sentence(self.problem, rules, blocked)
        return self.told[key]

    @cached_property
    def told(self) -> dict[object, str]:
        """Sentences that hundreds of lots share."""
        return {}

    def _saving(self, left: _Left) -> float:
        """Return the tax that selling it saves, weighed, per dollar sold; netted over the year where that is asked."""
        problem, year, weight = self.problem, self.problem.netting, left.weight
        if year is None or left.disallowed or weight <= 0:
            return -left.tax * problem.settings.tax_weight
        made = self.done.year
        st, lt, more = float(made.st) / self.value, float(made.lt) / self.value, left.gain * weight
        then = tax_of_year(year, st + more, lt) if left.term is Term.SHORT else tax_of_year(year, st, lt + more)
        return problem.settings.tax_weight * (tax_of_year(year, st, lt) - then) / weight

    def _no_value(self) -> str:
        if self.problem.netting is not None and self.problem.settings.tax_weight > 0:
            return "netted with the rest of the year the loss saves no tax"
        return "at this account's rates the loss saves no tax"

    def _outweighed(self, i: int, weight: float, saving: float) -> tuple[str, str]:
        """Say what keeps a lot that pays for itself: a binding rule if without its price it would go, else risk."""
        problem = self.problem
        columns, u, usd = self.columns, self.trade[i], self.value
        for rule, least in self.floors.get(i, ()):
            if u - weight < least - _AT_LIMIT:
                return rule, f"selling it would take the holding below its limit ({rule})"
        active = u - columns.shortfall[i]
        own = columns.specific[i] * ((active - weight) ** 2 - active**2)
        trading = (columns.cost[i] + columns.alpha[i]) * weight + columns.impact[i] * ((u - weight) ** 2 - u * u)
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


def _blocked_sentence(problem: Problem, rules: NameRules, blocked: str) -> str:
    settings = problem.settings
    if blocked == RESTRICTED:
        rule = rules.no_sell[0]
        return "it cannot be traded" if rule == NOT_TRADABLE else f"it may not be sold ({rule})"
    return {
        WASH_SALE_LOCK: (
            "the household bought it or a substantially identical security within 30 days, or is about to"
            + (f"; free on {rules.loss_free_on}" if rules.loss_free_on else "")
        ),
        BELOW_THRESHOLD: (
            f"below the harvest threshold of {settings.harvest_min_loss_usd} USD "
            f"and {settings.harvest_min_loss_pct:.2%} of basis"
        ),
        LOT_METHOD: f"the lot method {settings.lot_method.value} would first sell a lot that may not be sold",
    }[blocked]
