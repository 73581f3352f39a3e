"""Say what is what in the firm's Addepar: discover, test and save the mapping; see what was asked of it."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from app.commands.terminal import CHECK_FAILED, as_option, json_option, person, say, services, show
from app.steps import addepar
from app.tables.addepar import lots_table, proposal_table, standing_words, trial_words
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId

set_option: Callable[[Any], Any] = click.option(
    "--set", "lines", multiple=True, metavar="SETTING=KEY",
    help='A setting as "holdings.lot=tax_lot", or with arguments "holdings.original_cost=cost_basis type=ORIGINAL".',
)  # fmt: skip


@click.group("addepar")
def group() -> None:
    """Connect the firm's Addepar: which attribute holds what, and how much may still be asked."""


@group.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show the requests spent, the last good sync, and the mapping. Asks nothing of Addepar."""
    found = services()
    standing, written = addepar.standing(found), addepar.written(found)
    document = {
        "spent": [{"seconds": a.seconds, "requests": a.requests, "used": used} for a, used in standing.used],
        "last_sync": None if standing.synced is None else standing.synced.isoformat(),
        "cut_off": None if standing.cut_off is None else standing.cut_off.isoformat(),
        "mapping": dict(written),
    }
    lines = [*standing_words(standing), *(f"  {place} = {line}" for place, line in written.items())]
    show(document, as_json=as_json, words=lambda: "\n".join(lines))


@group.command()
@click.option("--view", "view_id", metavar="ID", help="A saved view by tax lot, to take the columns from.")
def discover(view_id: str | None) -> None:
    """List the settings, whether their keys exist, and what is proposed. Some three requests."""
    found = addepar.discover(services(), view_id=view_id)
    click.echo(proposal_table(found.proposals).to_string(index=False))
    for view in found.views:
        say(f"  view {view.view_id}: {view.name}")


@group.command()
@click.argument("account_id", metavar="ACCOUNT")
@set_option
def test(account_id: str, lines: tuple[str, ...]) -> None:
    """Show the lots that the mapping, with changes, reads of one account. Changes nothing."""
    tested = addepar.try_mapping(services(), AccountId(account_id), _changes(lines))
    if tested.book is not None and tested.book.lots:
        click.echo(lots_table(tested.book).to_string(index=False))
    for issue in tested.issues:
        say(f"  {issue}")
    say(trial_words(tested))
    if tested.book is None:
        click.get_current_context().exit(CHECK_FAILED)


@group.command()
@set_option
@as_option
def save(user_id: str | None, lines: tuple[str, ...]) -> None:
    """Save changed settings. They outrank the configuration file; the next sync reads every history."""
    found = services()
    changes = _changes(lines)
    if not changes:
        raise DataError("nothing to save: expected --set SETTING=KEY at least once")
    addepar.save_mapping(found, changes, user=person(found, user_id))
    say(f"saved {len(changes)} settings")


def _changes(lines: tuple[str, ...]) -> Mapping[str, str]:
    pairs = [line.partition("=") for line in lines]
    return {place.strip(): written.strip() for place, _, written in pairs}
