"""What if? Compute, compare and replay plans."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from app.commands.terminal import CHECK_FAILED, as_option, json_option, plan_argument, services, show
from app.ports import Services
from app.steps import inputs, people, plan, tradeoff
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId
from engine.domain.plans import PlanStatus, Verdict
from engine.domain.settings import PlanSettings, override, settings_from_toml

_NO_PLAN: Final = "no plan obeys the account's rules; lotsmith plan names those in the way"
_file_option = click.option(
    "--settings",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A settings file; else the account's own settings.",
)
_set_option = click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting; may be repeated."
)


@click.command("plan")
@click.argument("account_id", metavar="ACCOUNT")
@_file_option
@_set_option
@json_option
@as_option
def plan_(account_id: str, file: Path | None, changes: tuple[str, ...], as_json: bool, user_id: str | None) -> None:
    """Compute the best plan for an account and keep it as a draft.

    Ends with 1 where the account has no plan that obeys its rules, or the plan fails a check.
    """
    found = services()
    actor, account = people.acting(found, user_id).user_id, AccountId(account_id)
    proposed = plan.what_if(found, account, chosen_settings(found, account, file, changes))
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
@_file_option
@_set_option
@json_option
def frontier(account_id: str, file: Path | None, changes: tuple[str, ...], as_json: bool) -> None:
    """Show what following the index more closely costs in tax. Ends with 1 where no plan obeys the rules."""
    found, account = services(), AccountId(account_id)
    points = tradeoff.tradeoff(found, account, chosen_settings(found, account, file, changes))
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
            or _NO_PLAN
        ),
    )
    if not document:
        click.get_current_context().exit(CHECK_FAILED)


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@_file_option
@_set_option
@json_option
def sensitivity(account_id: str, file: Path | None, changes: tuple[str, ...], as_json: bool) -> None:
    """Show what a step of each setting would change. Ends with 1 where no plan obeys the rules."""
    found, account = services(), AccountId(account_id)
    answer = tradeoff.would_change(found, account, chosen_settings(found, account, file, changes))
    document = None if answer is None else tradeoff.sensitivity_document(account, answer)
    show(
        document or {"account_id": account_id, "base": None, "settings": []},
        as_json=as_json,
        words=lambda: _NO_PLAN if document is None else describe_sensitivity(document),
    )
    if document is None:
        click.get_current_context().exit(CHECK_FAILED)


@click.command()
@plan_argument
def replay(plan_id: str) -> None:
    """Rebuild a plan from its stored inputs. It must be the same to the byte."""
    found = services()
    stored = plan.find(found, plan_id)
    plan.replay(found, stored.plan_id)
    click.echo(f"{stored.plan_id}\tidentical")


def chosen_settings(found: Services, account: AccountId, file: Path | None, changes: tuple[str, ...]) -> PlanSettings:
    """Return the settings of a file, else the account's own, with changes. Raises DataError for any that is wrong."""
    base = inputs.default_settings(found, account) if file is None else read_plan_settings(file)
    return override(base, pairs(changes), source="--set")


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


def describe_sensitivity(document: Mapping[str, Any]) -> str:
    """Return what settings would change for a person at a terminal."""
    base = document["base"]
    now = (
        f"now: tax {base['tax_usd']:,.2f}, tracking error {base['tracking_error']:.3%}, {base['trades']} trades, "
        f"objective {base['objective_bp']:.3f} bp, gap {base['gap_bp']:.3f} bp"
    )
    head = f"{'setting':<22} {'now':>10} {'then':>10}  {'tax USD':>12} {'TE pp':>8} {'bp':>10} {'trades':>6} {'gap':>6}"
    lines = (
        f"{each['setting']:<22} {each['value']:>10} {step['value']:>10}  {_step_figures(step)}"
        for each in document["settings"]
        for step in (each["tighter"], each["looser"])
        if step is not None
    )
    return "\n".join((now, head, *lines))


def _step_figures(step: Mapping[str, Any]) -> str:
    if not step["feasible"]:
        return "no plan obeys the rules then"
    worse = step["objective_bp"]
    objective = "" if worse is None else f"{round(worse, 3) + 0.0:+.3f}"
    tracking_error = round(100 * step["tracking_error"], 3) + 0.0  # + 0.0 turns -0.0 into 0.0
    return (
        f"{step['tax_usd']:>+12,.2f} {tracking_error:>+8.3f} {objective:>10} {step['trades']:>+6d} "
        f"{step['gap_bp']:>6.3f}"
    )
