"""What does a client take home? The document of a meeting, from the command line."""

from decimal import Decimal
from pathlib import Path

import click

from app.commands.terminal import say, services
from app.report.prepare import prepare
from app.steps import meeting
from app.steps.meeting import BALANCED_LEAN, INDEX_FIRST, TAX_FIRST, Wishes
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.option("--to", "file", metavar="FILE", required=True, type=click.Path(path_type=Path), help="The PDF to write.")
@click.option(
    "--lean",
    type=click.IntRange(TAX_FIRST, INDEX_FIRST),
    default=BALANCED_LEAN,
    show_default=True,
    help="The plan described: 0 is the least tax, 10 the account's own settings, 20 the closest to the index.",
)
@click.option("--add", type=click.IntRange(0), default=0, metavar="USD", help="Money that comes in.")
@click.option("--take", type=click.IntRange(0), default=0, metavar="USD", help="Money that is taken out.")
@click.option("--without", multiple=True, metavar="NAME", help="A security, sector:NAME or tag:NAME; may be repeated.")
@click.option("--gains", type=click.IntRange(0), default=None, metavar="USD", help="The most net gain of the year.")
def report(
    account_id: str, file: Path, lean: int, add: int, take: int, without: tuple[str, ...], gains: int | None
) -> None:
    """Write the PDF that a client takes home: three choices, one plan and why, assumptions and disclosures.

    Ends with 1 where no plan obeys the rules and the wishes together.
    """
    found = services()
    wishes = Wishes(
        deposit=Decimal(add),
        withdrawal=Decimal(take),
        exclude=without,
        gains=None if gains is None else Decimal(gains),
    )
    talk = meeting.meet(found, AccountId(account_id), wishes)
    document = prepare(found, talk, meeting.choose(talk, lean))
    try:
        file.write_bytes(document)
    except OSError as error:
        raise DataError(f"{file}: expected a file that can be written: {error}") from error
    say(f"{file}: {len(document):,} bytes")
