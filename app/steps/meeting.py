"""What can one household choose between? Keep, balanced, match the index, and all that lies between the last two."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import Final

from app.ports import Services
from app.steps import plan, review
from app.steps.inputs import PlanInputs, inputs_of, refuse_fenced
from app.steps.market import todays_market
from app.steps.plan import WhatIf
from app.steps.scenarios import within_budget
from engine.domain.accounts import Account, AccountSnapshot, Household
from engine.domain.errors import DataError, SolverFailed
from engine.domain.identifiers import AccountId, HouseholdId, PlanId
from engine.domain.lifecycle import Action, PlanState, User, next_state
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan, PlanStatus
from engine.domain.settings import PlanSettings
from engine.plan.frontier import REACH, FrontierPoint, frontier

TAX_FIRST: Final = 0
BALANCED_LEAN: Final = 10
INDEX_FIRST: Final = 20
CLOSE_ENOUGH: Final = 0.0025  # predicted tracking error above that of matching the index, a year, that counts as there
LONGEST_YEARS: Final = 30  # beyond it, a pace is none that anybody plans with
_POINTS: Final = 11  # every other place of the scale
_NEUTRAL_AVERSION: Final = PlanSettings().risk_aversion


class Kind(StrEnum):
    KEEP = "keep"
    BALANCED = "balanced"
    MATCH = "match"
    BETWEEN = "between"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a client asks for. Money in USD; gains: the most net gain of the year; exclude: what is not to be held."""

    deposit: Decimal = Decimal(0)
    withdrawal: Decimal = Decimal(0)
    exclude: tuple[str, ...] = ()
    gains: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to go. tax: USD of its trades, below zero is saved; tracking_error: predicted, a year, a fraction.

    lean: where it stands between TAX_FIRST and INDEX_FIRST, None for no trade at all. years: until the account is close
    to the index, 0 where it is so already, 1 where this plan brings it there, None where this pace never does.
    found: the plan; None for no trade at all.
    """

    kind: Kind
    lean: int | None
    tax: Decimal
    tracking_error: float
    trades: int
    years: int | None
    found: WhatIf | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """When is an account close to the index? Where its predicted tracking error is at most this, a fraction a year.

    gains: USD of gains, losses not set against them, that going there in one step would realise today.
    """

    tracking_error: float
    gains: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """The three choices of one account, with what they were computed from."""

    wishes: Wishes
    inputs: PlanInputs
    finish: Finish
    keep: Choice
    balanced: Choice
    match: Choice

    @property
    def own(self) -> PlanSettings:
        """The account's own settings."""
        return self.inputs.own

    @property
    def snapshot(self) -> AccountSnapshot:
        return self.inputs.snapshot

    @property
    def market(self) -> MarketSnapshot:
        return self.inputs.market

    @property
    def account(self) -> Account:
        return self.snapshot.account

    @property
    def choices(self) -> tuple[Choice, Choice, Choice]:
        return self.keep, self.balanced, self.match


def household(services: Services, household_id: str) -> Household:
    """Return a household. Raises DataError, without a word about any other, where there is none of this id."""
    for each in services.firm.households():
        if each.household_id == household_id:
            return each
    raise DataError(f"household {household_id}: no such household")


def accounts(services: Services, household_id: HouseholdId) -> Mapping[AccountId, Account]:
    """Return the accounts that a meeting speaks about: the taxable ones, or all where none is taxed."""
    own = [account for account in services.firm.accounts() if account.household_id == household_id]
    taxed = [account for account in own if account.registration.is_taxable]
    return {account.account_id: account for account in taxed or own}


def account_labels(services: Services, household_id: HouseholdId) -> Mapping[AccountId, str]:
    """Return the same accounts with the words by which a client knows them."""
    return {
        name: f"{account.registration.value.capitalize()} account {account.account_number}, {account.custodian}"
        for name, account in accounts(services, household_id).items()
    }


def obstacles(services: Services, household_id: HouseholdId) -> Mapping[AccountId, str]:
    """Return of the accounts of a meeting those that cannot be planned now, each with why, for the advisor alone."""
    market, found = todays_market(services), {}
    for account_id in accounts(services, household_id):
        try:
            refuse_fenced(services.firm.snapshot(account_id), market)
        except DataError as error:
            found[account_id] = str(error)
    return found


def meet(services: Services, account_id: AccountId, wishes: Wishes) -> Meeting:
    """Return what an account can choose between. Raises DataError as what_if does, and for wishes no plan can have."""
    inputs = inputs_of(services, account_id)
    unbudgeted = replace(wishes, gains=None)
    balanced = _planned(inputs, wishes, BALANCED_LEAN)
    match = _planned(inputs, wishes, INDEX_FIRST)
    there = match if wishes == unbudgeted else _planned(inputs, unbudgeted, INDEX_FIRST)
    finish = Finish(
        tracking_error=there.plan.after.tracking_error + CLOSE_ENOUGH,
        gains=gains_realised(there.plan),
    )
    return Meeting(
        wishes=wishes,
        inputs=inputs,
        finish=finish,
        keep=_keep(balanced.plan, finish),
        balanced=_choice(Kind.BALANCED, BALANCED_LEAN, balanced, finish),
        match=_choice(Kind.MATCH, INDEX_FIRST, match, finish),
    )


def between(meeting: Meeting) -> tuple[FrontierPoint, ...]:
    """Return certified points of all that lies between the ends, for a picture; none where a solver fails on one."""
    settings = settings_at(meeting.own, meeting.account, meeting.wishes, BALANCED_LEAN)
    try:
        return frontier(meeting.snapshot, meeting.market, settings, points=_POINTS)
    except SolverFailed:
        return ()


def choose(meeting: Meeting, lean: int) -> Choice:
    """Return the plan at one place between TAX_FIRST and INDEX_FIRST. Raises DataError for a place beyond them."""
    if lean == BALANCED_LEAN:
        return meeting.balanced
    if lean == INDEX_FIRST:
        return meeting.match
    return _choice(Kind.BETWEEN, lean, _planned(meeting.inputs, meeting.wishes, lean), meeting.finish)


def impossible(found: Meeting, chosen: Choice) -> WhatIf | None:
    """Return a plan that says which wishes and rules conflict, None where every choice can be had."""
    plans = (choice.found for choice in (*found.choices, chosen) if choice.found is not None)
    return next((each for each in plans if each.plan.status is PlanStatus.INFEASIBLE), None)


def settings_at(own: PlanSettings, account: Account, wishes: Wishes, lean: int) -> PlanSettings:
    """Return an account's own settings with a client's wishes, leaning to less tax or to the index.

    In the middle they are the account's own; the scale of risk aversions is that of the frontier, by equal factors. A
    budget for gains leaves what the year has realised already out of reach. Raises DataError for a lean off the scale.
    """
    if not TAX_FIRST <= lean <= INDEX_FIRST:
        raise DataError(f"lean: expected {TAX_FIRST} (tax first) to {INDEX_FIRST} (index first), found {lean}")
    aversion = own.risk_aversion
    if lean != BALANCED_LEAN:
        aversion = (aversion or _NEUTRAL_AVERSION) * REACH ** ((lean - BALANCED_LEAN) / BALANCED_LEAN)
    agreed = {} if wishes.gains is None else within_budget(own, account, wishes.gains)
    return replace(
        own,
        risk_aversion=aversion,
        deposit=own.deposit + wishes.deposit,
        withdrawal=own.withdrawal + wishes.withdrawal,
        exclude=tuple(dict.fromkeys((*own.exclude, *wishes.exclude))),
        **agreed,
    )


def years_until_close(*, tracking_error: float, gains: Decimal, finish: Finish) -> int | None:
    """Return the years until an account is close to the index where each year realises the gains of this one.

    1 where this year's plan is enough. Else the gains that going there at once would realise, over those of a year,
    rounded up, 2 at the least: one year was not enough. None without gains, or beyond LONGEST_YEARS.
    """
    if tracking_error <= finish.tracking_error:
        return 1
    if gains <= 0:
        return None
    years = max(2, ceil(finish.gains / gains))
    return years if years <= LONGEST_YEARS else None


def gains_realised(of: Plan) -> Decimal:
    """Return the gains of the lots that a plan sells at one, USD, losses not set against them."""
    return sum((max(sale.gain, Decimal(0)) for trade in of.trades for sale in trade.lots), Decimal(0))


def saved_as(services: Services, choice: Choice) -> PlanState | None:
    """Return the state of a choice that was saved already, None where it was not."""
    if choice.found is None:
        return None
    wanted = choice.found.plan_id
    heads = plan.plans_of(services, choice.found.plan.account_id)
    return next((head.state for head in heads if head.plan_id == wanted), None)


def save_as_proposal(services: Services, choice: Choice, *, actor: User, note: str = "") -> PlanId:
    """Keep a choice's plan and propose it for review; nothing is traded, and another person must approve it.

    Raises NotAllowed for a person who may not propose and DataError for a choice without a trade, nothing then being
    kept; CheckFailed where the second checker disagrees: the plan then stays a draft.
    """
    next_state(state=PlanState.DRAFT, action=Action.PROPOSE, actor=actor, makers=frozenset(), comment=note)
    if choice.found is None or not choice.trades:
        raise DataError("this choice makes no trade; there is nothing to propose")
    plan_id = plan.keep(services, choice.found, actor=actor.user_id, note=note)
    review.propose(services, plan_id, actor=actor)
    return plan_id


def _planned(inputs: PlanInputs, wishes: Wishes, lean: int) -> WhatIf:
    return plan.best_plan(inputs, settings_at(inputs.own, inputs.snapshot.account, wishes, lean))


def _keep(of: Plan, finish: Finish) -> Choice:
    """Return the choice of no trade, from any plan of the account: it states the account before trading."""
    near = of.before.tracking_error <= finish.tracking_error
    return Choice(
        kind=Kind.KEEP, lean=None, tax=Decimal(0), tracking_error=of.before.tracking_error, trades=0,
        years=0 if near else None, found=None,
    )  # fmt: skip


def _choice(kind: Kind, lean: int, found: WhatIf, finish: Finish) -> Choice:
    after = found.plan.after.tracking_error
    return Choice(
        kind=kind,
        lean=lean,
        tax=found.plan.tax.liability,
        tracking_error=after,
        trades=len(found.plan.trades),
        years=years_until_close(tracking_error=after, gains=gains_realised(found.plan), finish=finish),
        found=found,
    )
