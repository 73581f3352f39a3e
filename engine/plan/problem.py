"""What exactly is to be decided? Account, market and settings as arrays: the one place where decimals become floats.

Every weight is a fraction of V, the value after the external cash flow. A trade u is in weight (buy > 0), the active
weight after it is d = u - shortfall, with shortfall = target - held. The objective, in fractions of V, is

    risk_aversion * (|L'd|^2 + sum_i D_i d_i^2) + sum_i f_i(u_i) + breach penalties

with f_i the tax, cost and tilt of one name, subject to lo <= rows(u) <= hi. A row adds `up` for each unit bought,
`down` for each unit sold, and `st` and `lt` for each unit of realised gain of that term.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engine.domain.accounts import AccountSnapshot, Lot
from engine.domain.errors import DataError
from engine.domain.identifiers import LotId, SecurityId
from engine.domain.market import Array, MarketSnapshot, Security
from engine.domain.plans import Lock
from engine.domain.policy import means, words_for
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.domain.valuation import net_asset_value, positions
from engine.plan.lots import SaleLot, sale_lots
from engine.plan.netted import Netting, netting_of
from engine.plan.rules import NameRules, name_rules, weight_limits
from engine.plan.terms import LinearRule, Term, costs_of, require_terms
from engine.plan.washes import Caught, caught_losses
from engine.risk.measure import require_risk

if TYPE_CHECKING:
    from engine.plan.frame import Frame
    from engine.plan.prepared import Prepared
    from engine.plan.written import Written

BP: Final = 1e4
PERCENT: Final = 0.01
_NOTHING: Final = Decimal(0)
MIN_CASH: Final = "min_cash"
MAX_CASH: Final = "max_cash"
CASH: Final = "cash band"
TURNOVER: Final = "max_turnover"
NET_GAIN: Final = "max_net_gain"
ACTIVE_WEIGHT: Final = "max_active_weight"
SECTOR: Final = "max_sector_active"
FACTOR: Final = "max_factor_active"


class Bound(NamedTuple):
    """A limit on one name's trade: u <= at (upper) or u >= at. One that u = 0 breaks is priced, not forced."""

    rule: str
    upper: bool
    at: float

    @property
    def is_broken(self) -> bool:
        return self.at < 0 if self.upper else self.at > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One security of the problem. held, target: weights; unit: weight of one share; lots: its lots, order of sale.

    impact: cost of a unit of squared trade. loses_in_order: the lots are sold as they come, whatever the lot method,
    because which loss a wash sale disallows depends on their order.
    """

    security: Security
    shares: Decimal
    price: Decimal
    unit: float
    held: float
    target: float
    cost: float
    alpha: float
    specific: float
    impact: float
    lots: tuple[SaleLot, ...]
    rules: NameRules
    bounds: tuple[Bound, ...]
    loses_in_order: bool = False

    @property
    def shortfall(self) -> float:
        return self.target - self.held

    @property
    def sellable(self) -> tuple[SaleLot, ...]:
        return tuple(lot for lot in self.lots if lot.blocked is None)


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
    names: tuple[Name, ...]
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

    @cached_property
    def impact(self) -> Array:
        return np.array([name.impact for name in self.names])

    @cached_property
    def shortfall(self) -> Array:
        return np.array([name.shortfall for name in self.names])

    @cached_property
    def specific(self) -> Array:
        return np.array([name.specific for name in self.names])

    @cached_property
    def unit(self) -> Array:
        """One share of each name, a fraction of V: (n,)."""
        return np.array([name.unit for name in self.names])


def value_after_flow(snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings) -> Decimal:
    """Return V, the net asset value with the deposit in and the withdrawal out, USD."""
    return net_asset_value(snapshot, market) + settings.deposit - settings.withdrawal


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
    account, risk = snapshot.account, market.risk
    value = value_after_flow(snapshot, market, settings)
    if value <= 0:
        raise DataError(f"account {account.account_id}: expected a value above 0 after the cash flow, found {value}")
    held, targets = positions(snapshot.lots), _targets(snapshot, market)
    ids = sorted({*held, *targets, *also})
    _require_priced(ids, market)
    require_terms(terms, market)
    require_risk(risk, ids)
    securities = [market.securities[name] for name in ids]
    rules = name_rules(snapshot, market, settings, locks, securities)
    lots: dict[SecurityId, list[Lot]] = {}
    for lot in snapshot.lots:
        lots.setdefault(lot.security_id, []).append(lot)
    inputs = _Inputs(snapshot=snapshot, market=market, settings=settings, value=value, terms=tuple(terms))
    inputs = replace(inputs, caught=_caught(inputs, securities, rules, lots))
    index = [risk.position[name] for name in ids]
    names = tuple(
        _name(security, answer, lots.get(name, []), held.get(name, _NOTHING), targets.get(name, 0.0), specific, inputs)
        for name, security, answer, specific in zip(
            ids, securities, rules, risk.specific_variance[index].tolist(), strict=True
        )
    )
    exposures = risk.exposures[index]
    return Problem(
        snapshot=snapshot,
        market=market,
        settings=settings,
        value=value,
        names=tuple(_with_costs(name, inputs.terms) for name in names),  # which rows, being cash, do not know
        loadings=exposures @ _square_root(risk.factor_covariance),
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


def _targets(snapshot: AccountSnapshot, market: MarketSnapshot) -> dict[SecurityId, float]:
    account = snapshot.account
    if account.model_id not in market.models:
        raise DataError(f"account {account.account_id}: model {account.model_id} does not exist")
    return {name: float(weight) for name, weight in market.models[account.model_id].weights}


def _require_priced(names: Iterable[SecurityId], market: MarketSnapshot) -> None:
    for kind, known in (("security", market.securities.keys()), ("price", market.marks.keys())):
        missing = sorted(set(names) - known)
        if missing:
            raise DataError(
                f"plan: expected a {kind} for every holding and model name, found none for {', '.join(missing)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    snapshot: AccountSnapshot
    market: MarketSnapshot
    settings: PlanSettings
    value: Decimal
    terms: tuple[Term, ...]
    caught: Mapping[SecurityId, Mapping[LotId, tuple[Caught, ...]]] = field(default_factory=dict)


def _caught(
    inputs: _Inputs, securities: Sequence[Security], rules: Sequence[NameRules], lots: Mapping[SecurityId, list[Lot]]
) -> Mapping[SecurityId, Mapping[LotId, tuple[Caught, ...]]]:
    """Return, for each name that may be sold at a loss in spite of a lock, the shares that the lock's causes catch.

    A name of a group of several stays locked, and so does one whose lots go in an order that is neither that of tax nor
    of acquisition: there the shares that are caught depend on what else is sold.
    """
    settings, snapshot = inputs.settings, inputs.snapshot
    if settings.wash_sales is not WashSalePolicy.ALLOW or settings.lot_method in (LotMethod.HIFO, LotMethod.LIFO):
        return {}
    members = Counter(security.group for security in securities)
    names = {
        security.security_id: rule
        for security, rule in zip(securities, rules, strict=True)
        if rule.no_loss_sale and members[security.group] == 1
    }
    sellable = [
        entry.lot
        for name, rule in names.items()
        for entry in _sale_lots(lots.get(name, []), rule, inputs.market.marks[name].price, inputs, {})
        if entry.blocked is None and (entry.is_loss or settings.liquidate)  # what is sold out replaces nothing
    ]
    found = caught_losses(snapshot, inputs.market, sellable)
    return dict.fromkeys(names, found)


def _sale_lots(
    lots: Sequence[Lot],
    rules: NameRules,
    price: Decimal,
    inputs: _Inputs,
    caught: Mapping[LotId, tuple[Caught, ...]] | None,
) -> tuple[SaleLot, ...]:
    snapshot = inputs.snapshot
    return sale_lots(
        lots,
        snapshot.account,
        inputs.settings,
        rules,
        price=price,
        value=inputs.value,
        on=snapshot.as_of,
        caught=caught,
    )


def _name(
    security: Security,
    rules: NameRules,
    lots: Sequence[Lot],
    shares: Decimal,
    target: float,
    specific: float,
    inputs: _Inputs,
) -> Name:
    settings, value = inputs.settings, inputs.value
    price = inputs.market.marks[security.security_id].price
    held = float(shares * price / value)
    cost_bp = settings.cost_bp if security.cost_bp is None else float(security.cost_bp)
    caught = inputs.caught.get(security.security_id)
    return Name(
        security=security,
        shares=shares,
        price=price,
        unit=float(price / value),
        held=held,
        target=target,
        cost=cost_bp / BP,
        alpha=_tilt(security, settings),
        specific=specific,
        impact=_impact(security, settings, value),
        lots=_sale_lots(lots, rules, price, inputs, caught),
        rules=rules,
        bounds=_bounds(rules, settings, held, target),
        loses_in_order=bool(caught),
    )


def _tilt(security: Security, settings: PlanSettings) -> float:
    if not settings.tilt:
        return 0.0
    return float(sum(settings.tilt[word] for word in sorted(words_for(security) & settings.tilt.keys())))


def _impact(security: Security, settings: PlanSettings, value: Decimal) -> float:
    """Return what a unit of squared trade costs: the price moves in proportion to the share of a day's volume traded.

    Source: Kyle, Continuous auctions and insider trading, Econometrica 53 (1985), whose price impact is linear.
    """
    if not security.adv_usd or not settings.impact_bp:
        return 0.0
    return settings.impact_bp / BP * float(value / security.adv_usd)


def _bounds(rules: NameRules, settings: PlanSettings, held: float, target: float) -> tuple[Bound, ...]:
    """Return the limits on a name's trade. A name that must go has none: leaving it is the rule that counts."""
    if rules.must_exit:
        return ()
    bounds = []
    if settings.max_active_weight is not None:
        for upper, limit in ((True, settings.max_active_weight), (False, -settings.max_active_weight)):
            bounds.append(Bound(rule=ACTIVE_WEIGHT, upper=upper, at=target + limit - held))
    bounds += [Bound(rule=limit.rule, upper=limit.upper, at=limit.value - held) for limit in rules.limits]
    return tuple(bounds)


def _rows(inputs: _Inputs, names: Sequence[Name], exposures: Array) -> Iterable[Row]:
    snapshot, settings, value = inputs.snapshot, inputs.settings, inputs.value
    cost = np.array([name.cost for name in names])
    active = -np.array([name.shortfall for name in names])
    ones = np.ones(len(names))
    if settings.liquidate:  # nothing is left to follow, and cash is all that there will be
        yield Row(rule=CASH, up=ones + cost, down=cost - ones, lo=-np.inf, hi=np.inf)
        return
    cash = float((snapshot.account.cash + settings.deposit - settings.withdrawal) / value)
    yield Row(rule=CASH, up=ones + cost, down=cost - ones, lo=cash - settings.max_cash, hi=cash - settings.min_cash)
    if settings.max_sector_active is not None:
        limit = settings.max_sector_active
        leaving = np.array([name.target if name.rules.must_exit else 0.0 for name in names])
        sectors = np.array([name.security.sector for name in names])
        for sector in np.unique(sectors).tolist():
            member = (sectors == sector).astype(float)
            gone = float(member @ leaving)  # what must go cannot be held against the sector
            yield _banded(f"{SECTOR} {sector}", member, float(member @ active), -limit - gone, limit, settings)
    if settings.max_factor_active is not None:
        limit = settings.max_factor_active
        for k, factor in enumerate(inputs.market.risk.factors):
            start = float(exposures[:, k] @ active)
            yield _banded(f"{FACTOR} {factor}", exposures[:, k], start, -limit, limit, settings)
    held = np.array([name.held for name in names])
    for rule in weight_limits(snapshot):
        if not rule.is_single:
            member = np.array([float(means(rule.target, name.security)) for name in names])
            lo, hi = (-np.inf, rule.value) if rule.upper else (rule.value, np.inf)
            yield _banded(rule.rule, member, float(member @ held), lo, hi, settings)
    if settings.max_turnover is not None:
        yield Row(rule=TURNOVER, up=ones / 2, down=ones / 2, lo=0.0, hi=settings.max_turnover)
    if settings.max_net_gain is not None and snapshot.account.registration.is_taxable:
        cap = float(settings.max_net_gain / value)
        yield Row(rule=NET_GAIN, up=0 * ones, down=0 * ones, lo=-np.inf, hi=cap, st=1.0, lt=1.0)
    yield from _own_rules(inputs, names)


def _own_rules(inputs: _Inputs, names: Sequence[Name]) -> Iterable[Row]:
    """Return the firm's own linear rules as rows, in units of each rule's largest coefficient."""
    for term in inputs.terms:
        if isinstance(term, LinearRule):
            own = [float(term.coefficients.get(name.security.security_id, 0.0)) for name in names]
            weights = np.array(own) / term.scale
            start = [-name.shortfall if term.active else name.held for name in names]
            lo, hi = term.lo / term.scale, term.hi / term.scale
            yield _banded(term.name, weights, float(weights @ start), lo, hi, inputs.settings)


def _with_costs(name: Name, terms: Sequence[Term]) -> Name:
    """Return the name with what the firm's own costs ask of it."""
    if not terms:
        return name
    weight, traded, squared = costs_of(terms, name.security.security_id)
    return replace(name, alpha=name.alpha - weight, cost=name.cost + traded, impact=name.impact + squared)


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


def _square_root(covariance: Array) -> Array:
    """Return M with M M' = covariance. Tiny negative eigenvalues of an imported matrix count as zero."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root: Array = vectors * np.sqrt(np.clip(values, 0.0, None))
    return root
