"""Who works here? People and their roles; a demo firm brings one for each role."""

from collections.abc import Iterable
from typing import Final

from app.ports import Services
from data.users import save_user
from engine.domain.errors import DataError
from engine.domain.identifiers import UserId
from engine.domain.lifecycle import Role, User

SYSTEM: Final = User(user_id=UserId("system"), name="Lotsmith", roles=frozenset({Role.SYSTEM}))
DEMO_PEOPLE: Final = tuple(
    (User(user_id=UserId(user_id), name=name, roles=frozenset({role})), email)
    for user_id, name, role, email in (
        ("maya", "Maya Manager", Role.PORTFOLIO_MANAGER, "manager@lotsmith.example"),
        ("ada", "Ada Advisor", Role.ADVISOR, "advisor@lotsmith.example"),
        ("alan", "Alan Approver", Role.APPROVER, "approver@lotsmith.example"),
        ("cora", "Cora Compliance", Role.COMPLIANCE, "compliance@lotsmith.example"),
    )
)


def add_person(services: Services, user: User, email: str, *, actor: UserId = SYSTEM.user_id) -> None:
    """Write a person, or change their name, address and roles; the audit log keeps what was before.

    Raises DataError for an address that another person has (a reviewer in the CRM is known by it), and for the id or
    the role of the machine.
    """
    if user.user_id == SYSTEM.user_id or Role.SYSTEM in user.roles:
        raise DataError(f"user {user.user_id}: expected a person; {SYSTEM.user_id} is Lotsmith itself")
    owner = services.users.by_email(email)
    if owner is not None and owner.user_id != user.user_id:
        raise DataError(
            f"user {user.user_id}: expected an address of their own, found {email}, which is {owner.name}'s"
        )
    add_people(services, [(user, email)], actor=actor)


def add_people(services: Services, people: Iterable[tuple[User, str]], *, actor: UserId = SYSTEM.user_id) -> None:
    """Write several people in one transaction."""
    with services.database.begin() as connection:
        for user, email in people:
            save_user(connection, user, email=email, actor=actor, at=services.now())


def acting(services: Services, user_id: str | None) -> User:
    """Return the person of an id as known now, or the machine itself where none is named. DataError for a stranger."""
    return SYSTEM if user_id is None else services.users.user(UserId(user_id))
