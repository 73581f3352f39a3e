"""Is the schema the one this program knows, and if not, how does it get there?"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from engine.domain.errors import DataError

_HERE: Final = Path(__file__).parent
_Opened = Callable[[], AbstractContextManager[Connection]]


def upgrade(read: _Opened, write: _Opened) -> None:
    """Bring the schema to the newest revision in one transaction; do nothing, and lock nothing, where it is there.

    read and write open a connection in a transaction. Raises DataError for a schema this program does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with read() as connection:
        if _revision(connection, scripts) == scripts.get_current_head():
            return
    with write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('lotsmith schema'))"))
        if _revision(connection, scripts) == scripts.get_current_head():
            return  # another process was faster
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection, scripts: ScriptDirectory) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise DataError(
            f"database {connection.engine.url.render_as_string()}: its schema is revision {revision}, expected one of "
            f"{', '.join(sorted(known))}; it was written by a newer version of this program"
        )
    return revision
