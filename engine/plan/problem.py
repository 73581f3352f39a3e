"""What exactly is to be decided? Account, market and settings as arrays: the one place where decimals become floats.

Every weight is a fraction of V, the value after the external cash flow. A trade u is in weight (buy > 0), the active
weight after it is d = u - shortfall, with shortfall = target - held. The objective, in fractions of V, is

    risk_aversion * (|L'd|^2 + sum_i D_i d_i^2) + sum_i f_i(u_i) + breach penalties

with f_i the tax, cost and tilt of one name, subject to lo <= rows(u) <= hi. A row adds `up` for each unit bought,
`down` for each unit sold, and `st` and `lt` for each unit of realised gain of that term.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.exact import product, quotients, sums_by
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.listing import listing_of
from engine.domain.market import Array, MarketSnapshot, Security
from engine.domain.plans import Lock
from engine.domain.policy import words_for
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.domain.valuation import net_asset_value
from engine.plan.holding import Holding, Indices, holding_of, securities_of
from engine.plan.lot_table import lot_table
from engine.plan.lots import sale_lots
from engine.plan.names import Bounds, Names
from engine.plan.netted import Netting, netting_of
from engine.plan.rules import Rulings, name_rules, weight_limits
from engine.plan.terms import LinearRule, Term, costs_of, require_terms
from engine.plan.washes import Caught, caught_losses
from engine.risk.measure import require_risk

if TYPE_CHECKING:
    from engine.plan.frame import Frame
    from engine.plan.prepared import Prepared
    from engine.plan.written import Written

BP: Final = 1e4
PERCENT: Final = 0.01
MIN_CASH: Final = "min_cash"
MAX_CASH: Final = "max_cash"
CASH: Final = "cash band"
TURNOVER: Final = "max_turnover"
NET_GAIN: Final = "max_net_gain"
ACTIVE_WEIGHT: Final = "max_active_weight"
SECTOR: Final = "max_sector_active"
FACTOR: Final = "max_factor_active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A linear rule over names. slack_below, slack_above: how far the account already breaks it on each side."""

    rule: str
    up: Array
    down: Array
    lo: float
    hi: float
    st: float = 0.0
    lt: float = 0.0
    slack_below: float = 0.0
    slack_above: float = 0.0

    @property
    def by_lot_gain(self) -> bool:
        return self.st != 0 or self.lt != 0


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything the optimiser sees. value in USD; loadings L (n, k), L L' = F Omega F'; penalty a unit of breach."""

    snapshot: AccountSnapshot
    market: MarketSnapshot
    settings: PlanSettings
    value: Decimal
    names: Names
    loadings: Array
    rows: tuple[Row, ...]
    min_trade: float
    penalty: float
    netting: Netting | None = None
    terms: tuple[Term, ...] = ()

    @cached_property
    def prepared(self) -> "Prepared":
        """The problem as arrays, for the compiled core."""
        from engine.plan.prepared import prepared  # which is written in terms of a problem

        return prepared(self)

    @cached_property
    def frame(self) -> "Frame":
        """Columns, factors and rows of the problem as it is, for the compiled core."""
        from engine.plan.frame import frame_of  # which is written in terms of a problem

        return frame_of(self)

    @cached_property
    def written(self) -> "Written | None":
        """The firm's own convex terms; None where there are none."""
        from engine.plan.written import written_terms  # which is written in terms of a problem

        return written_terms(self)

    @property
    def impact(self) -> Array:
        return self.names.impact

    @property
    def shortfall(self) -> Array:
        return self.names.shortfall

    @property
    def specific(self) -> Array:
        return self.names.specific

    @property
    def unit(self) -> Array:
        """One share of each name, a fraction of V: (n,)."""
        return self.names.unit


def value_after_flow(snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings) -> Decimal:
    """Return V, the net asset value with the deposit in and the withdrawal out, USD.

    Raises DataError when a holding has no price.
    """
    flow = snapshot.account.cash + settings.deposit - settings.withdrawal
    listing, lots = listing_of(market), snapshot.book.lot_rows
    if not listing.is_whole or not listing.code.keys() >= securities_of(lots):
        return net_asset_value(snapshot, market) + settings.deposit - settings.withdrawal
    return holding_of(lots, listing).worth(listing) + flow


def build_problem(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    settings: PlanSettings,
    *,
    locks: Iterable[Lock],
    also: Sequence[SecurityId] = (),
    terms: Sequence[Term] = (),
) -> Problem:
    """Return the problem of one account; names are its holdings and its model's securities, ordered by security_id.

    also: further securities that may be traded. terms: the firm's own.
    Raises DataError for a missing price, risk row, security or model, a value of V not above 0, tax rates that
    net_taxes cannot net, or a term that is not sound.
    """
    account, risk, listing = snapshot.account, market.risk, listing_of(market)
    _require_listed(snapshot, market, also)
    holding = holding_of(snapshot.book.lot_rows, listing)
    value = holding.worth(listing) + account.cash + settings.deposit - settings.withdrawal
    if value <= 0:
        raise DataError(f"account {account.account_id}: expected a value above 0 after the cash flow, found {value}")
    require_terms(terms, market)
    target = np.zeros(len(listing.ids))
    is_name = np.zeros(len(listing.ids), dtype=bool)
    models, weights = listing.targets[account.model_id]
    target[models] = weights
    is_name[models], is_name[holding.code], is_name[[listing.code[each] for each in also]] = True, True, True
    codes = np.flatnonzero(is_name)
    index = listing.risk_row[codes]
    if (index < 0).any():
        require_risk(risk, [listing.ids[code] for code in codes])
    inputs = _Inputs(
        snapshot=snapshot, market=market, settings=settings, value=value, terms=tuple(terms), holding=holding,
        codes=codes, rulings=name_rules(snapshot, market, settings, locks, codes),
    )  # fmt: skip
    names = _names(inputs, target[codes], risk.specific_variance[index])
    exposures = risk.exposures[index]
    return Problem(
        snapshot=snapshot,
        market=market,
        settings=settings,
        value=value,
        names=_with_costs(names, inputs.terms),  # which rows, being cash, do not know
        loadings=exposures @ risk.covariance_root,
        rows=tuple(_rows(inputs, names, exposures)),
        min_trade=float(settings.min_trade_usd / value),
        penalty=settings.breach_penalty / BP / PERCENT,
        netting=_netting(inputs),
        terms=inputs.terms,
    )


def _netting(inputs: "_Inputs") -> Netting | None:
    """Return the year so far where gains are to be netted. Raises DataError for rates that netting cannot take."""
    account, settings = inputs.snapshot.account, inputs.settings
    if not settings.net_taxes or not account.registration.is_taxable:
        return None
    if account.st_rate < account.lt_rate or settings.carryforward_value > 1:
        raise DataError(
            f"account {account.account_id}: net_taxes expects st_rate >= lt_rate and carryforward_value <= 1, found "
            f"{account.st_rate}, {account.lt_rate} and {settings.carryforward_value}"
        )
    return netting_of(
        float(account.ytd_st_gain - account.st_carryforward),
        float(account.ytd_lt_gain - account.lt_carryforward),
        st_rate=float(account.st_rate),
        lt_rate=float(account.lt_rate),
        carried=settings.carryforward_value,
        value=float(inputs.value),
    )


def _require_listed(snapshot: AccountSnapshot, market: MarketSnapshot, also: Iterable[SecurityId]) -> None:
    """Raise DataError for a model or a security that the market does not know, or that has no price."""
    account, listing = snapshot.account, listing_of(market)
    held = securities_of(snapshot.book.lot_rows)
    if not listing.is_whole or not listing.code.keys() >= held:
        net_asset_value(snapshot, market)  # which names a holding without a price
    if account.model_id not in market.models:
        raise DataError(f"account {account.account_id}: model {account.model_id} does not exist")
    asked = {*also, *held}
    if not listing.is_whole or account.model_id not in listing.targets or not listing.code.keys() >= asked:
        names = {*asked, *(name for name, _ in market.models[account.model_id].weights)}
        for kind, known in (("security", market.securities.keys()), ("price", market.marks.keys())):
            missing = sorted(names - known)
            if missing:
                raise DataError(
                    f"plan: expected a {kind} for every holding and model name, found none for {', '.join(missing)}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """What a problem is built from. codes: of its names in the market's listing."""

    snapshot: AccountSnapshot
    market: MarketSnapshot
    settings: PlanSettings
    value: Decimal
    terms: tuple[Term, ...]
    holding: Holding
    codes: Indices
    rulings: Rulings


def _names(inputs: _Inputs, target: Array, specific: Array) -> Names:
    snapshot, settings, value, holding = inputs.snapshot, inputs.settings, inputs.value, inputs.holding
    listing, codes, rulings = listing_of(inputs.market), inputs.codes, inputs.rulings
    caught = _caught(inputs)
    lots = lot_table(
        holding,
        rulings,
        codes,
        listing,
        snapshot.account,
        settings,
        value=value,
        on=snapshot.as_of,
        caught=caught,
    )
    place = np.full(len(listing.ids), -1, dtype=np.intp)
    place[codes] = np.arange(len(codes))
    whole = sums_by(holding.quantity, place[holding.code], len(codes))
    price = listing.price_whole[codes]
    unit = Fraction(value) * 10**listing.price_decimals
    held = quotients(product(whole, price), unit * 10**holding.quantity_decimals)
    own = listing.cost_bp[codes]
    in_order = np.zeros(len(codes), dtype=bool)
    in_order[[i for i, found in caught.items() if found]] = True
    return Names(
        listing=listing,
        code=codes,
        whole=whole,
        unit=quotients(price, unit),
        held=held,
        target=target,
        cost=np.where(np.isnan(own), settings.cost_bp, own) / BP,
        alpha=_tilts(inputs),
        specific=specific,
        impact=_impacts(inputs),
        rulings=rulings,
        bounds=_bounds(inputs, held, target),
        lots=lots,
        loses_in_order=in_order,
    )


def _caught(inputs: _Inputs) -> Mapping[int, Mapping[LotId, Sequence[Caught]]]:
    """Return, for each name that may be sold at a loss in spite of a lock, the shares that the lock's causes catch.

    A name of a group of several stays locked, and so does one whose lots go in an order that is neither that of tax nor
    of acquisition: there the shares that are caught depend on what else is sold.
    """
    settings, snapshot, holding = inputs.settings, inputs.snapshot, inputs.holding
    listing, codes = listing_of(inputs.market), inputs.codes
    if settings.wash_sales is not WashSalePolicy.ALLOW or settings.lot_method in (LotMethod.HIFO, LotMethod.LIFO):
        return {}
    members = np.bincount(listing.group[codes], minlength=len(listing.groups))
    names = [
        i for i in inputs.rulings.ruled if inputs.rulings.of[i].no_loss_sale and members[listing.group[codes[i]]] == 1
    ]
    sellable = [
        entry.lot
        for i in names
        for entry in sale_lots(
            tuple(holding.some(np.flatnonzero(holding.code == codes[i]).tolist())),
            snapshot.account,
            settings,
            inputs.rulings.of[i],
            price=listing.price[codes[i]],
            value=inputs.value,
            on=snapshot.as_of,
            caught={},
        )
        if entry.blocked is None and (entry.is_loss or settings.liquidate)  # what is sold out replaces nothing
    ]
    found = caught_losses(snapshot, inputs.market, sellable)
    return dict.fromkeys(names, found)


def _tilts(inputs: _Inputs) -> Array:
    settings, listing = inputs.settings, listing_of(inputs.market)
    tilts = np.zeros(len(inputs.codes))
    if settings.tilt:
        concerned = np.isin(inputs.codes, listing.meant(settings.tilt))
        for i in np.flatnonzero(concerned).tolist():
            tilts[i] = float(
                sum(settings.tilt[word] for word in _tilting(listing.securities[inputs.codes[i]], settings))
            )
    return tilts


def _tilting(security: Security, settings: PlanSettings) -> Sequence[str]:
    """Return the words that tilt a security; of its own id and those of names it was before, the latest one alone."""
    ids = security.security_id, *(security.predecessors or ())
    own = [name for name in ids if name in settings.tilt][:1]
    return sorted({*own, *((words_for(security) & settings.tilt.keys()) - set(ids))})


def _impacts(inputs: _Inputs) -> Array:
    """Return what a unit of squared trade costs: the price moves in proportion to the share of a day's volume traded.

    Source: Kyle, Continuous auctions and insider trading, Econometrica 53 (1985), whose price impact is linear.
    """
    per_bp, securities = inputs.settings.impact_bp, listing_of(inputs.market).securities
    if not per_bp:
        return np.zeros(len(inputs.codes))
    volumes = [securities[code].adv_usd for code in inputs.codes]
    return np.array([per_bp / BP * float(inputs.value / volume) if volume else 0.0 for volume in volumes])


def _bounds(inputs: _Inputs, held: Array, target: Array) -> Bounds:
    """Return the limits on each name's trade. A name that must go has none: leaving it is the rule that counts."""
    limit, rulings = inputs.settings.max_active_weight, inputs.rulings
    bound = np.flatnonzero(~rulings.must_exit)
    rules, owner, rule = [ACTIVE_WEIGHT], np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    upper, at = np.empty(0, dtype=bool), np.empty(0)
    if limit is not None:
        owner, rule = np.repeat(bound, 2), np.zeros(2 * len(bound), dtype=np.intp)
        upper = np.tile([True, False], len(bound))
        at = target[owner] + np.tile([limit, -limit], len(bound)) - held[owner]
    singles = [(i, own) for i in rulings.ruled if not rulings.must_exit[i] for own in rulings.of[i].limits]
    if singles:
        rules += sorted({own.rule for _, own in singles})
        owner = np.append(owner, [i for i, _ in singles])
        rule = np.append(rule, [rules.index(own.rule) for _, own in singles])
        upper = np.append(upper, [own.upper for _, own in singles])
        at = np.append(at, [own.value - held[i] for i, own in singles])
        order = np.argsort(owner, kind="stable")
        owner, rule, upper, at = owner[order], rule[order], upper[order], at[order]
    return Bounds(rules=tuple(rules), owner=owner, rule=rule, upper=upper, at=at)


def _rows(inputs: _Inputs, names: Names, exposures: Array) -> Iterable[Row]:
    snapshot, settings, value = inputs.snapshot, inputs.settings, inputs.value
    listing, cost, active = names.listing, names.cost, -names.shortfall
    ones = np.ones(len(names))
    if settings.liquidate:  # nothing is left to follow, and cash is all that there will be
        yield Row(rule=CASH, up=ones + cost, down=cost - ones, lo=-np.inf, hi=np.inf)
        return
    cash = float((snapshot.account.cash + settings.deposit - settings.withdrawal) / value)
    yield Row(rule=CASH, up=ones + cost, down=cost - ones, lo=cash - settings.max_cash, hi=cash - settings.min_cash)
    if settings.max_sector_active is not None:
        limit = settings.max_sector_active
        leaving = np.where(names.rulings.must_exit, names.target, 0.0)
        sectors = listing.sector[names.code]
        for sector in np.unique(sectors).tolist():
            member = (sectors == sector).astype(float)
            gone = float(member @ leaving)  # what must go cannot be held against the sector
            name = f"{SECTOR} {listing.sectors[sector]}"
            yield _banded(name, member, float(member @ active), -limit - gone, limit, settings)
    if settings.max_factor_active is not None:
        limit = settings.max_factor_active
        for k, factor in enumerate(inputs.market.risk.factors):
            start = float(exposures[:, k] @ active)
            yield _banded(f"{FACTOR} {factor}", exposures[:, k], start, -limit, limit, settings)
    for rule in weight_limits(snapshot):
        if not rule.is_single:
            member = np.isin(names.code, listing.meant([rule.target])).astype(float)
            lo, hi = (-np.inf, rule.value) if rule.upper else (rule.value, np.inf)
            yield _banded(rule.rule, member, float(member @ names.held), lo, hi, settings)
    if settings.max_turnover is not None:
        yield Row(rule=TURNOVER, up=ones / 2, down=ones / 2, lo=0.0, hi=settings.max_turnover)
    if settings.max_net_gain is not None and snapshot.account.registration.is_taxable:
        cap = float(settings.max_net_gain / value)
        yield Row(rule=NET_GAIN, up=0 * ones, down=0 * ones, lo=-np.inf, hi=cap, st=1.0, lt=1.0)
    yield from _own_rules(inputs, names)


def _own_rules(inputs: _Inputs, names: Names) -> Iterable[Row]:
    """Return the firm's own linear rules as rows, in units of each rule's largest coefficient."""
    for term in inputs.terms:
        if isinstance(term, LinearRule):
            own = [float(term.coefficients.get(names.listing.ids[code], 0.0)) for code in names.code]
            weights = np.array(own) / term.scale
            start = -names.shortfall if term.active else names.held
            lo, hi = term.lo / term.scale, term.hi / term.scale
            yield _banded(term.name, weights, float(weights @ start), lo, hi, inputs.settings)


def _with_costs(names: Names, terms: Sequence[Term]) -> Names:
    """Return the names with what the firm's own costs ask of them."""
    if not terms:
        return names
    costs = np.array([costs_of(terms, names.listing.ids[code]) for code in names.code]).reshape(-1, 3)
    return replace(
        names, alpha=names.alpha - costs[:, 0], cost=names.cost + costs[:, 1], impact=names.impact + costs[:, 2]
    )


def _banded(rule: str, weights: Array, start: float, lo: float, hi: float, settings: PlanSettings) -> Row:
    """Return lo <= start + weights'u <= hi as a row; what is broken already is slack to be priced, unless enforced."""
    priced = 0.0 if settings.enforce else 1.0
    return Row(
        rule=rule,
        up=weights,
        down=-weights,
        lo=lo - start,
        hi=hi - start,
        slack_below=priced * max(lo - start, 0.0),
        slack_above=priced * max(start - hi, 0.0),
    )
