"""Bring a firm in, take it out, make one up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.ports import Progress, Services, no_progress
from app.steps.jobs import recorded
from app.steps.market import todays_market
from app.steps.people import DEMO_PEOPLE, add_people
from connectors.firm_folder.read import read_firm
from connectors.firm_folder.write import write_firm
from data.demo.books import demo_books
from data.demo.reference import DEMO_NAME, demo_reference
from engine.domain.accounts import AccountBook
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, UserId
from engine.domain.jobs import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import brought in."""

    name: str
    accounts: int
    securities: int
    risk: str


@recorded(JobKind.IMPORT, detail=lambda found: f"{found.name}: {found.accounts:,} accounts")
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


def import_files(
    services: Services, files: Mapping[str, bytes], *, actor: UserId, progress: Progress = no_progress
) -> Imported:
    """Import a firm folder that came as files: relative paths and contents, as a browser uploads a folder.

    Raises DataError as import_firm does, and for a path that leads out of the folder.
    """
    with TemporaryDirectory(prefix="lotsmith-import-") as scratch:
        root = Path(scratch).resolve()
        for name, content in files.items():
            target = (root / name).resolve()
            if not target.is_relative_to(root):
                raise DataError(f"{name}: expected a path inside the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        homes = sorted(root.rglob("firm.*"), key=lambda path: len(path.parts))
        if not homes:
            raise DataError("firm folder: expected a file firm.csv or firm.parquet, found none")
        return import_firm(services, homes[0].parent, actor=actor, progress=progress)


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


def is_without_accounts(services: Services) -> bool:
    """Return whether the present firm has no account at all."""
    return not services.firm.accounts()


def is_practice(services: Services) -> bool:
    """Return whether this runs beside stand-ins for practice, so that nobody need sign in."""
    return services.connections.get("sign_in", {}).get("practice") is True


def version(services: Services) -> int:
    """Return a number that grows with everything that happens here; what was read at one number holds at it."""
    newest = services.audit.rows(limit=1)
    return newest[0].seq if newest else 0


def account_labels(services: Services) -> Mapping[AccountId, str]:
    """Return every account with the words by which people know it, ordered by account_id."""
    households = {household.household_id: household.name for household in services.firm.households()}
    return {
        account.account_id: f"{account.account_id} · {households[account.household_id]} · {account.registration.value}"
        for account in services.firm.accounts()
    }
