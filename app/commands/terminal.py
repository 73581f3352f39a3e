"""What do all commands share? The services they act on, who acts, and how they speak."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import click

from app import wiring
from app.ports import Progress, Services
from app.settings import read_settings
from app.steps import people
from app.steps.workers import Workers, cluster, local
from engine.domain.errors import DataError
from engine.domain.lifecycle import User

CHECK_FAILED: Final = 1

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
as_option = click.option(
    "--as", "user_id", metavar="USER", envvar="LOTSMITH_USER", help="Who is acting; else LOTSMITH_USER."
)
plan_argument = click.argument("plan_id", metavar="PLAN")


def workers_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --workers and --scheduler; workers_of makes the workers that they ask for."""
    scheduler = click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers do it instead.")
    workers = click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=os.cpu_count() or 1,
        show_default="one a core",
        help="Processes on this machine.",
    )
    return workers(scheduler(command))


def workers_of(workers: int, scheduler: str | None) -> Workers:
    """Return the workers of a scheduler, where one is named, else processes on this machine."""
    return local(workers) if scheduler is None else cluster(scheduler)


def services() -> Services:
    """Return the services of the database that this command is for; they end with it."""
    settings, context = read_settings(), click.get_current_context()
    url = context.find_root().obj
    found = wiring.connect(settings if url is None else replace(settings, database_url=url))
    context.call_on_close(found.database.close)
    return found


def person(found: Services, user_id: str | None) -> User:
    """Return who acts; a decision is always a person's. Raises DataError where nobody is named."""
    if user_id is None:
        raise DataError("who is acting? expected --as USER or LOTSMITH_USER, found neither")
    return people.acting(found, user_id)


def say(text: str) -> None:
    """Tell a person, on standard error."""
    click.echo(text, err=True)


def show(document: Any, *, as_json: bool, words: Callable[[], str]) -> None:
    """Print one JSON document and nothing else, or the words for people."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) if as_json else words())


@contextmanager
def reporting(label: str) -> Iterator[Progress]:
    """Yield what moves a progress bar with an estimate on standard error; however the work ends, its line ends too."""
    bar: Any = click.progressbar(
        length=1000, label=label, file=sys.stderr, show_eta=True, item_show_func=lambda doing: doing
    )
    with bar:
        last = 0

        def progress(doing: str, done: float) -> None:
            nonlocal last
            step = int(1000 * done) - last
            last += step
            bar.update(step, doing)

        yield progress
