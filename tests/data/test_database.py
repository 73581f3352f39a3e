"""Opening, migrating and sharing a database."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

import data.migrations.versions
from data.database import open_database
from data.scans import ScanStore
from data.tables import metadata, plans
from engine.domain.errors import DataError, ExternalRefusal

MIGRATIONS = Path(data.migrations.versions.__file__).parents[1]
REVISIONS = sorted(file.name[1:5] for file in Path(data.migrations.versions.__file__).parent.glob("r0*.py"))


def test_migrations_from_nothing_give_exactly_the_tables_of_this_program(empty_url):
    opened = open_database(empty_url)

    with opened.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        difference = compare_metadata(context, metadata)
        checks = {
            (table.name, check["name"])
            for table in metadata.sorted_tables
            for check in inspect(connection).get_check_constraints(table.name)
        }
    opened.close()

    assert difference == []
    assert checks == {
        ("addepar_mapping", "ck_addepar_mapping_one_row"),
        ("addepar_synced", "ck_addepar_synced_one_row"),
        ("audit_head", "ck_audit_head_one_row"),
        ("crm_usage", "ck_crm_usage_one_row"),
        ("firm", "ck_firm_one_row"),
        ("plans", "ck_plans_state"),
        ("scan", "ck_scan_one_row"),
        ("scan_queue", "ck_scan_queue_one_row"),
    }


def test_opening_again_changes_nothing(url):
    open_database(url).close()
    again = open_database(url)

    with again.read() as connection:
        assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [REVISIONS[-1]]
    again.close()


def test_processes_that_start_together_on_an_empty_database_all_find_it_ready(empty_url):
    script = "import sys; from data.database import open_database; open_database(sys.argv[1]).close()"

    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", script, empty_url], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    errors = [process.communicate()[1].decode() for process in started]

    assert [process.returncode for process in started] == [0, 0, 0, 0], errors


def test_threads_that_open_an_empty_database_together_all_find_it_ready(empty_url):
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(open_database, [empty_url] * 8))

    for database in opened:
        with database.read() as connection:
            assert connection.scalars(text("SELECT COUNT(*) FROM audit_head")).one() == 1
        database.close()


def test_sqlite_writes_ahead_and_holds_references(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/made/on/the/way/l.db")

    with database.read() as connection:
        assert connection.scalars(text("PRAGMA journal_mode")).one() == "wal"
        assert connection.scalars(text("PRAGMA foreign_keys")).one() == 1
    database.close()


def test_a_reader_sees_one_moment_while_another_writes(database):
    counted = text("SELECT COUNT(*) FROM settings")
    with database.read() as reader:
        before = reader.scalars(counted).one()
        with database.begin() as writer:
            writer.execute(text("INSERT INTO settings (name, text) VALUES ('a', 'b')"))

        after = reader.scalars(counted).one()

    assert (before, after) == (0, 0)


def test_an_error_inside_a_transaction_leaves_no_trace(database):
    def half_way():
        with database.begin() as connection:
            connection.execute(text("INSERT INTO settings (name, text) VALUES ('a', 'b')"))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()

    with database.read() as connection:
        assert connection.scalars(text("SELECT COUNT(*) FROM settings")).one() == 0


def test_a_state_outside_the_life_cycle_cannot_be_written(database):
    row = "'p', 'a', 'h', NULL, 'signed', 0, '', '', 's', 'm', '{}', NULL"
    columns = ", ".join(column.name for column in plans.c)
    statement = text(f"INSERT INTO plans ({columns}) VALUES ({row})")

    with pytest.raises(IntegrityError, match="ck_plans_state"), database.begin() as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("", "expected sqlite:////absolute/path.db or postgresql://"),
        ("/home/me/lotsmith.db", "found a text that is no such URL"),
        ("sqlite://", "expected the path of a file"),
        ("sqlite:///:memory:", "expected the path of a file"),
        ("mysql://me@host/name", "found one of kind 'mysql'"),
        ("oracle+nothing://x/y", "found one of kind 'oracle'"),
    ],
)
def test_an_address_that_names_no_database_of_ours_says_what_was_expected(bad, says):
    with pytest.raises(DataError) as caught:
        open_database(bad)

    assert says in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match=r"cannot make the folder .*/file/below"):
        open_database(f"sqlite:///{tmp_path}/file/below/l.db")


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "notes.db").write_text("shopping list " * 100)

    with pytest.raises(DataError, match=r"notes\.db: .*not a database"):
        open_database(f"sqlite:///{tmp_path}/notes.db")


def test_a_server_that_is_not_there_is_an_outside_failure_and_its_password_stays_secret(tmp_path):
    with pytest.raises(ExternalRefusal) as caught:
        open_database(f"postgresql://me:topsecret@/name?host={tmp_path}")

    assert "cannot be opened" in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_a_schema_newer_than_the_program_is_left_alone(url):
    database = open_database(url)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()

    with pytest.raises(DataError, match=rf"revision 9999, expected one of {', '.join(REVISIONS)}; .* newer version"):
        open_database(url)


@contextmanager
def of_revision(url, revision):
    """Yield a connection to a new database of an older schema."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        Path(engine.url.database).parent.mkdir()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        yield connection
    engine.dispose()


def test_a_database_of_the_first_schema_is_brought_up_to_date_and_scanned_afresh(empty_url):
    with of_revision(empty_url, "0001") as connection:
        connection.execute(text("INSERT INTO scan (id, at, marks) VALUES (1, '2026-11-20T21:00:00+00:00', '{}')"))

    again = open_database(empty_url)

    assert ScanStore(again).head() is None
    with again.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    again.close()


def test_of_the_plans_of_an_older_database_those_that_a_night_put_forward_and_nobody_took_up_are_a_nights(empty_url):
    plans = [("tonight", "night", "proposed"), ("mine", "night", "proposed"), ("named", "better", "proposed"),
             ("taken", "night", "approved"), ("drafted", "night", "draft")]  # fmt: skip
    with of_revision(empty_url, "0013") as connection:
        connection.execute(
            text("INSERT INTO documents (hash, kind, size, body) VALUES ('h', 'k', 0, :none)"), {"none": b""}
        )
        connection.execute(
            text("INSERT INTO runs (run_id, began_at, actor, as_of, engine_version, settings, accounts) "
                 "VALUES ('run', '2026-11-20T21:00:00+00:00', 'maya', '2026-11-20', '1', '{}', 5)")
        )  # fmt: skip
        for name, note, state in plans:
            connection.execute(
                text("INSERT INTO plans (plan_id, account_id, household_id, state, version, created_at, note, "
                     "snapshot_hash, market_hash, document) "
                     "VALUES (:name, :name, 'H', :state, 1, '2026-11-20T21:00:00+00:00', :note, 'h', 'h', '{}')"),
                {"name": name, "note": note, "state": state},
            )  # fmt: skip
            if name != "mine":  # which somebody called so
                connection.execute(
                    text("INSERT INTO run_accounts (run_id, account_id, outcome, plan_id, cause, seconds) "
                         "VALUES ('run', :name, 'proposed', :name, '', 0)"),
                    {"name": name},
                )  # fmt: skip

    database = open_database(empty_url)

    with database.read() as connection:
        found = dict(connection.execute(text("SELECT plan_id, run_id FROM plans")).all())
    assert found == {"tonight": "run", "mine": None, "named": None, "taken": None, "drafted": "run"}
    database.close()
