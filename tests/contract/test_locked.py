"""Somebody else keeps the write lock of an SQLite database (a backup, a shell): no module is to blame for that."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx2

from tests.contract.test_full_disk import HOME, Phones, started

AT_ONCE = 24
"""More than each of two workers has connections, and enough failures for a breaker."""


async def test_a_locked_database_is_no_modules_fault_and_all_is_well_as_soon_as_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "locked.sqlite"
    with started(tmp_path, tmp_path, f"sqlite:///{path}") as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
            phones = Phones(client)
            assert await phones.file(str(uuid4()))
            keys = [str(uuid4()) for _ in range(AT_ONCE)]
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert await asyncio.gather(*map(phones.file, keys)) == [None] * AT_ONCE
                read = (await client.post("/graphql", json={"query": HOME})).json()
                assert "errors" not in read, read
            await asyncio.gather(*map(phones.again, keys))
        log = server.log.read_text()
    assert set(phones.codes) <= {"PLUGIN_TIMEOUT", "UNAVAILABLE"}
    assert "breaker_opened" not in log
