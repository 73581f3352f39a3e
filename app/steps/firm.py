"""Bring a firm in, take it out, make one up."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.ports import Progress, Services, no_progress
from app.steps.market import todays_market
from app.steps.people import DEMO_PEOPLE, add_people
from connectors.firm_folder.read import read_firm
from connectors.firm_folder.write import write_firm
from data.demo.books import demo_books
from data.demo.reference import DEMO_NAME, demo_reference
from engine.domain.accounts import AccountBook
from engine.domain.identifiers import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import brought in."""

    name: str
    accounts: int
    securities: int
    risk: str


def import_firm(services: Services, folder: Path, *, actor: UserId, progress: Progress = no_progress) -> Imported:
    """Put the firm of a folder in the place of the present one, whole or not at all.

    A demo firm brings its demo people. Raises DataError with every problem found; the database is then as it was.
    """
    reference, books = read_firm(folder, progress=lambda name, done: progress(f"checking {name}", 0.5 * done))
    count = 0

    def written(accounts: int) -> None:
        nonlocal count
        count = accounts
        progress(f"writing account {accounts}", 0.5)

    services.firm.replace(reference, books, actor=actor, at=services.now(), progress=written)
    if reference.name == DEMO_NAME:
        add_people(services, DEMO_PEOPLE)
    progress("estimating risk", 0.9)
    market = todays_market(services)
    progress("done", 1.0)
    return Imported(name=reference.name, accounts=count, securities=len(reference.securities), risk=market.risk.quality)


def export_firm(services: Services, folder: Path) -> None:
    """Write the present firm as a firm folder. Raises DataError where the folder is not free for it."""
    write_firm(folder, services.firm.reference(), services.firm.books())


def write_demo(folder: Path, *, accounts: int, seed: int, progress: Progress = no_progress) -> None:
    """Write the generated demo firm as a firm folder, one account in memory at a time."""
    progress("market", 0.0)
    reference = demo_reference(seed, accounts)

    def counted() -> Iterator[AccountBook]:
        for number, book in enumerate(demo_books(seed, accounts), start=1):
            progress(f"account {number} of {accounts}", number / accounts)
            yield book

    write_firm(folder, reference, counted())


def is_demo(services: Services) -> bool:
    """Return whether the present firm is the generated one."""
    return not services.firm.is_empty() and services.firm.firm().name == DEMO_NAME
