"""The database's own trouble is told from a statement that it refuses for good reason, on both databases."""

from __future__ import annotations

import socket

import pytest
from allmende.db.engine import Database
from allmende.db.outage import is_outage
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError


async def raised(database: Database, statement: str) -> BaseException:
    with pytest.raises(DBAPIError) as caught:
        async with database.system() as session:
            await session.execute(text(statement))
    return caught.value


async def test_a_statement_that_is_wrong_is_no_outage(database: Database) -> None:
    for statement in ("SELECT nonsense", "INSERT INTO feeds_source (city) VALUES (NULL)"):
        assert not is_outage(await raised(database, statement))
    assert not is_outage(ValueError())
    assert not is_outage(ConnectionRefusedError())  # of a plugin's own doing


async def test_a_server_that_is_not_there_is_an_outage() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://allmende@127.0.0.1:{probe.getsockname()[1]}/allmende")
        with pytest.raises(OSError, match="Connect call failed") as caught:
            await database.ping()
    assert is_outage(caught.value)
    await database.close()


async def test_a_connection_that_was_cut_off_is_an_outage(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    assert is_outage(await raised(database, "SELECT pg_terminate_backend(pg_backend_pid())"))
    await database.close()
