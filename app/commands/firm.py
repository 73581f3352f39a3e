"""Bring a firm in, take it out, make one up, open the app on it."""

from pathlib import Path

import click

from app.commands.terminal import as_option, reporting, say, services
from app.serving import serve_app
from app.settings import read_settings
from app.steps import firm, people
from app.steps.prices import described, findings_of, take_prices
from connectors.firm_folder.price_source import FolderPrices
from engine.domain.errors import DataError


@click.command()
@click.option("--accounts", default=120, show_default=True, help="How many accounts.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same firm.")
@click.option(
    "--to",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=Path("demo-firm"),
    show_default=True,
    help="Where to write it.",
)
def demo(accounts: int, seed: int, folder: Path) -> None:
    """Write the generated demo firm as a firm folder."""
    with reporting("Making the demo firm") as progress:
        firm.write_demo(folder, accounts=accounts, seed=seed, progress=progress)
    say(f"{folder}: {accounts} accounts, generated, not real")


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--if-empty", is_flag=True, help="Do nothing where a firm is there already.")
@as_option
def import_(folder: Path, if_empty: bool, user_id: str | None) -> None:
    """Take in a firm folder. It takes the place of the present firm, whole or not at all."""
    found = services()
    if if_empty and not found.firm.is_empty():
        say(f"{found.firm.firm().name} is there already")
        return
    actor = people.acting(found, user_id).user_id
    with reporting("Importing") as progress:
        brought = firm.import_firm(found, folder, actor=actor, progress=progress)
    say(f"{brought.name}: {brought.accounts} accounts, {brought.securities} securities. Risk: {brought.risk}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@as_option
def prices(folder: Path | None, user_id: str | None) -> None:
    """Bring prices up to the last session, from FOLDER or the source named in [prices]. Accounts stay as they are."""
    found = services()
    source = found.prices if folder is None else FolderPrices(folder)
    if source is None:
        raise DataError("prices: expected a folder, or a section [prices] with a source in the file of LOTSMITH_CONFIG")
    actor = people.acting(found, user_id).user_id
    with reporting("Prices") as progress:
        brought = take_prices(found, source, actor=actor, progress=progress)
    for finding in findings_of(brought):
        found_instead = f"found {finding.found}; expected {finding.expected}; {finding.effect}"
        say(f"  {finding.severity}: {finding.place}: {found_instead}")
    say(f"{described(brought)}. The firm's day is {brought.as_of}.")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def export(folder: Path) -> None:
    """Write the present firm as a firm folder."""
    firm.export_firm(services(), folder)
    say(f"written to {folder}")


@click.command()
@click.option("--port", default=8501, show_default=True, help="On this machine alone.")
@click.option("--sandbox", is_flag=True, help="Start a stand-in Salesforce and custodian beside the app, to practise.")
def serve(port: int, sandbox: bool) -> None:
    """Open the app on a local port."""
    url = click.get_current_context().find_root().obj
    serve_app(read_settings(), port=port, sandbox=sandbox, database_url=url)
