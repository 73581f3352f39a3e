"""People and their roles, and who changed them."""

import pytest

from data.audit import AuditLog
from data.users import UserStore, save_user
from engine.domain.errors import DataError
from engine.domain.lifecycle import Role, User

PAM = User(user_id="pam", name="Pam Ortiz", roles=frozenset({Role.PORTFOLIO_MANAGER, Role.ADVISOR}))


@pytest.fixture
def users(database, at) -> UserStore:
    with database.begin() as connection:
        save_user(connection, PAM, email="Pam@example.com", actor="setup", at=at)
        save_user(
            connection,
            User(user_id="abe", name="Abe", roles=frozenset()),
            email="abe@example.com",
            actor="setup",
            at=at,
        )
    return UserStore(database)


def test_people_come_back_as_saved(users):
    assert users.user("pam") == PAM
    assert [user.user_id for user in users.users()] == ["abe", "pam"]


def test_an_unknown_person_is_answered_with_the_nearest_name(users):
    with pytest.raises(DataError, match="unknown user 'pan'; did you mean pam"):
        users.user("pan")


def test_an_address_is_found_whatever_its_case_and_never_guessed(users, database, at):
    assert users.by_email("pam@EXAMPLE.com") == PAM
    assert users.by_email("nobody@example.com") is None
    assert users.email("pam") == "Pam@example.com"
    with pytest.raises(DataError, match="unknown user 'pa'; did you mean pam"):
        users.email("pa")

    with database.begin() as connection:
        twin = User(user_id="pam2", name="Pam Two", roles=frozenset({Role.APPROVER}))
        save_user(connection, twin, email="pam@example.com", actor="setup", at=at)
    assert users.by_email("pam@example.com") is None


def test_a_change_of_roles_is_one_row_of_the_audit_log_and_no_change_is_none(users, database, at):
    approver = User(user_id="pam", name="Pam Ortiz", roles=frozenset({Role.APPROVER}))
    for _ in range(2):
        with database.begin() as connection:
            save_user(connection, approver, email="Pam@example.com", actor="abe", at=at)

    assert users.user("pam").roles == {Role.APPROVER}
    rows = AuditLog(database).rows(subject="pam")
    assert len(rows) == 2
    assert (rows[0].before["roles"], rows[0].after["roles"]) == (["advisor", "portfolio_manager"], ["approver"])
