"""What would tonight's book come to under one policy and under another? Figures an account, their sums, what differs.

USD, rounded as in the documents that they come from; weights, turnover and tracking errors (annual) are fractions.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.domain.identifiers import AccountId, HouseholdId, SecurityId
from engine.domain.plans import Side, Verdict

PROPOSED: Final = "proposed"
EXCEPTION: Final = "exception"
_STANDING: Final = ("out_of_balance", "cash_low", "cash_high")
_DECIMALS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """What a night would come to for one account.

    trades: USD by security, below zero sold; empty unless the plan would be proposed, and then all figures of a plan
    are 0 but te_after, which is te_before. liability < 0 is tax saved; harvested is a positive amount. nav and tracking
    errors are None for an account that could not be looked at. breaches: checks of a plan to be proposed that warn or
    fail, by rule; of an account that trades nothing, what keeps it out of balance or of its cash band. cause: why an
    exception is one.
    """

    account_id: AccountId
    household_id: HouseholdId
    household: str
    advisor: str
    registration: str
    model_id: str
    outcome: str
    nav: float | None
    te_before: float | None
    te_after: float | None
    trades: tuple[tuple[SecurityId, float], ...]
    st_gain: float
    lt_gain: float
    liability: float
    harvested: float
    breaches: tuple[str, ...]
    cause: str

    @property
    def traded(self) -> float:
        """Bought and sold together."""
        return round(math.fsum(abs(amount) for _, amount in self.trades), 2)

    @property
    def turnover(self) -> float:
        """One way: half of what is traded, of value."""
        return round(self.traded / 2 / self.nav, _DECIMALS) if self.nav else 0.0

    @property
    def net_gain(self) -> float:
        return round(self.st_gain + self.lt_gain, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over a book under one policy. outcomes: accounts by outcome. Tracking errors are those of accounts with one.

    te_before and te_after: median; mean_te_*: weighted by value. turnover: of the whole book, one way. in_breach:
    accounts with a breach; breaches: how many in all.
    """

    accounts: int
    outcomes: Mapping[str, int]
    nav: float
    trades: int
    traded: float
    turnover: float
    st_gain: float
    lt_gain: float
    tax: float
    harvested: float
    te_before: float | None
    te_after: float | None
    mean_te_before: float | None
    mean_te_after: float | None
    in_breach: int
    breaches: int

    @property
    def would_trade(self) -> int:
        return self.outcomes.get(PROPOSED, 0)

    @property
    def exceptions(self) -> int:
        return self.outcomes.get(EXCEPTION, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One account under the present policy and under the changed one."""

    now: AccountFigures
    then: AccountFigures

    @property
    def changed_usd(self) -> float:
        """How many dollars of trades differ: over all names, what is traded then less what is traded now."""
        moves = dict(self.then.trades)
        for name, amount in self.now.trades:
            moves[name] = moves.get(name, 0.0) - amount
        return round(math.fsum(map(abs, moves.values())), 2)

    @property
    def new_breaches(self) -> tuple[str, ...]:
        return tuple(each for each in self.then.breaches if each not in self.now.breaches)

    @property
    def newly_not_planned(self) -> bool:
        return self.then.outcome == EXCEPTION and self.now.outcome != EXCEPTION

    @property
    def same(self) -> bool:
        return self.now == self.then


def account_figures(
    *,
    account_id: AccountId,
    household_id: HouseholdId,
    registration: str,
    model_id: str,
    household: str,
    advisor: str,
    outcome: str,
    seen: Mapping[str, Any] | None,
    document: Mapping[str, Any] | None,
    verdicts: Iterable[tuple[str, Verdict]],
    cause: str,
) -> AccountFigures:
    """Return the figures of an account from its scan and its plan as documents.

    seen: None where it could not be scanned. document: of a plan that would be proposed, else None. verdicts: of the
    second checker on that plan.
    """
    te = None if seen is None else float(seen["tracking_error"])
    tax: Mapping[str, Any] = {} if document is None else document["tax"]
    return AccountFigures(
        account_id=account_id,
        household_id=household_id,
        household=household,
        advisor=advisor,
        registration=registration,
        model_id=model_id,
        outcome=outcome,
        nav=None if seen is None else float(seen["nav"]),
        te_before=te,
        te_after=te if document is None else float(document["after"]["tracking_error"]),
        trades=() if document is None else tuple(map(_amount, document["trades"])),
        st_gain=float(tax.get("st_gain", 0.0)),
        lt_gain=float(tax.get("lt_gain", 0.0)),
        liability=float(tax.get("liability", 0.0)),
        harvested=float(tax.get("harvested_loss", 0.0)),
        breaches=_breaches(seen, document, verdicts),
        cause=cause,
    )


def totals(accounts: Sequence[AccountFigures]) -> Totals:
    """Return the sums over a book."""
    outcomes: dict[str, int] = {}
    for each in accounts:
        outcomes[each.outcome] = outcomes.get(each.outcome, 0) + 1
    nav = math.fsum(each.nav or 0.0 for each in accounts)
    traded = math.fsum(each.traded for each in accounts)
    return Totals(
        accounts=len(accounts),
        outcomes=dict(sorted(outcomes.items())),
        nav=round(nav, 2),
        trades=sum(len(each.trades) for each in accounts),
        traded=round(traded, 2),
        turnover=round(traded / 2 / nav, _DECIMALS) if nav else 0.0,
        st_gain=_usd(each.st_gain for each in accounts),
        lt_gain=_usd(each.lt_gain for each in accounts),
        tax=_usd(each.liability for each in accounts),
        harvested=_usd(each.harvested for each in accounts),
        te_before=_median(each.te_before for each in accounts),
        te_after=_median(each.te_after for each in accounts),
        mean_te_before=_mean((each.te_before, each.nav) for each in accounts),
        mean_te_after=_mean((each.te_after, each.nav) for each in accounts),
        in_breach=sum(bool(each.breaches) for each in accounts),
        breaches=sum(len(each.breaches) for each in accounts),
    )


def compared(now: Sequence[AccountFigures], then: Sequence[AccountFigures]) -> tuple[Compared, ...]:
    """Return each account under both policies, the one with most dollars of differing trades first.

    Of as many dollars, accounts that are newly left without a plan come first, then newly broken rules, then names.
    """
    after = {each.account_id: each for each in then}
    pairs = [Compared(now=each, then=after[each.account_id]) for each in now]
    return tuple(
        sorted(
            pairs,
            key=lambda pair: (
                -pair.changed_usd, not pair.newly_not_planned, not pair.new_breaches, pair.same, pair.now.account_id,
            ),
        )
    )  # fmt: skip


def _amount(trade: Mapping[str, Any]) -> tuple[SecurityId, float]:
    amount = float(trade["amount"])
    return SecurityId(trade["security_id"]), -amount if trade["side"] == Side.SELL else amount


def _breaches(
    seen: Mapping[str, Any] | None, document: Mapping[str, Any] | None, verdicts: Iterable[tuple[str, Verdict]]
) -> tuple[str, ...]:
    if document is None:
        reasons = () if seen is None else seen["reasons"]
        return tuple(reason.replace("_", " ") for reason in _STANDING if reason in reasons)
    own = [(check["rule"], check["verdict"]) for check in document["checks"]]
    found = [rule for rule, verdict in (*own, *verdicts) if verdict in (Verdict.WARN, Verdict.FAIL)]
    return tuple(sorted(dict.fromkeys(found)))


def _usd(amounts: Iterable[float]) -> float:
    return round(math.fsum(amounts), 2) + 0.0


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), _DECIMALS) if known else None


def _mean(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    known = [(value, weight) for value, weight in pairs if value is not None and weight]
    total = math.fsum(weight for _, weight in known)
    return round(math.fsum(value * weight for value, weight in known) / total, _DECIMALS) if total else None
