"""Exchange data with the systems that the firm has connected."""

import click

from app.commands.review import require_told
from app.commands.terminal import as_option, reporting, say, services
from app.steps import crm, people, review, sync


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
    crm.deliver(found)
    for sentence in review.read_decisions(found):
        click.echo(sentence)
    require_told(crm.untold(found))
