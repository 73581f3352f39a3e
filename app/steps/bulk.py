"""Many accounts at once: plan them, propose what was planned. One account's failure never stops the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.ports import Progress, Services, no_progress
from app.steps import plan, review
from engine.domain.errors import LotsmithError
from engine.domain.identifiers import AccountId, PlanId
from engine.domain.lifecycle import Action, PlanState, User, legal_actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one account. plan_id: its plan, None where there is none; refused: why it is no further, or ""."""

    account_id: AccountId
    plan_id: PlanId | None
    refused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What came of many, in the order asked. proposed: whether these were proposed, or else planned."""

    proposed: bool
    each: tuple[Outcome, ...]

    @property
    def done(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.each if not outcome.refused)

    @property
    def refused(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.each if outcome.refused)


def may_propose(user: User) -> bool:
    """Return whether this person's roles let them propose plans at all."""
    return Action.PROPOSE in legal_actions(PlanState.DRAFT, user, frozenset())


def plan_accounts(
    services: Services, account_ids: Sequence[AccountId], *, actor: User, progress: Progress = no_progress
) -> Outcomes:
    """Plan accounts with their own settings and keep each plan as a draft; see plan_book."""
    found = plan.plan_book(services, account_ids, actor=actor.user_id, progress=progress)
    return Outcomes(
        proposed=False,
        each=tuple(
            Outcome(account_id=account_id, plan_id=PlanId(outcome), refused="")
            if " " not in outcome  # an id is one word, a refusal a sentence
            else Outcome(account_id=account_id, plan_id=None, refused=outcome)
            for account_id, outcome in found
        ),
    )


def propose_plans(
    services: Services, drafts: Sequence[Outcome], *, actor: User, progress: Progress = no_progress
) -> Outcomes:
    """Propose the plan of each outcome that has one; a refusal is told in its own sentence."""
    wanted = [(draft.account_id, draft.plan_id) for draft in drafts if draft.plan_id is not None]
    each: list[Outcome] = []
    for number, (account_id, plan_id) in enumerate(wanted, start=1):
        refused = ""
        try:
            review.propose(services, plan_id, actor=actor)
        except LotsmithError as error:
            refused = str(error)
        each.append(Outcome(account_id=account_id, plan_id=plan_id, refused=refused))
        progress(account_id, number / len(wanted))
    return Outcomes(proposed=True, each=tuple(each))
