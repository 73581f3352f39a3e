"""Which views of the book has a person saved? Filters, columns and order under a name of their own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from app.ports import Services
from engine.domain.errors import DataError
from engine.domain.identifiers import UserId

BOOK: Final = "book"
MOST_VIEWS: Final = 20
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class BookView:
    """What a person wants to see of the queue. An empty part leaves everything in; no columns are the usual ones.

    reasons, drifts and savings: labels of app.tables.book. order: a column to sort by, empty for the queue's own order.
    """

    search: str = ""
    reasons: tuple[str, ...] = ()
    advisors: tuple[str, ...] = ()
    custodians: tuple[str, ...] = ()
    registrations: tuple[str, ...] = ()
    drifts: tuple[str, ...] = ()
    savings: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    order: str = ""
    smallest_first: bool = False


def saved_views(services: Services, user_id: UserId) -> Mapping[str, BookView]:
    """Return a person's views of the book, by name."""
    return {name: _view(state) for name, state in services.views.views(user_id, BOOK).items()}


def save_view(services: Services, user_id: UserId, name: str, view: BookView) -> str:
    """Keep a view under a name, in the place of one that has it, and return the name.

    Raises DataError for a name that is empty or too long, and beyond MOST_VIEWS.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= _LONGEST:
        raise DataError(f"view: expected a name of 1 to {_LONGEST} characters, found {len(name)}")
    known = services.views.views(user_id, BOOK)
    if name not in known and len(known) >= MOST_VIEWS:
        raise DataError(f"view {name}: {MOST_VIEWS} views are kept at most; delete one first")
    services.views.save(user_id, BOOK, name, asdict(view))
    return name


def delete_view(services: Services, user_id: UserId, name: str) -> None:
    """Forget a view; one that is not there is forgotten already."""
    services.views.delete(user_id, BOOK, name)


def _view(state: Mapping[str, Any]) -> BookView:
    """Return a view as stored; parts that this program does not know, or no longer does, are left out."""
    kinds = {field.name: type(field.default) for field in fields(BookView)}
    read = {name: tuple(value) if isinstance(value, list) else value for name, value in state.items()}
    known: dict[str, Any] = {name: value for name, value in read.items() if isinstance(value, kinds.get(name, ()))}
    return BookView(**known)
