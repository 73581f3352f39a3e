"""What needs a person? The scan, the nightly book and the wash-sale ledger."""

from pathlib import Path

import click

from app.commands.terminal import as_option, json_option, reporting, say, services, show, workers_of, workers_options
from app.ports import Services
from app.steps import ledger, monitor, people
from app.steps.firm import import_firm
from app.steps.household_night import Outcome
from app.steps.nightly import described, require_planner, run_night
from app.steps.prices import source_of, take_prices
from app.steps.sync import sync_addepar
from engine.domain.lifecycle import User
from engine.monitor.account_scan import AccountScan
from engine.monitor.data_quality import Severity
from engine.monitor.document import scan_document


@click.command()
@as_option
@json_option
def scan(user_id: str | None, as_json: bool) -> None:
    """Scan every account and show the queue. The most dollars at stake come first."""
    found = services()
    actor = people.acting(found, user_id).user_id
    with reporting("Scanning") as progress:
        scans = monitor.scan_firm(found, actor=actor, whole=as_json, progress=progress)
    show(
        scan_document(scans),
        as_json=as_json,
        words=lambda: "\n".join(line for each in scans for line in queue_lines(each)) or "no account needs a person",
    )


@click.command()
@workers_options
@click.option(
    "--import", "folder", metavar="FOLDER", type=click.Path(path_type=Path), help="Take in a firm folder first."
)
@click.option("--sync", "syncs", is_flag=True, help="Bring accounts up to date from Addepar first.")
@click.option("--prices", "reprices", is_flag=True, help="Bring prices up from the source of [prices] first.")
@as_option
@json_option
def nightly(
    workers: int,
    scheduler: str | None,
    folder: Path | None,
    syncs: bool,
    reprices: bool,
    user_id: str | None,
    as_json: bool,
) -> None:
    """Scan the firm; plan, check and propose for every account that needs it.

    A run that was killed goes on where it stopped. One that is through changes nothing when it is run again. Where
    data cannot be brought in, nothing is planned.
    """
    found = services()
    actor = people.acting(found, user_id)
    require_planner(actor)
    if folder is not None or syncs or reprices:
        _bring_in(found, actor, folder=folder, syncs=syncs, reprices=reprices)
    chosen = {"workers": workers} if scheduler is None else {"scheduler": scheduler}
    with reporting("Night") as progress:
        night = run_night(
            found, actor=actor, workers=workers_of(workers, scheduler), settings=chosen, progress=progress
        )
    failed = found.runs.accounts(night.run.run_id, outcome=Outcome.EXCEPTION)
    for each in failed:
        say(f"{each.account_id} could not be planned: {each.cause}")
    show(
        {"run_id": night.run.run_id, "as_of": night.run.as_of.isoformat(), "outcomes": dict(night.counts),
         "exceptions": [{"account_id": each.account_id, "cause": each.cause} for each in failed]},
        as_json=as_json,
        words=lambda: f"night of {night.run.as_of}: {described(night)}",
    )  # fmt: skip


@click.command()
@click.option("--household", "household_id", metavar="HOUSEHOLD", help="One household; else all.")
@json_option
def washsales(household_id: str | None, as_json: bool) -> None:
    """List every realised loss and what the wash-sale rule left of it."""
    document = ledger.ledger_of(services(), household_id)
    show(
        document,
        as_json=as_json,
        words=lambda: (
            "\n".join(
                f"{loss['trade_date']} {loss['account_id']} {loss['security_id']}: loss {loss['loss']:,.2f}, "
                f"allowed {loss['allowed']:,.2f}"
                for loss in document["losses"]
            )
            or "no losses"
        ),
    )


def _bring_in(found: Services, actor: User, *, folder: Path | None, syncs: bool, reprices: bool) -> None:
    with reporting("Data") as progress:
        if folder is not None:
            import_firm(found, folder, actor=actor.user_id, progress=progress)
        if syncs:
            sync_addepar(found, actor=actor.user_id, progress=progress)
        if reprices:
            take_prices(found, source_of(found), actor=actor.user_id, progress=progress)


def queue_lines(scan: AccountScan) -> list[str]:
    """Return an account's line of the queue, and what fences it off from planning; nothing for one that is calm."""
    if not scan.reasons:
        return []
    fences = [problem.sentence for problem in scan.problems if problem.severity is Severity.FENCE]
    line = f"{scan.account.account_id:<14} {scan.dollars_at_stake:>14,.2f}  {', '.join(scan.reasons)}"
    return [line, *(f"  not planned: {sentence}" for sentence in fences)]
