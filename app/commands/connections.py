"""Exchange data with the systems that the firm has connected."""

import click

from app.commands.review import require_told
from app.commands.terminal import as_option, reporting, say, services
from app.steps import crm, people, review, sync


@click.group("sync")
def sync_group() -> None:
    """Exchange data with the firm's other systems."""


@sync_group.command()
@as_option
def addepar(user_id: str | None) -> None:
    """Bring in holdings, transactions and prices. Faulty accounts keep what they have."""
    found = services()
    actor = people.acting(found, user_id).user_id
    with reporting("Addepar") as progress:
        outcome = sync.sync_addepar(found, actor=actor, progress=progress)
    for issue in outcome.issues:
        say(
            f"  {issue.severity}: account {issue.account_id or 'all'}, {issue.subject} {issue.field}: "
            f"found {issue.found}; expected {issue.expected}; {issue.effect}"
        )
    say(f"{outcome.accounts} accounts brought in, {len(outcome.fenced)} kept as they were")


@sync_group.command()
def salesforce() -> None:
    """Tell Salesforce what waits for it. Then take over what its reviewers decided."""
    found = services()
    crm.deliver(found)
    for sentence in review.read_decisions(found):
        click.echo(sentence)
    require_told(crm.untold(found))
