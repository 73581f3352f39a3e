"""Exchange data with the systems that the firm has connected."""

import click

from app.commands.review import require_told
from app.commands.terminal import CHECK_FAILED, as_option, json_option, reporting, say, services, show
from app.steps import crm, decisions, org, people, sync


@click.group("sync")
def sync_group() -> None:
    """Exchange data with the firm's other systems."""


@sync_group.command()
@click.option("--full", "whole", is_flag=True, help="Read every history, not only those that changed.")
@as_option
def addepar(user_id: str | None, *, whole: bool) -> None:
    """Bring in holdings, transactions and prices. Faulty accounts keep what they have.

    What was read is kept until the sync is whole: one that was cut off goes on where it was.
    """
    found = services()
    actor = people.acting(found, user_id).user_id
    with reporting("Addepar") as progress:
        outcome = sync.sync_addepar(found, actor=actor, whole=whole, progress=progress)
    for issue in outcome.issues:
        say(
            f"  {issue.severity}: account {issue.account_id or 'all'}, {issue.subject} {issue.field}: "
            f"found {issue.found}; expected {issue.expected}; {issue.effect}"
        )
    say(outcome.words)


@sync_group.command()
def salesforce() -> None:
    """Tell Salesforce what waits for it. Then take over what its reviewers decided."""
    found = services()
    for sentence in decisions.exchange(found):
        click.echo(sentence)
    require_told(crm.untold(found))


@click.group("salesforce")
def salesforce_group() -> None:
    """The firm's Salesforce org."""


@salesforce_group.command()
@json_option
@as_option
def check(as_json: bool, user_id: str | None) -> None:
    """Ask the org whether it has all that plans need; name what is missing, and end with 1 where something is."""
    found = services()
    outcome = org.check(found, actor=people.acting(found, user_id).user_id)
    used = org.usage_text(outcome.usage)
    document = {"missing": list(outcome.missing), "requests": used, "warning": org.limit_warning(found)}

    def words() -> str:
        lines = [*outcome.missing] or ["nothing is missing"]
        return "\n".join([*lines, *([f"requests: {used}"] if used else [])])

    show(document, as_json=as_json, words=words)
    if outcome.missing:
        click.get_current_context().exit(CHECK_FAILED)
