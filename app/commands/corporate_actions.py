"""What did issuers do that accounts have not booked? Listed, and booked on a person's word."""

import click

from app.commands.terminal import as_option, person, reporting, say, services
from app.steps import corporate_actions


@click.command()
@click.option("--apply", "applies", is_flag=True, help="Book them; without it they are only listed.")
@as_option
def actions(applies: bool, user_id: str | None) -> None:
    """List mergers, spin-offs and changes of id that accounts have not booked, and book them with --apply.

    What the custodian has booked already is never booked again.
    """
    found = services()
    if applies:
        actor = person(found, user_id)
        with reporting("Booking") as progress:
            done = corporate_actions.book_all(found, actor=actor, progress=progress)
        for finding in done.findings:
            say(f"  {finding.found}")
        click.echo(f"{done.actions:,} booked in {done.accounts:,} accounts, {len(done.findings):,} could not be")
        return
    with reporting("Looking") as progress:
        waiting = corporate_actions.not_booked(found, progress=progress)
    lines = [f"{each.account_id}: {each.sentence}, not booked" for each in waiting]
    lines += corporate_actions.ended_in_models(found)
    lines += [
        f"{each.model_id}: another version in force from {each.effective}: {each.names_in} names come, "
        f"{each.names_out} go, {each.reweighted} change their weight; {each.accounts:,} accounts, "
        f"turnover {each.turnover:.1%}"
        for each in corporate_actions.reconstitutions(found)
    ]
    click.echo("\n".join(lines) or "every account has booked what issuers did")
