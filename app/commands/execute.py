"""What leaves the house, and what came back?"""

from pathlib import Path

import click

from app.commands.terminal import CHECK_FAILED, as_option, person, say, services
from app.steps import execute, plan, reconcile


@click.command()
@click.argument("plan_ids", nargs=-1, required=True, metavar="PLAN...")
@click.option(
    "--to", "folder", metavar="FOLDER", type=click.Path(path_type=Path), help="Folder for the files; else a new one."
)
@as_option
def send(plan_ids: tuple[str, ...], folder: Path | None, user_id: str | None) -> None:
    """Release approved plans and send their orders. Sending again sends nothing twice.

    Plans named together share blocks. Prints the folder of the FIX file, the lot instructions and the manifest.
    """
    found = services()
    wanted = [plan.find(found, each).plan_id for each in plan_ids]
    for written in execute.send(found, wanted, actor=person(found, user_id), folder=folder):
        click.echo(str(written))


@click.command("reconcile")
@click.option(
    "--fills",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A custodian's file of FIX answers; may be repeated. Else every fills-*.fix beside what was sent.",
)
def reconcile_(files: tuple[Path, ...]) -> None:
    """Book what custodians filled and name every break. Ends with 1 where there is one."""
    found = services()
    for file in files or reconcile.inbound(found):
        say(f"{file}: {reconcile.read_answers(found, file)} new answers")
    outcomes = reconcile.reconcile_all(found)
    for outcome in outcomes:
        click.echo(f"{outcome.plan_id}\t{outcome.state}")
        for each in outcome.outcome.breaks:
            click.echo(f"  {each.kind}: {each.sentence}")
    if any(outcome.outcome.breaks for outcome in outcomes):
        click.get_current_context().exit(CHECK_FAILED)
