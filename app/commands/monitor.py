"""What needs a person? The scan, the nightly book and the wash-sale ledger."""

import click

from app.commands.terminal import as_option, json_option, reporting, say, services, show
from app.steps import ledger, monitor, people, plan
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
@as_option
def nightly(user_id: str | None) -> None:
    """Scan the firm and plan every account that needs it. The drafts wait for a portfolio manager."""
    found = services()
    actor = people.acting(found, user_id).user_id
    with reporting("Scanning") as progress:
        scans = monitor.scan_firm(found, actor=actor, progress=progress)
    for each in scans:
        if each.fenced:
            say(f"{each.account.account_id} is not planned: its data are wrong; see scan")
    wanted = [each.account.account_id for each in scans if each.reasons and not each.fenced]
    with reporting("Planning") as progress:
        outcomes = plan.plan_book(found, wanted, actor=actor, progress=progress)
    for account_id, outcome in outcomes:
        click.echo(f"{account_id}\t{outcome}")


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


def queue_lines(scan: AccountScan) -> list[str]:
    """Return an account's line of the queue, and what fences it off from planning; nothing for one that is calm."""
    if not scan.reasons:
        return []
    fences = [problem.sentence for problem in scan.problems if problem.severity is Severity.FENCE]
    line = f"{scan.account.account_id:<14} {scan.dollars_at_stake:>14,.2f}  {', '.join(scan.reasons)}"
    return [line, *(f"  not planned: {sentence}" for sentence in fences)]
