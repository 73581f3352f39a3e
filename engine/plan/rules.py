"""Which trades may a name make? Restrictions, exclusions, locks and tradability, resolved to one answer for each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from engine.domain.accounts import AccountSnapshot, Restriction, Rule
from engine.domain.errors import DataError
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


_FREE: Final = NameRules()


def rule_name(rule: Rule, target: str) -> str:
    """Return the name under which a restriction appears in reasons, bindings and conflicts."""
    return f"{rule.value} {target}"


def name_rules(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    settings: PlanSettings,
    locks: Iterable[Lock],
    securities: Iterable[Security],
) -> tuple[NameRules, ...]:
    """Return the rules of each security, in order.

    A loss sold in an IRA or Roth account has no tax meaning, so no_loss_sale locks bind taxable accounts only; no_buy
    locks bind every registration, for a purchase in an IRA washes the household's losses (Rev. Rul. 2008-5).
    """
    locked = _locked(locks, snapshot)
    taxable = snapshot.account.registration.is_taxable
    limits = weight_limits(snapshot)
    restrictions = in_force(snapshot)
    told = {*settings.exclude, *(restriction.target for restriction in restrictions)}
    no_buy, no_loss_sale = locked[LockRule.NO_BUY], locked[LockRule.NO_LOSS_SALE] if taxable else {}
    answers = []
    for security in securities:
        words, group = words_for(security) & told, security.group
        frozen = security.tradable is False or market.marks[security.security_id].price <= 0
        if not (words or frozen or settings.liquidate or group in no_buy or group in no_loss_sale):
            answers.append(_FREE)
            continue
        meant = [r for r in restrictions if r.target in words]
        excluded = [] if words.isdisjoint(settings.exclude) else [EXCLUDE]
        excluded += [LIQUIDATE] if settings.liquidate else []
        answers.append(
            NameRules(
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
                limits=tuple(limit for limit in limits if limit.target == security.security_id),
                loss_free_on=no_loss_sale.get(group),
            )
        )
    return tuple(answers)


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
