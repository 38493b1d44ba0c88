"""Migrations: a branch each for the core and for every plugin, independent of one another, on both databases."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import allmende.accounts.tables
import allmende.changes.tables
import allmende.feeds.tables
import allmende.jobs.tables
import allmende.search.tables
import pytest
import sqlalchemy as sa
from allmende.db import authoring, drift
from allmende.db.branches import CORE_BRANCH, Branch, core_tables, migrating, secured_tables
from allmende.db.migrate import downgrade, status, upgrade
from allmende.db.rls import unsecured
from allmende.errors import InputError

from . import tables as dbtest_tables  # noqa: F401

NEWEST = CORE_BRANCH.newest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations of the plugin `dbtest`, made from the tables that the tests of this room declare."""
    folder = tmp_path / "dbtest" / "migrations"
    path = authoring.revision(Branch("dbtest", folder), "notes and tags")
    assert path == folder / "dbtest_0001_notes_and_tags.py"
    return folder


def tables(url: str) -> set[str]:
    with migrating(url) as connection:
        return set(sa.inspect(connection).get_table_names())


def test_upgrade_makes_core_and_plugin_and_leaves_no_drift(empty_database_url: str, folder: Path) -> None:
    done = upgrade(empty_database_url, {"dbtest": folder})
    assert (done.versions, done.failed) == ({"core": NEWEST, "dbtest": "dbtest_0001"}, {})
    assert {*core_tables(), "dbtest_note", "dbtest_tag"} <= tables(empty_database_url)
    assert drift.check(empty_database_url, {"dbtest": folder}) == []
    assert upgrade(empty_database_url, {"dbtest": folder}) == done


def test_status_tells_where_each_branch_is(empty_database_url: str, folder: Path) -> None:
    assert status(empty_database_url, {"dbtest": folder}) == [("core", "", NEWEST), ("dbtest", "", "dbtest_0001")]
    upgrade(empty_database_url, {})
    assert status(empty_database_url, {"dbtest": folder})[0] == ("core", NEWEST, NEWEST)


def test_upgrade_puts_row_level_security_on_every_city_table(empty_postgresql_url: str, folder: Path) -> None:
    upgrade(empty_postgresql_url, {"dbtest": folder})
    with migrating(empty_postgresql_url) as connection:
        found = secured_tables(connection)
        assert unsecured(connection, found) == []
        connection.exec_driver_sql("ALTER TABLE dbtest_note DISABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql("DROP POLICY allmende_city ON dbtest_tag")
        connection.exec_driver_sql("CREATE POLICY open ON feeds_run USING (true)")
        connection.exec_driver_sql("ALTER POLICY allmende_city ON search_term USING (true)")
    assert {"dbtest_note", "dbtest_tag", "feeds_run"} <= set(found)
    assert drift.check(empty_postgresql_url, {"dbtest": folder}) == [
        "dbtest_note: not guarded by row-level security as it should be; run: allmende db upgrade",
        "dbtest_tag: not guarded by row-level security as it should be; run: allmende db upgrade",
        "feeds_run: not guarded by row-level security as it should be; run: allmende db upgrade",
        "search_term: not guarded by row-level security as it should be; run: allmende db upgrade",
    ]
    upgrade(empty_postgresql_url, {"dbtest": folder})
    assert drift.check(empty_postgresql_url, {"dbtest": folder}) == []


PLANTED = {
    "ALTER TABLE dbtest_note ADD COLUMN extra VARCHAR(9)": "dbtest: dbtest_note.extra: this column is in the database",
    "ALTER TABLE dbtest_tag DROP COLUMN name": "dbtest: dbtest_tag.name: this column is missing in the database",
    "DROP INDEX ix_dbtest_note_title": "dbtest: dbtest_note (ix_dbtest_note_title): this index is missing in the",
    "CREATE UNIQUE INDEX ix_ids ON dbtest_note (id)": "dbtest: dbtest_note (ix_ids): this index is in the database",
    "DROP TABLE dbtest_shared": "dbtest: dbtest_shared: this table is missing in the database",
    "CREATE TABLE dbtest_old (id VARCHAR(9) PRIMARY KEY)": "dbtest: dbtest_old: this table is in the database only",
    "CREATE TABLE zoo (id VARCHAR(9) PRIMARY KEY)": "zoo: this table is in the database only, of no plugin that is",
    "CREATE VIEW dbtest_all AS SELECT * FROM dbtest_note": "dbtest_all: this view is in the database only, and",
    "UPDATE alembic_dbtest SET version_num = 'dbtest_0000'": "dbtest: the database is at dbtest_0000, the newest",
}
ONLY_POSTGRESQL = {
    "ALTER TABLE dbtest_tag DROP CONSTRAINT dbtest_tag_pkey": "dbtest: dbtest_tag: the primary key is () in the",
    "ALTER TABLE dbtest_tag DROP CONSTRAINT dbtest_tag_pkey; ALTER TABLE dbtest_tag DISABLE ROW LEVEL SECURITY": (
        "dbtest_tag: not guarded by row-level security"
    ),
    "ALTER TABLE dbtest_note ALTER COLUMN title DROP NOT NULL": "dbtest: dbtest_note.title: nullable is True in the",
    "ALTER TABLE dbtest_note ALTER COLUMN id TYPE VARCHAR(40)": "dbtest: dbtest_note.id: type is VARCHAR(length=40) in",
    "CREATE MATERIALIZED VIEW notes AS SELECT * FROM dbtest_note": "notes: this view is in the database only",
    "CREATE FUNCTION notes() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM dbtest_note'": (
        "notes: this function is in the database only, and may show one city the rows of another; drop it"
    ),
}


def test_check_finds_what_was_changed_by_hand(empty_database_url: str, folder: Path) -> None:
    upgrade(empty_database_url, {"dbtest": folder})
    with migrating(empty_database_url) as connection:
        changes = PLANTED | (ONLY_POSTGRESQL if connection.dialect.name == "postgresql" else {})
        for change, expected in changes.items():
            with connection.begin_nested() as undone:
                for statement in change.split("; "):
                    connection.exec_driver_sql(statement)
                said = drift.drifted(connection, {"dbtest": folder})
                assert [line for line in said if line.startswith(expected)] != [], (change, said)
                undone.rollback()
        assert drift.drifted(connection, {"dbtest": folder}) == []


def test_downgrade_leaves_no_trace_of_the_plugin(empty_database_url: str, folder: Path) -> None:
    upgrade(empty_database_url, {})
    before = tables(empty_database_url)
    upgrade(empty_database_url, {"dbtest": folder})
    with migrating(empty_database_url) as connection:
        for plugin in ("dbtest", "other"):
            row = {"city": "astadt", "term": "x", "id": plugin, "plugin": plugin, "kind": "k", "weight": 1}
            connection.execute(sa.insert(allmende.search.tables.SearchTerm.__table__).values(**row))
    gone = ["dbtest_kinds", "dbtest_note", "dbtest_shared", "dbtest_tag"]
    assert downgrade(empty_database_url, "dbtest", folder) == gone
    assert tables(empty_database_url) == before
    with migrating(empty_database_url) as connection:
        assert connection.scalars(sa.select(allmende.search.tables.SearchTerm.plugin)).all() == ["other"]
    assert drift.check(empty_database_url, {}) == []
    assert upgrade(empty_database_url, {"dbtest": folder}).failed == {}


def test_downgrade_of_the_core_is_refused(empty_database_url: str) -> None:
    with pytest.raises(InputError, match="drop the database"):
        downgrade(empty_database_url, "core", CORE_BRANCH.folder)


def test_downgrade_that_forgets_a_table_changes_nothing(empty_database_url: str, folder: Path) -> None:
    path = next(folder.glob("*.py"))
    path.write_text(
        path.read_text().replace('op.drop_table("dbtest_shared")', "pass").replace("'dbtest_shared')", "", 0)
    )
    path.write_text(path.read_text().replace("op.drop_table('dbtest_shared')", "pass"))
    upgrade(empty_database_url, {"dbtest": folder})
    before = tables(empty_database_url)
    with pytest.raises(InputError, match="leave tables behind: dbtest_shared"):
        downgrade(empty_database_url, "dbtest", folder)
    assert tables(empty_database_url) == before


BROKEN = {
    "syntax": "def upgrade(:",
    "import": "import no_such_module_anywhere\n",
    "statement": """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "broken_0001", None, ("broken",), "core_0001"
def upgrade():
    op.create_table("broken_a", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("THIS IS NOT SQL")
""",
    "dependency": """
revision, down_revision, branch_labels, depends_on = "broken_0001", None, ("broken",), "core_9999"
def upgrade(): pass
""",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_migration_is_named_and_stops_nobody(
    empty_database_url: str, folder: Path, tmp_path: Path, fault: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "broken_0001.py").write_text(BROKEN[fault])
    done = upgrade(empty_database_url, {"broken": broken, "dbtest": folder})
    assert done.versions == {"core": NEWEST, "dbtest": "dbtest_0001"}
    assert list(done.failed) == ["broken"]
    assert "broken_a" not in tables(empty_database_url)
    problems = drift.check(empty_database_url, {"broken": broken, "dbtest": folder})
    assert [line.partition(":")[0] for line in problems] == ["broken"]


def test_several_processes_upgrade_at_once(empty_database_url: str, folder: Path) -> None:
    """Threads stand for processes: each has its own connection, and nothing is shared but the database."""
    failed: list[object] = []

    def work() -> None:
        try:
            failed.extend(upgrade(empty_database_url, {"dbtest": folder}).failed.items())
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert drift.check(empty_database_url, {"dbtest": folder}) == []


async def test_upgrade_works_inside_of_an_event_loop(empty_database_url: str) -> None:
    assert upgrade(empty_database_url, {}).versions == {"core": NEWEST}
    assert (await asyncio.to_thread(upgrade, empty_database_url, {})).versions == {"core": NEWEST}


def test_check_reports_drift_readably(empty_database_url: str, folder: Path) -> None:
    upgrade(empty_database_url, {"dbtest": folder})
    with migrating(empty_database_url) as connection:
        connection.exec_driver_sql("DROP INDEX ix_dbtest_note_title")
        connection.exec_driver_sql("ALTER TABLE dbtest_tag ADD COLUMN extra INTEGER")
        connection.exec_driver_sql("DROP TABLE dbtest_shared")
        connection.exec_driver_sql("CREATE TABLE dbtest_old (id INTEGER)")
    command = "run: allmende db revision dbtest -m …"
    assert sorted(drift.check(empty_database_url, {"dbtest": folder})) == [
        f"dbtest: dbtest_note (ix_dbtest_note_title): this index is missing in the database; {command}",
        f"dbtest: dbtest_old: this table is in the database only; {command}",
        f"dbtest: dbtest_shared: this table is missing in the database; {command}",
        f"dbtest: dbtest_tag.extra: this column is in the database only; {command}",
    ]


def test_check_reports_a_database_that_is_behind(empty_database_url: str, folder: Path) -> None:
    upgrade(empty_database_url, {})
    assert drift.check(empty_database_url, {"dbtest": folder}) == [
        "dbtest: the database is at nothing, the newest revision is dbtest_0001; run: allmende db upgrade"
    ]


def test_check_refuses_a_role_that_row_level_security_ignores(
    postgresql: object, empty_postgresql_url: str, folder: Path
) -> None:
    upgrade(empty_postgresql_url, {"dbtest": folder})
    admin = empty_postgresql_url.replace("allmende:@", "postgres:@")
    assert drift.check(empty_postgresql_url, {"dbtest": folder}, serving_url=admin) == [
        "the role 'postgres' that serves is a superuser: cities are not kept apart; use an ordinary role"
    ]


def test_second_revision_holds_only_what_is_new(empty_database_url: str, folder: Path) -> None:
    branch = Branch("dbtest", folder)
    assert authoring.revision(branch, "nothing") is None
    first = next(folder.glob("*.py"))
    with_index = first.read_text()
    lines = [line for line in with_index.splitlines() if "ix_dbtest_note_title" not in line]
    first.write_text("\n".join(lines).replace("batch_op:\n", "batch_op:\n        pass\n"))
    second = authoring.revision(branch, "index of titles")
    assert second is not None
    written = second.read_text()
    assert 'down_revision = "dbtest_0001"' in written
    assert "create_table" not in written
    assert "ix_dbtest_note_title" in written
    assert upgrade(empty_database_url, {"dbtest": folder}).versions["dbtest"] == "dbtest_0002"
    assert drift.check(empty_database_url, {"dbtest": folder}) == []


def test_generated_migration_needs_no_import_of_ours(folder: Path) -> None:
    written = next(folder.glob("*.py")).read_text()
    assert [line for line in written.splitlines() if line.startswith(("import", "from"))] == [
        "from __future__ import annotations",
        "import sqlalchemy as sa",
        "from alembic import op",
    ]
    assert 'branch_labels = ("dbtest",)' in written
    assert 'depends_on = "core_0001"' in written


def test_committed_core_migration_is_up_to_date(tmp_path: Path) -> None:
    """What `allmende db revision core` would write now is nothing."""
    url = f"sqlite:///{tmp_path / 'core.sqlite'}"
    upgrade(url, {})
    assert drift.check(url, {}) == []


def test_serving_role_gets_rights_and_stays_locked_in(postgresql: object, empty_postgresql_url: str) -> None:
    """The role that migrates owns the tables; the role that serves uses them city by city, and cannot alter them."""
    admin = empty_postgresql_url.replace("allmende:@", "postgres:@")
    upgrade(admin, {}, serving_role="allmende")
    engine = sa.create_engine(empty_postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    insert = "INSERT INTO search_term VALUES ('astadt', 'x', '1', 'p', 'k', 1)"
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL allmende.city = 'astadt'")
        connection.exec_driver_sql(insert)
        assert connection.exec_driver_sql("SELECT city FROM search_term").all() == [("astadt",)]
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT city FROM search_term").all() == []
    with pytest.raises(sa.exc.ProgrammingError, match="must be owner"), engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE search_term DISABLE ROW LEVEL SECURITY")
    engine.dispose()
