"""The command line: one JSON document on standard output where asked, progress and words on standard error.

Exit codes: 0 done; 1 a check failed; 2 bad input; 3 an outside system failed.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from app import wiring
from app.ports import Progress, Services
from app.serving import serve_app
from app.settings import read_settings
from app.steps import audit, execute, firm, monitor, people, plan, review, sync
from engine.domain.errors import DataError, ExternalRefusal, LotsmithError
from engine.domain.identifiers import AccountId, UserId
from engine.domain.lifecycle import Action, Role, User
from engine.domain.settings import PlanSettings, override, settings_from_toml
from engine.monitor.document import scan_document

_BAD_INPUT: Final = 2
_OUTSIDE_FAILED: Final = 3
_MOST_PROBLEMS_SHOWN: Final = 200


def main() -> None:
    """Run the command line of this process and end it with the exit code of what happened."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error that Lotsmith raises on purpose becomes a sentence."""
    try:
        return cli.main(arguments, prog_name="lotsmith", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return _BAD_INPUT
    except click.Abort:
        return 1
    except LotsmithError as error:
        say(str(error))
        for problem in getattr(error, "problems", ())[:_MOST_PROBLEMS_SHOWN]:
            say(f"  {problem}")
        if isinstance(error, DataError):
            return _BAD_INPUT
        return _OUTSIDE_FAILED if isinstance(error, ExternalRefusal) else 1


def say(text: str) -> None:
    """Tell a person, on standard error."""
    click.echo(text, err=True)


def show(document: Any, *, as_json: bool, words: Callable[[], str]) -> None:
    """Print one JSON document and nothing else, or the words for people."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) if as_json else words())


def reporting(label: str) -> tuple[Progress, Callable[[], None]]:
    """Return a progress bar with an estimate on standard error, and what closes it."""
    bar: Any = click.progressbar(length=1000, label=label, file=sys.stderr, show_eta=True)
    bar.__enter__()
    last = 0

    def progress(doing: str, done: float) -> None:
        nonlocal last
        step = int(1000 * done) - last
        last += step
        bar.update(step, doing)

    return progress, lambda: bar.__exit__(None, None, None)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--db", "url", help="Database (SQLAlchemy URL); LOTSMITH_DB, or SQLite in your data folder.")
@click.pass_context
def cli(context: click.Context, url: str | None) -> None:
    """Lotsmith: monitor, plan, review and execute tax-aware rebalances, lot by lot."""
    context.obj = url


def services() -> Services:
    """Return the services of the database that this command is for."""
    settings = read_settings()
    url = click.get_current_context().find_root().obj
    return wiring.connect(settings if url is None else replace(settings, database_url=url))


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
as_option = click.option("--as", "user_id", envvar="LOTSMITH_USER", help="Who is acting (a user's id).")
plan_argument = click.argument("plan_id", metavar="PLAN")


@cli.command()
@click.option("--accounts", default=120, show_default=True, help="How many accounts.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same firm.")
@click.option("--to", "folder", type=click.Path(path_type=Path), default=Path("demo-firm"), show_default=True)
def demo(accounts: int, seed: int, folder: Path) -> None:
    """Write the generated demo firm as a firm folder."""
    progress, close = reporting("Making the demo firm")
    firm.write_demo(folder, accounts=accounts, seed=seed, progress=progress)
    close()
    say(f"{folder}: {accounts} accounts, generated, not real")


@cli.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--if-empty", is_flag=True, help="Do nothing where a firm is there already.")
@as_option
def import_(folder: Path, if_empty: bool, user_id: str | None) -> None:
    """Put the firm of a folder in the place of the present one, whole or not at all."""
    found = services()
    if if_empty and not found.firm.is_empty():
        say(f"{found.firm.firm().name} is there already")
        return
    progress, close = reporting("Importing")
    brought = firm.import_firm(found, folder, actor=people.acting(found, user_id).user_id, progress=progress)
    close()
    say(f"{brought.name}: {brought.accounts} accounts, {brought.securities} securities. Risk: {brought.risk}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def export(folder: Path) -> None:
    """Write the present firm as a firm folder."""
    firm.export_firm(services(), folder)
    say(f"written to {folder}")


@cli.group("sync")
def sync_group() -> None:
    """Bring in a firm's data from its systems."""


@sync_group.command()
@as_option
def addepar(user_id: str | None) -> None:
    """Bring in holdings, transactions and prices from Addepar; faulty accounts keep what they have."""
    found = services()
    progress, close = reporting("Addepar")
    outcome = sync.sync_addepar(found, actor=people.acting(found, user_id).user_id, progress=progress)
    close()
    for issue in outcome.issues:
        say(
            f"  {issue.severity}: account {issue.account_id or 'all'}, {issue.subject} {issue.field}: "
            f"found {issue.found}; expected {issue.expected}; {issue.effect}"
        )
    say(f"{outcome.accounts} accounts brought in, {len(outcome.fenced)} kept as they were")


@cli.command()
@json_option
def scan(as_json: bool) -> None:
    """Scan every account and show the queue, the most dollars at stake first."""
    progress, close = reporting("Scanning")
    scans = monitor.scan_firm(services(), progress=progress)
    close()
    show(
        scan_document(scans),
        as_json=as_json,
        words=lambda: "\n".join(
            f"{s.account.account_id:<14} {s.dollars_at_stake:>14,.2f}  {', '.join(s.reasons)}"
            for s in scans
            if s.reasons
        ),
    )


@cli.command("plan")
@click.argument("account_id", metavar="ACCOUNT")
@click.option("--settings", "file", type=click.Path(path_type=Path), help="A settings file; else the account's own.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting; may be repeated.")
@json_option
@as_option
def plan_(account_id: str, file: Path | None, changes: tuple[str, ...], as_json: bool, user_id: str | None) -> None:
    """Compute the best plan for an account and keep it as a draft."""
    found = services()
    account = AccountId(account_id)
    base = plan.default_settings(found, account) if file is None else read_plan_settings(file)
    settings = override(base, pairs(changes), source="--set")
    proposed = plan.what_if(found, account, settings)
    plan.keep(found, proposed, actor=people.acting(found, user_id).user_id)
    show(dict(proposed.document), as_json=as_json, words=lambda: describe(proposed))


@cli.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def compare(account_id: str, files: tuple[Path, ...], as_json: bool) -> None:
    """Lay the plans of several settings files side by side."""
    found = services()
    plans = {file.stem: plan.what_if(found, AccountId(account_id), read_plan_settings(file)) for file in files}
    document = {name: dict(each.document) for name, each in plans.items()}
    show(document, as_json=as_json, words=lambda: "\n\n".join(f"{n}\n{describe(p)}" for n, p in plans.items()))


@cli.command()
@click.argument("account_id", metavar="ACCOUNT")
@json_option
def frontier(account_id: str, as_json: bool) -> None:
    """Show what following the index more closely costs in tax."""
    found = services()
    account = AccountId(account_id)
    points = plan.tradeoff(found, account, plan.default_settings(found, account))
    document = [
        {
            "risk_aversion": round(p.risk_aversion, 6),
            "tracking_error": round(p.tracking_error, 8),
            "tax_usd": round(float(p.tax_usd), 2),
            "gap_bp": round(p.gap_bp, 4),
        }
        for p in points
    ]
    show(
        {"account_id": account_id, "points": document},
        as_json=as_json,
        words=lambda: "\n".join(
            f"tracking error {p['tracking_error']:.2%}  tax {p['tax_usd']:>14,.2f}  gap {p['gap_bp']:.3f} bp"
            for p in document
        ),
    )


@cli.command()
@as_option
def nightly(user_id: str | None) -> None:
    """Scan the firm, and plan every account that needs it; drafts wait for a portfolio manager."""
    found = services()
    progress, close = reporting("Scanning")
    scans = monitor.scan_firm(found, progress=progress)
    close()
    wanted = [each.account.account_id for each in scans if each.reasons and not each.fenced]
    progress, close = reporting("Planning")
    outcomes = plan.plan_book(found, wanted, actor=people.acting(found, user_id).user_id, progress=progress)
    close()
    for account_id, outcome in outcomes:
        click.echo(f"{account_id}\t{outcome}")


@cli.command()
@click.option("--household", "household_id", help="One household; else all.")
@json_option
def washsales(household_id: str | None, as_json: bool) -> None:
    """List every realised loss and what the wash-sale rule made of it."""
    document = monitor.wash_sales(services(), household_id)
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


@cli.command()
@plan_argument
@as_option
def push(plan_id: str, user_id: str | None) -> None:
    """Propose a plan and put it before its reviewers, in Salesforce too where it is connected."""
    found = services()
    state = review.submit(found, plan.find(found, plan_id).plan_id, actor=person(found, user_id))
    waiting = [row for row in review.undelivered(found) if row.error]
    say(f"plan is {state}" + "".join(f"; {row.topic} waits: {row.error}" for row in waiting))
    if waiting:
        raise ExternalRefusal(str(waiting[0].error))


@cli.command()
@plan_argument
@click.option("--comment", default="", help="Why.")
@as_option
def approve(plan_id: str, comment: str, user_id: str | None) -> None:
    """Approve a plan in review; nobody approves what they made or edited."""
    found = services()
    stored = plan.find(found, plan_id)
    actor = person(found, user_id)
    state = review.decide(found, stored.plan_id, Action.APPROVE, actor=actor, comment=comment, seen=stored.plan_id)
    say(f"plan is {state}")


@cli.command()
@click.argument("plan_ids", nargs=-1, required=True, metavar="PLAN...")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Folder for the files; else a new one.")
@as_option
def send(plan_ids: tuple[str, ...], folder: Path | None, user_id: str | None) -> None:
    """Release approved plans and send their orders; sending again sends nothing twice."""
    found = services()
    wanted = [plan.find(found, each).plan_id for each in plan_ids]
    for written in execute.send(found, wanted, actor=person(found, user_id), folder=folder):
        click.echo(str(written))


@cli.command()
@click.option("--fills", "files", multiple=True, type=click.Path(path_type=Path), help="A custodian's file of answers.")
def reconcile(files: tuple[Path, ...]) -> None:
    """Take in what custodians answered, book what is filled, and name every break."""
    found = services()
    for file in files or execute.inbound(found):
        say(f"{file}: {execute.read_answers(found, file)} new answers")
    outcomes = execute.reconcile_all(found)
    for outcome in outcomes:
        click.echo(f"{outcome.plan_id}\t{outcome.state}")
        for each in outcome.outcome.breaks:
            click.echo(f"  {each.kind}: {each.sentence}")
    if any(outcome.outcome.breaks for outcome in outcomes):
        click.get_current_context().exit(1)


@cli.command()
@plan_argument
def replay(plan_id: str) -> None:
    """Rebuild a stored plan from its stored inputs and compare to the byte."""
    found = services()
    stored = plan.find(found, plan_id)
    plan.replay(found, stored.plan_id)
    click.echo(f"{stored.plan_id}\tidentical")


@cli.group("audit")
def audit_group() -> None:
    """The audit log."""


@audit_group.command()
@click.option("--witness", help="A head hash noted earlier, outside this database.")
@json_option
def verify(witness: str | None, as_json: bool) -> None:
    """Prove the chain of the audit log, or name what was changed."""
    report = audit.verify(services(), witness=witness)
    document = {"rows": report.rows, "head": report.head, "problems": list(report.problems)}
    show(
        document,
        as_json=as_json,
        words=lambda: "\n".join(report.problems) or f"{report.rows} rows, unbroken; head {report.head}",
    )
    if report.problems:
        click.get_current_context().exit(1)


@cli.group("user")
def user_group() -> None:
    """The people who work here."""


@user_group.command("add")
@click.argument("user_id")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice([role.value for role in Role]))
def add_user(user_id: str, name: str, email: str, roles: tuple[str, ...]) -> None:
    """Add a person, or change their name, address and roles."""
    found = services()
    user = User(user_id=UserId(user_id), name=name, roles=frozenset(map(Role, roles)))
    people.add_person(found, user, email)
    say(f"{name}: {', '.join(roles)}")


@user_group.command("list")
def list_users() -> None:
    """List the people and their roles."""
    for user in services().users.users():
        click.echo(f"{user.user_id}\t{user.name}\t{', '.join(sorted(user.roles))}")


@cli.command()
@click.option("--port", default=8501, show_default=True)
@click.option("--sandbox", is_flag=True, help="Start a stand-in Salesforce and custodian beside the app, to practise.")
def serve(port: int, sandbox: bool) -> None:
    """Open the app on a local port."""
    url = click.get_current_context().find_root().obj
    serve_app(read_settings(), port=port, sandbox=sandbox, database_url=url)


def person(found: Services, user_id: str | None) -> User:
    """Return who acts; a decision is always a person's. Raises DataError where nobody is named."""
    if user_id is None:
        raise DataError("who is acting? expected --as USER or LOTSMITH_USER, found neither")
    return people.acting(found, user_id)


def read_plan_settings(file: Path) -> PlanSettings:
    """Return the settings of a file. Raises DataError for one that cannot be read, or is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected a readable settings file: {error}") from error
    return settings_from_toml(text, source=str(file))


def pairs(changes: tuple[str, ...]) -> dict[str, str]:
    """Return KEY=VALUE texts as a table. Raises DataError for one without an equals sign."""
    for change in changes:
        if "=" not in change:
            raise DataError(f"--set {change}: expected KEY=VALUE")
    return dict(change.split("=", 1) for change in changes)


def describe(found: plan.WhatIf) -> str:
    """Return a plan for a person at a terminal."""
    document = found.document
    lines = [f"plan {document['plan_id']}  {document['status']}", review.summary_text(found)]
    lines += [f"{t['side']:<4} {t['quantity']:>12,} {t['security_id']:<10} {t['amount']:>16,.2f}  "
              f"{t['reason']['sentence']}" for t in document["trades"]]  # fmt: skip
    lines += [f"conflict: {rule}" for rule in document["conflicts"]] + [document["repair"]] * bool(document["repair"])
    lines += [f"{c['verdict']}: {c['rule']}: {c['detail']}" for c in document["checks"] if c["verdict"] != "pass"]
    return "\n".join(lines)
