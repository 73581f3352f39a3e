"""Who works here, and can the record be trusted?"""

from typing import Final

import click

from app.commands.terminal import CHECK_FAILED, json_option, say, services, show
from app.steps import audit, people
from engine.domain.identifiers import UserId
from engine.domain.lifecycle import Role, User

_ROLES: Final = [role.value for role in Role if role is not Role.SYSTEM]


@click.group("user")
def user_group() -> None:
    """The people who work here."""


@user_group.command("add")
@click.argument("user_id", metavar="USER")
@click.option("--name", metavar="NAME", required=True, help="As people call them.")
@click.option("--email", metavar="ADDRESS", required=True, help="By it Salesforce knows them; nobody else may have it.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES), help="May be repeated.")
def add_user(user_id: str, name: str, email: str, roles: tuple[str, ...]) -> None:
    """Add a person, or change their name, address and roles. USER is the id they act under."""
    found = services()
    user = User(user_id=UserId(user_id), name=name, roles=frozenset(map(Role, roles)))
    people.add_person(found, user, email)
    say(f"{name}: {', '.join(roles)}")


@user_group.command("list")
def list_users() -> None:
    """List the people and their roles."""
    for user in services().users.users():
        click.echo(f"{user.user_id}\t{user.name}\t{', '.join(sorted(user.roles))}")


@click.group("audit")
def audit_group() -> None:
    """The audit log."""


@audit_group.command()
@click.option("--witness", metavar="HASH", help="A head hash noted earlier, outside this database.")
@json_option
def verify(witness: str | None, as_json: bool) -> None:
    """Prove the chain of the audit log, or name what was changed."""
    report = audit.verify(services(), witness=witness)
    document = {"rows": report.rows, "head": report.head, "problems": list(report.problems)}
    show(
        document,
        as_json=as_json,
        words=lambda: "\n".join(report.problems) or f"{report.rows} rows, unbroken; head {report.head}",
    )
    if report.problems:
        click.get_current_context().exit(CHECK_FAILED)
