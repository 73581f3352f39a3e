"""What if the firm's policy were another? Tonight's whole book under both, laid side by side; nothing is planned."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from app.commands.plan import pairs
from app.commands.terminal import (
    as_option,
    json_option,
    person,
    reporting,
    say,
    services,
    show,
    workers_of,
    workers_options,
)
from app.steps.policy import Asked, adoption_files, adoption_words, change_of
from app.steps.rehearsal import Rehearsal, Sample, document_of, rehearse
from app.tables.files import csv_bytes, workbook_bytes
from app.tables.rehearsal import account_table, total_table
from engine.domain.errors import DataError

_KINDS: Final = (".csv", ".xlsx")
_SHOWN: Final = 10
_TRIPLE: Final = ("SCOPE", "TARGET", "RULE")


@click.command("rehearse")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting; may be repeated.")
@click.option(
    "--settings",
    "files",
    multiple=True,
    metavar="NAME",
    help="In this settings file; default: of the accounts that name none. Else in all of them. May be repeated.",
)
@click.option(
    "--restrict",
    nargs=3,
    multiple=True,
    metavar=" ".join(_TRIPLE),
    help="A new restriction of firm, a household or an account, such as firm tag:tobacco do_not_hold or "
    "A00003 AAPL max_weight=0.02. May be repeated.",
)
@click.option("--lift", nargs=3, multiple=True, metavar=" ".join(_TRIPLE), help="A restriction to take away.")
@click.option("--risk", metavar="FOLDER", help="Another risk model: its folder, or estimated, from the firm's prices.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Other weights of models, a file like models.csv.",
)
@click.option(
    "--weight",
    "weights",
    nargs=3,
    multiple=True,
    metavar="MODEL SECURITY WEIGHT",
    help="Another weight of one name in a model, 0 to drop it; the others share the rest.",
)
@click.option(
    "--accounts", type=click.IntRange(min=1), metavar="N", help="A sample: households of N accounts or a few more."
)
@click.option("--segment", metavar="NAME", help="Households of this segment alone.")
@click.option("--advisor", metavar="NAME", help="Households of this advisor alone.")
@workers_options
@click.option(
    "--to", "file", metavar="FILE", type=click.Path(path_type=Path), help="Write every account to a .csv or .xlsx file."
)
@click.option(
    "--adopt",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Write the files of the firm folder that adopting the change replaces.",
)
@as_option
@json_option
def rehearse_(
    changes: tuple[str, ...],
    files: tuple[str, ...],
    restrict: tuple[tuple[str, str, str], ...],
    lift: tuple[tuple[str, str, str], ...],
    risk: str | None,
    models: tuple[Path, ...],
    weights: tuple[tuple[str, str, str], ...],
    accounts: int | None,
    segment: str | None,
    advisor: str | None,
    workers: int,
    scheduler: str | None,
    file: Path | None,
    folder: Path | None,
    user_id: str | None,
    as_json: bool,
) -> None:
    """Show what tonight's book would be under another policy, beside the present one.

    Every account is scanned and planned as a night does it, under both. No plan, proposal or scan is kept, and the
    policy stays as it is; the rehearsal itself is kept.
    """
    _check_target(file)
    found = services()
    actor = person(found, user_id)
    asked = Asked(
        settings=pairs(changes), files=files, restrict=restrict, lift=lift, risk=risk, models=models, weights=weights
    )
    change = change_of(found, asked)
    sample = Sample(accounts=accounts, segment=segment, advisor=advisor)
    with reporting("Rehearsal") as progress:
        hands = workers_of(workers, scheduler)
        rehearsal = rehearse(found, change, sample, actor=actor, workers=hands, progress=progress)
    if file is not None:
        file.write_bytes(_written(rehearsal, file))
        say(f"{len(rehearsal.now):,} accounts written to {file}")
    if folder is not None:
        _adopt(folder, adoption_files(found, change), adoption_words(found, change))
    show(document_of(rehearsal), as_json=as_json, words=lambda: describe(rehearsal))


def describe(rehearsal: Rehearsal) -> str:
    """Return a rehearsal for a person at a terminal."""
    record, sample = rehearsal.record, rehearsal.record.sample
    lines = [
        f"rehearsal {record.rehearsal_id[:12]} of {record.as_of}: {'; '.join(record.words)}",
        f"{sample['chosen']:,} of {sample['of']:,} accounts",
        f"{'':<34} {'now':>18} {'then':>18} {'difference':>18}",
    ]
    table = total_table(rehearsal.totals)
    lines += [f"{row.figure:<34} {row.now:>18} {row.then:>18} {row.difference:>18}" for row in table.itertuples()]
    changed = [pair for pair in rehearsal.pairs if not pair.same]
    lines.append(f"{len(changed):,} accounts differ" + (", most dollars of other trades first:" if changed else ""))
    lines += [
        f"  {pair.now.account_id:<14} {pair.changed_usd:>16,.2f}  {pair.now.outcome} -> {pair.then.outcome}"
        + (f"  {', '.join(pair.new_breaches)}" if pair.new_breaches else "")
        + (f"  {pair.then.cause}" if pair.newly_not_planned else "")
        for pair in changed[:_SHOWN]
    ]
    return "\n".join(lines)


def _check_target(file: Path | None) -> None:
    if file is not None and file.suffix not in _KINDS:
        raise DataError(
            f"--to {file}: expected a name that ends in {' or '.join(_KINDS)}, found {file.suffix or 'none'}"
        )
    if file is not None and not file.absolute().parent.is_dir():
        raise DataError(f"--to {file}: expected a folder that is there, found none")


def _written(rehearsal: Rehearsal, file: Path) -> bytes:
    table = account_table(rehearsal.pairs)
    return csv_bytes(table) if file.suffix == ".csv" else workbook_bytes(table, sheet="rehearsal")


def _adopt(folder: Path, files: Mapping[str, bytes], steps: tuple[str, ...]) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        say(f"written: {target}")
    for step in steps:
        say(step)
