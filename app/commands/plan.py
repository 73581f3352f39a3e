"""What if? Compute, compare and replay plans."""

from pathlib import Path

import click

from app.commands.terminal import CHECK_FAILED, as_option, json_option, plan_argument, services, show
from app.steps import people, plan
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId
from engine.domain.plans import PlanStatus, Verdict
from engine.domain.settings import PlanSettings, override, settings_from_toml


@click.command("plan")
@click.argument("account_id", metavar="ACCOUNT")
@click.option(
    "--settings",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A settings file; else the account's own settings.",
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting; may be repeated.")
@json_option
@as_option
def plan_(account_id: str, file: Path | None, changes: tuple[str, ...], as_json: bool, user_id: str | None) -> None:
    """Compute the best plan for an account and keep it as a draft.

    Ends with 1 where the account has no plan that obeys its rules, or the plan fails a check.
    """
    found = services()
    actor, account = people.acting(found, user_id).user_id, AccountId(account_id)
    base = plan.default_settings(found, account) if file is None else read_plan_settings(file)
    settings = override(base, pairs(changes), source="--set")
    proposed = plan.what_if(found, account, settings)
    plan.keep(found, proposed, actor=actor)
    show(dict(proposed.document), as_json=as_json, words=lambda: describe(proposed))
    failed = any(check.verdict is Verdict.FAIL for check in proposed.plan.checks)
    if failed or proposed.plan.status is PlanStatus.INFEASIBLE:
        click.get_current_context().exit(CHECK_FAILED)


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def compare(account_id: str, files: tuple[Path, ...], as_json: bool) -> None:
    """Lay the plans of several settings files side by side."""
    found = services()
    plans = {str(file): plan.what_if(found, AccountId(account_id), read_plan_settings(file)) for file in files}
    document = {name: dict(each.document) for name, each in plans.items()}
    show(document, as_json=as_json, words=lambda: "\n\n".join(f"{n}\n{describe(p)}" for n, p in plans.items()))


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@json_option
def frontier(account_id: str, as_json: bool) -> None:
    """Show what following the index more closely costs in tax. Ends with 1 where no plan obeys the rules."""
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
        words=lambda: (
            "\n".join(
                f"tracking error {p['tracking_error']:.2%}  tax {p['tax_usd']:>14,.2f}  gap {p['gap_bp']:.3f} bp"
                for p in document
            )
            or "no plan obeys the account's rules; lotsmith plan names those in the way"
        ),
    )
    if not document:
        click.get_current_context().exit(CHECK_FAILED)


@click.command()
@plan_argument
def replay(plan_id: str) -> None:
    """Rebuild a plan from its stored inputs. It must be the same to the byte."""
    found = services()
    stored = plan.find(found, plan_id)
    plan.replay(found, stored.plan_id)
    click.echo(f"{stored.plan_id}\tidentical")


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
    lines = [f"plan {document['plan_id']}  {document['status']}"]
    if found.plan.status is not PlanStatus.INFEASIBLE:
        lines.append(plan.summary_text(found))
    lines += [f"{t['side']:<4} {t['quantity']:>12,} {t['security_id']:<10} {t['amount']:>16,.2f}  "
              f"{t['reason']['sentence']}" for t in document["trades"]]  # fmt: skip
    lines += [f"conflict: {rule}" for rule in document["conflicts"]] + [document["repair"]] * bool(document["repair"])
    lines += [f"{c['verdict']}: {c['rule']}: {c['detail']}" for c in document["checks"] if c["verdict"] != "pass"]
    return "\n".join(lines)
