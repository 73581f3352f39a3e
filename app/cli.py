"""The command line: one JSON document on standard output where asked, progress and words on standard error.

Exit codes: 0 done; 1 a check failed; 2 bad input; 3 an outside system failed.
"""

import sys
from typing import Final

import click

from app.commands import (
    addepar,
    connections,
    control,
    corporate_actions,
    execute,
    firm,
    meeting,
    monitor,
    plan,
    rehearse,
    review,
)
from app.commands.terminal import CHECK_FAILED, say
from engine.domain.errors import DataError, ExternalRefusal, LotsmithError

_BAD_INPUT: Final = 2
_OUTSIDE_FAILED: Final = 3
_MOST_PROBLEMS_SHOWN: Final = 200
_COMMANDS: Final = (
    firm.demo, firm.import_, firm.prices, firm.export, firm.serve, corporate_actions.actions,
    connections.sync_group, addepar.group,
    connections.salesforce_group,
    monitor.scan, monitor.washsales, monitor.nightly, rehearse.rehearse_, plan.plan_, plan.compare, plan.frontier,
    plan.sensitivity, plan.replay, meeting.report,
    review.push, review.approve, execute.send, execute.reconcile_, control.user_group, control.audit_group,
)  # fmt: skip


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
        say("interrupted")
        return CHECK_FAILED
    except LotsmithError as error:
        say(str(error))
        for problem in getattr(error, "problems", ())[:_MOST_PROBLEMS_SHOWN]:
            say(f"  {problem}")
        if isinstance(error, DataError):
            return _BAD_INPUT
        return _OUTSIDE_FAILED if isinstance(error, ExternalRefusal) else CHECK_FAILED


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lotsmith")
@click.option("--db", "url", metavar="URL", help="Database; else LOTSMITH_DB, else SQLite in your data folder.")
@click.pass_context
def cli(context: click.Context, url: str | None) -> None:
    """Lotsmith: monitor, plan, review and execute tax-aware rebalances, lot by lot.

    Exit codes: 0 done; 1 a check failed; 2 bad input; 3 an outside system failed.
    """
    context.obj = url


for command in _COMMANDS:
    cli.add_command(command)


if __name__ == "__main__":
    main()
