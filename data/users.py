"""Who works here? People, their addresses and their roles."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select

from data import tables
from data.audit import append
from data.database import Database
from data.suggest import unknown
from engine.domain.identifiers import UserId
from engine.domain.lifecycle import Role, User

_TABLE: Final = tables.users


def save_user(connection: Connection, user: User, *, email: str, actor: UserId, at: datetime) -> None:
    """Write a person in the caller's transaction, over what was known of them; a change is one row of the audit log."""
    after = {"user_id": user.user_id, "name": user.name, "email": email, "roles": tuple(sorted(user.roles))}
    known = connection.execute(select(_TABLE).where(_TABLE.c.user_id == user.user_id)).mappings().one_or_none()
    before = None if known is None else dict(known)
    if before == after:
        return
    connection.execute(delete(_TABLE).where(_TABLE.c.user_id == user.user_id))
    connection.execute(_TABLE.insert(), after)
    append(connection, at=at, actor=actor, what="user.save", subject=user.user_id, before=before, after=after)


class UserStore:
    """Reading people. Roles are read afresh for every action: a role taken away is gone at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def users(self) -> tuple[User, ...]:
        """Return everyone, by user_id."""
        with self._database.read() as connection:
            rows = connection.execute(select(_TABLE)).all()
        return tuple(sorted((_user(row.user_id, row.name, row.roles) for row in rows), key=lambda user: user.user_id))

    def user(self, user_id: UserId) -> User:
        """Return one person. Raises DataError for an unknown one, with a near match."""
        known = {user.user_id: user for user in self.users()}
        if user_id not in known:
            raise unknown("user", user_id, known)
        return known[user_id]

    def email(self, user_id: UserId) -> str:
        """Return a person's address. Raises DataError for an unknown person, with a near match."""
        with self._database.read() as connection:
            rows = connection.execute(select(_TABLE.c.user_id, _TABLE.c.email)).all()
        known = {row.user_id: str(row.email) for row in rows}
        if user_id not in known:
            raise unknown("user", user_id, known)
        return known[user_id]

    def by_email(self, email: str) -> User | None:
        """Return the person with this address, whatever its case; None where nobody or more than one has it."""
        with self._database.read() as connection:
            rows = connection.execute(select(_TABLE)).all()
        matches = [row for row in rows if row.email.casefold() == email.casefold()]
        return _user(matches[0].user_id, matches[0].name, matches[0].roles) if len(matches) == 1 else None


def _user(user_id: str, name: str, roles: tuple[str, ...]) -> User:
    return User(user_id=UserId(user_id), name=name, roles=frozenset(map(Role, roles)))
