"""Which trades may a name make? Restrictions, exclusions, locks and tradability, resolved to one answer for each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.accounts import AccountSnapshot, Restriction, Rule
from engine.domain.errors import DataError
from engine.domain.listing import Codes, listing_of
from engine.domain.market import MarketSnapshot, Security
from engine.domain.plans import Lock, LockRule
from engine.domain.policy import restrictions_in_force, words_for
from engine.domain.settings import PlanSettings

NOT_TRADABLE: Final = "not tradable"
EXCLUDE: Final = "exclude"
LIQUIDATE: Final = "liquidate"
WASH_SALES: Final = "wash_sales"
WEIGHT_RULES: Final = frozenset({Rule.MIN_WEIGHT, Rule.MAX_WEIGHT})


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightLimit:
    """A restriction's bound on the weight of one security or the sum of many. upper: a ceiling, else a floor."""

    rule: str
    target: str
    upper: bool
    value: float

    @property
    def is_single(self) -> bool:
        return not self.target.startswith(("sector:", "tag:"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRules:
    """Names of the rules that stop each kind of trade in one security; a kind with none is allowed.

    loss_free_on: the first day on which no lock on a sale at a loss holds any more; None where none does today.
    """

    no_buy: tuple[str, ...] = ()
    no_sell: tuple[str, ...] = ()
    no_loss_sale: tuple[str, ...] = ()
    must_exit: tuple[str, ...] = ()
    limits: tuple[WeightLimit, ...] = ()
    loss_free_on: date | None = None


Flags = NDArray[np.bool_]
_FREE: Final = NameRules()
_NONE: Final = np.empty(0, dtype=np.intp)


def rule_name(rule: Rule, target: str) -> str:
    """Return the name under which a restriction appears in reasons, bindings and conflicts."""
    return f"{rule.value} {target}"


@dataclass(frozen=True, kw_only=True)
class Rulings:
    """The rules of each name: of (n,). ruled: numbers of the names that have any; flags (n,) for each kind of rule."""

    of: tuple[NameRules, ...]
    ruled: tuple[int, ...]
    no_buy: Flags
    no_sell: Flags
    no_loss_sale: Flags
    must_exit: Flags


def name_rules(
    snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings, locks: Iterable[Lock], codes: Codes
) -> Rulings:
    """Return the rules of each security, by its code in the market's listing, in order.

    A loss sold in an IRA or Roth account has no tax meaning, so no_loss_sale locks bind taxable accounts only; no_buy
    locks bind every registration, for a purchase in an IRA washes the household's losses (Rev. Rul. 2008-5).
    """
    listing = listing_of(market)
    locked = _locked(locks, snapshot)
    no_buy = locked[LockRule.NO_BUY]
    no_loss_sale = locked[LockRule.NO_LOSS_SALE] if snapshot.account.registration.is_taxable else {}
    restrictions, limits = in_force(snapshot), weight_limits(snapshot)
    told = {*settings.exclude, *(restriction.target for restriction in restrictions)}
    concerned = ~listing.tradable
    if settings.liquidate:
        concerned[:] = True
    concerned[listing.meant(told)] = True
    for group in (*no_buy, *no_loss_sale):
        concerned[listing.in_group.get(group, _NONE)] = True
    found = [_FREE] * len(codes)
    ruled = np.flatnonzero(concerned[codes]).tolist()
    known: dict[object, NameRules] = {}  # locks make hundreds of names alike
    for i in ruled:
        code = codes[i]
        security, frozen = listing.securities[code], not listing.tradable[code]
        words, group = words_for(security) & told if told else frozenset(), security.group
        alike = (words, frozen, group in no_buy, no_loss_sale.get(group))
        if alike not in known:
            known[alike] = _rules(security, words, settings, restrictions, limits, no_buy, no_loss_sale, frozen=frozen)
        found[i] = known[alike]
    flags = np.zeros((4, len(codes)), dtype=bool)
    flags[:, ruled] = np.array(
        [
            (bool(own.no_buy), bool(own.no_sell), bool(own.no_loss_sale), bool(own.must_exit))
            for own in map(found.__getitem__, ruled)
        ],
        dtype=bool,
    ).reshape(-1, 4).T  # fmt: skip
    return Rulings(
        of=tuple(found), ruled=tuple(ruled), no_buy=flags[0], no_sell=flags[1], no_loss_sale=flags[2],
        must_exit=flags[3],
    )  # fmt: skip


def _rules(
    security: Security,
    words: frozenset[str],
    settings: PlanSettings,
    restrictions: Iterable[Restriction],
    limits: Iterable[WeightLimit],
    no_buy: Mapping[str, date],
    no_loss_sale: Mapping[str, date],
    *,
    frozen: bool,
) -> NameRules:
    group = security.group
    meant = [r for r in restrictions if r.target in words]
    excluded = [] if words.isdisjoint(settings.exclude) else [EXCLUDE]
    excluded += [LIQUIDATE] if settings.liquidate else []
    return NameRules(
        no_buy=(
            *_frozen(frozen),
            *_names(meant, Rule.DO_NOT_HOLD),
            *excluded,
            *_names(meant, Rule.DO_NOT_BUY),
            *([WASH_SALES] if group in no_buy else ()),
        ),
        no_sell=(*_frozen(frozen), *_names(meant, Rule.DO_NOT_SELL)),
        no_loss_sale=(WASH_SALES,) if group in no_loss_sale else (),
        must_exit=(*_names(meant, Rule.DO_NOT_HOLD), *excluded),
        limits=tuple(limit for limit in limits if limit.is_single and limit.target in words),
        loss_free_on=no_loss_sale.get(group),
    )


def in_force(snapshot: AccountSnapshot) -> tuple[Restriction, ...]:
    """Return the restrictions of firm, household and account that hold on the snapshot's day."""
    return restrictions_in_force(snapshot.restrictions, snapshot.account, snapshot.as_of)


def weight_limits(snapshot: AccountSnapshot) -> tuple[WeightLimit, ...]:
    """Return every minimum and maximum weight in force. Raises DataError for one without a value."""
    limits = []
    for restriction in in_force(snapshot):
        if restriction.rule not in WEIGHT_RULES:
            continue
        name = rule_name(restriction.rule, restriction.target)
        if restriction.value is None:
            raise DataError(f"restriction {name}: expected a value, found none")
        limits.append(
            WeightLimit(
                rule=name,
                target=restriction.target,
                upper=restriction.rule is Rule.MAX_WEIGHT,
                value=float(restriction.value),
            )
        )
    return tuple(limits)


def _locked(locks: Iterable[Lock], snapshot: AccountSnapshot) -> Mapping[LockRule, Mapping[str, date]]:
    """Return the locked groups by rule, each with the first day on which it is free of every lock."""
    found: dict[LockRule, dict[str, date]] = {rule: {} for rule in LockRule}
    for lock in locks:
        if lock.household_id == snapshot.household.household_id and lock.until > snapshot.as_of:
            groups = found[lock.rule]
            groups[lock.identical_group] = max(lock.until, groups.get(lock.identical_group, lock.until))
    return found


def _names(restrictions: Iterable[Restriction], rule: Rule) -> tuple[str, ...]:
    return tuple(rule_name(r.rule, r.target) for r in restrictions if r.rule is rule)


def _frozen(frozen: bool) -> tuple[str, ...]:
    return (NOT_TRADABLE,) if frozen else ()
