"""What if? Solve, compare, keep, replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from app.ports import Progress, Services, no_progress
from app.steps.inputs import PlanInputs, default_settings, inputs_of, refuse_fenced, settings_of
from app.steps.jobs import recorded
from app.steps.market import todays_market
from data.plans import PlanHead, StoredPlan
from data.snapshots import inputs_hash, market_document, snapshot_document
from engine.domain.accounts import AccountSnapshot
from engine.domain.errors import CheckFailed, LotsmithError
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, UserId
from engine.domain.jobs import JobKind
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan, Run, Side
from engine.domain.settings import PlanSettings
from engine.plan.document import QUANTITY_DECIMALS, canonical_json, plan_document, plan_from_document
from engine.plan.evaluate import evaluate_trades
from engine.plan.household import Unplanned, propose_each
from engine.plan.propose import propose_plan
from engine.review.compare import PlanSummary, summarise


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """A plan that is not kept yet, with what it was computed from."""

    plan: Plan
    run: Run
    summary: PlanSummary
    snapshot: AccountSnapshot
    market: MarketSnapshot

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The plan as it is hashed and kept; written when it is first asked for, since few plans ever are."""
        return plan_document(self.plan, self.run)

    @property
    def plan_id(self) -> PlanId:
        return PlanId(self.document["plan_id"])


def what_if(services: Services, account_id: AccountId, settings: PlanSettings) -> WhatIf:
    """Return the best plan for an account as it stands now. Raises DataError as inputs_of does."""
    return best_plan(inputs_of(services, account_id), settings)


def best_plan(inputs: PlanInputs, settings: PlanSettings) -> WhatIf:
    """Return the best plan under these settings for an account that was read already."""
    plan, run = propose_plan(inputs.snapshot, inputs.market, settings, inputs_hash=inputs.hash)
    return _what_if(plan, run, inputs.snapshot, inputs.market)


def keep(
    services: Services, found: WhatIf, *, actor: UserId, note: str = "", parent_id: PlanId | None = None
) -> PlanId:
    """Store a plan as a draft with its inputs; keeping it again changes nothing. The actor is one of its makers."""
    return services.plans.save(
        found.document,
        snapshot=snapshot_document(found.snapshot),
        market=market_document(found.market),
        household_id=found.snapshot.household.household_id,
        actor=actor,
        at=services.now(),
        note=note,
        parent_id=parent_id,
    )


def annotate(services: Services, plan_id: PlanId, *, name: str, remarks: str, actor: UserId) -> None:
    """Write a draft's name and what else is to be said of it. Raises DataError and NotAllowed as PlanStore.annotate."""
    note = f"{' '.join(name.split())}\n{remarks.strip()}".rstrip()
    services.plans.annotate(plan_id, note, actor=actor, at=services.now())


def kept(services: Services, plan_id: PlanId) -> WhatIf:
    """Return a stored plan with its stored inputs, as if just computed."""
    plan, run = plan_from_document(services.plans.get(plan_id).document)
    snapshot, market = services.plans.inputs(plan_id)
    return _what_if(plan, run, snapshot, market)


def summary_text(found: WhatIf) -> str:
    """Return the plan in a few plain sentences, for the CRM and for people in a hurry."""
    plan, tax = found.plan, found.plan.tax
    bought = sum((trade.amount for trade in plan.trades if trade.side is Side.BUY), Decimal(0))
    sold = sum((trade.amount for trade in plan.trades if trade.side is Side.SELL), Decimal(0))
    effect = "saves" if tax.liability < 0 else "costs"
    return (
        f"{len(plan.trades)} trades: sells ${sold:,.0f}, buys ${bought:,.0f}. "
        f"Harvests ${tax.harvested_loss:,.0f} of losses; tax now {effect} ${abs(tax.liability):,.0f}. "
        f"Predicted tracking error {plan.before.tracking_error:.2%} before, {plan.after.tracking_error:.2%} after. "
        f"Certified within {plan.objective.gap:.2f} bp of the best possible plan."
    )


def plans_of(services: Services, account_id: AccountId) -> tuple[PlanHead, ...]:
    """Return every stored plan of an account, newest first."""
    return services.plans.heads(account_id=account_id)


def newest_states(services: Services) -> Mapping[AccountId, str]:
    """Return where the newest plan of each account stands that has one, in words."""
    return {head.account_id: head.state.replace("_", " ") for head in reversed(services.plans.heads())}


def find(services: Services, prefix: str) -> StoredPlan:
    """Return the plan whose id begins so. Raises DataError where there is none, or more than one."""
    return services.plans.get(services.plans.find(prefix))


def with_trades(snapshot: AccountSnapshot, market: MarketSnapshot, base: Plan, shares: Mapping[Any, Any]) -> WhatIf:
    """Return the plan of exactly these signed shares on a plan's own inputs and settings, edits marked."""
    shares = {name: _as_stated(count) for name, count in shares.items()}
    before = {trade.security_id: signed_shares(trade) for trade in base.trades}
    changed = {name for name in {*before, *shares} if before.get(name, 0) != shares.get(name, 0)}
    edited = tuple(sorted(changed | set(base.edited)))
    plan, run = evaluate_trades(snapshot, market, base.settings, shares, inputs_hash=base.inputs_hash, edited=edited)
    return _what_if(plan, run, snapshot, market)


def signed_shares(trade: Any) -> Any:
    """Return a trade's shares, a sale's as a negative number."""
    return -trade.quantity if trade.lots else trade.quantity


def replay(services: Services, plan_id: PlanId) -> WhatIf:
    """Return the plan rebuilt from its stored inputs. Raises CheckFailed where it is not the same to the byte."""
    stored = services.plans.get(plan_id)
    snapshot, market = services.plans.inputs(plan_id)
    recorded, _ = plan_from_document(stored.document)
    if recorded.edited:
        shares = {trade.security_id: signed_shares(trade) for trade in recorded.trades}
        plan, run = evaluate_trades(
            snapshot, market, recorded.settings, shares, inputs_hash=recorded.inputs_hash, edited=recorded.edited
        )
    else:
        plan, run = propose_plan(snapshot, market, recorded.settings, inputs_hash=recorded.inputs_hash)
    again = _what_if(plan, run, snapshot, market)
    differing = [part for part in stored.document if part != "run" and _differs(part, stored.document, again.document)]
    if differing:
        raise CheckFailed(f"plan {plan_id}: replayed with engine {plan.engine_version}, it differs in "
                          + ", ".join(differing))  # fmt: skip
    return again


@recorded(JobKind.PLAN_BOOK, detail=lambda outcomes: f"{len(outcomes):,} accounts planned or told why not")
def plan_book(
    services: Services,
    account_ids: Sequence[AccountId],
    *,
    actor: UserId,
    progress: Progress = no_progress,
) -> tuple[tuple[AccountId, PlanId | str], ...]:
    """Plan many accounts with their own settings and keep each plan; one account's failure never stops the rest.

    Accounts of one household are planned together, so that none of their plans washes another.

    Returns, in the order asked, each account with its plan's id or the sentence that says why there is none.
    """
    homes = {account.account_id: account.household_id for account in services.firm.accounts()}
    households: dict[HouseholdId | None, list[AccountId]] = {}
    for account_id in account_ids:
        households.setdefault(homes.get(account_id), []).append(account_id)
    outcomes: dict[AccountId, PlanId | str] = {}
    for household_id, members in households.items():
        if household_id is None or len(members) == 1:
            outcomes |= {account_id: _plan_one(services, account_id, actor) for account_id in members}
        else:
            outcomes |= _plan_household(services, household_id, members, actor)
        progress(members[-1], len(outcomes) / len(account_ids))
    return tuple((account_id, outcomes[account_id]) for account_id in account_ids)


def _plan_one(services: Services, account_id: AccountId, actor: UserId) -> PlanId | str:
    try:
        found = what_if(services, account_id, default_settings(services, account_id))
        return keep(services, found, actor=actor, note="book")
    except LotsmithError as error:
        return str(error)


def _plan_household(
    services: Services, household_id: HouseholdId, wanted: Sequence[AccountId], actor: UserId
) -> dict[AccountId, PlanId | str]:
    """Plan accounts of one household so that none of the plans washes another; keep each."""
    market = todays_market(services)
    outcomes: dict[AccountId, PlanId | str] = {}
    snapshots, settings = [], {}
    for snapshot in services.firm.snapshots(household_id):
        account_id = snapshot.account.account_id
        if account_id not in wanted:
            continue
        try:
            refuse_fenced(snapshot, market)
            settings[account_id] = settings_of(services, snapshot.account)
            snapshots.append(snapshot)
        except LotsmithError as error:
            outcomes[account_id] = str(error)
    for each in propose_each(snapshots, market, settings, inputs_hash=lambda seen: _inputs(seen, market)):
        if isinstance(each, Unplanned):
            outcomes[each.account_id] = str(each.error)
        else:
            found = _what_if(each.plan, each.run, each.snapshot, market)
            outcomes[each.account_id] = keep(services, found, actor=actor, note="book")
    return outcomes


def _what_if(plan: Plan, run: Run, snapshot: AccountSnapshot, market: MarketSnapshot) -> WhatIf:
    return WhatIf(
        plan=plan,
        run=run,
        summary=summarise(plan, snapshot, market),
        snapshot=snapshot,
        market=market,
    )


def _inputs(snapshot: AccountSnapshot, market: MarketSnapshot) -> str:
    return inputs_hash(snapshot_document(snapshot), market_document(market))


def _as_stated(shares: Decimal) -> Decimal:
    """Return a number of shares as the document will state it, so that 6.0 and 6 make the same plan."""
    return Decimal(f"{round(shares, QUANTITY_DECIMALS).normalize():f}")


def _differs(part: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return canonical_json(one[part]) != canonical_json(other.get(part))
