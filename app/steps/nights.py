"""What did the nights come to, and how far is the one that runs?"""

from collections.abc import Mapping
from typing import Final

from app.ports import Services
from data.runs import AccountRun, RunRecord

_SHOWN: Final = 10
_EXCEPTION: Final = "exception"


def newest(services: Services) -> tuple[tuple[RunRecord, Mapping[str, int]], ...]:
    """Return the newest nights, newest first, each with how many accounts came to what so far."""
    return tuple((run, services.runs.counts(run.run_id)) for run in services.runs.newest(limit=_SHOWN))


def exceptions(services: Services) -> tuple[AccountRun, ...]:
    """Return the accounts that the newest night could not plan."""
    runs = services.runs.newest(limit=1)
    return services.runs.accounts(runs[0].run_id, outcome=_EXCEPTION) if runs else ()
