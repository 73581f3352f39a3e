"""Which views of a page has each person saved? Small JSON states by person, page and name."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, select

from data import tables
from data.database import Database
from engine.domain.identifiers import UserId

_TABLE: Final = tables.views


class ViewStore:
    """Saved views. A person sees their own alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def views(self, user_id: UserId, page: str) -> Mapping[str, Mapping[str, Any]]:
        """Return a person's views of a page by name, ordered by name."""
        mine = select(_TABLE.c.name, _TABLE.c.state).where(_TABLE.c.user_id == user_id, _TABLE.c.page == page)
        with self._database.read() as connection:
            rows = connection.execute(mine).all()
        return {row.name: row.state for row in sorted(rows, key=lambda row: (row.name.casefold(), row.name))}

    def save(self, user_id: UserId, page: str, name: str, state: Mapping[str, Any]) -> None:
        """Write a view over one of the same name."""
        with self._database.begin() as connection:
            connection.execute(self._named(user_id, page, name))
            connection.execute(_TABLE.insert(), {"user_id": user_id, "page": page, "name": name, "state": state})

    def delete(self, user_id: UserId, page: str, name: str) -> None:
        """Delete a view; nothing happens where there is none."""
        with self._database.begin() as connection:
            connection.execute(self._named(user_id, page, name))

    def _named(self, user_id: UserId, page: str, name: str) -> Any:
        return delete(_TABLE).where(_TABLE.c.user_id == user_id, _TABLE.c.page == page, _TABLE.c.name == name)
