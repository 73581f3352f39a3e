"""Who agrees? Put plans before reviewers, approve them, exchange decisions with Salesforce."""

from collections.abc import Iterable

import click

from app.commands.terminal import as_option, person, plan_argument, say, services
from app.ports import Services
from app.steps import crm, plan, review
from data.outbox import OutboxRow
from engine.domain.errors import ExternalRefusal
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import Action, PlanState


@click.command()
@plan_argument
@as_option
def push(plan_id: str, user_id: str | None) -> None:
    """Put a plan before its reviewers. In Salesforce too, where it is connected.

    PLAN is a plan's id, or enough of its beginning. Where Salesforce cannot be told, the plan is in review all the
    same, the message waits, and this ends with 3.
    """
    found = services()
    wanted = plan.find(found, plan_id).plan_id
    tell(found, wanted, review.submit(found, wanted, actor=person(found, user_id)))


@click.command()
@plan_argument
@click.option("--comment", metavar="TEXT", default="", help="Why.")
@as_option
def approve(plan_id: str, comment: str, user_id: str | None) -> None:
    """Approve a plan in review. Nobody approves what they made or edited."""
    found = services()
    wanted = plan.find(found, plan_id).plan_id
    actor = person(found, user_id)
    tell(found, wanted, review.decide(found, wanted, Action.APPROVE, actor=actor, comment=comment, seen=wanted))


def tell(found: Services, plan_id: PlanId, state: PlanState) -> None:
    """Say where a plan stands. Raises ExternalRefusal where the CRM has yet to hear of it."""
    say(f"plan is {state}")
    require_told(crm.untold(found, plan_id))


def require_told(waiting: Iterable[OutboxRow]) -> None:
    """Raise ExternalRefusal for the first message that Salesforce refused, or could not be reached for."""
    for message in waiting:
        if message.error:
            raise ExternalRefusal(
                f"Salesforce has yet to be told ({message.topic}; next try from {message.due_at:%H:%M:%S} UTC, with "
                f"lotsmith sync salesforce): {message.error}"
            )
