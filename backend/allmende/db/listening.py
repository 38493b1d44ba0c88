"""Hears of changes that other processes commit, and raises this machine's board for them (PostgreSQL only).

While nothing can be heard, nothing that is kept may be trusted: `trusted` is false until the connection is there
again, and the whole board is raised then, since nobody knows what was missed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
import structlog
from sqlalchemy import URL

from allmende.db.board import ALL
from allmende.db.notices import CHANNEL, Changes

log = structlog.get_logger(__name__)
BEAT = 1.0
"""Seconds between two looks at whether the connection still lives."""
PATIENCE = 1.0
"""Seconds that it has to answer. So a machine that is cut off serves what it kept for two seconds at most."""
APPLICATION = "allmende listener"


class Listener:
    """One connection per process. `start` it in a running event loop, `stop` it before the loop ends."""

    def __init__(self, changes: Changes, options: dict[str, Any]) -> None:
        self.changes, self.options = changes, options
        self.trusted = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="change notices")

    async def stop(self) -> None:
        self.trusted = False
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._listen()
            except Exception as error:  # the network or the server; the next attempt may find it again
                log.warning("notices_lost", error=f"{type(error).__name__}: {error}"[:200])
            finally:
                self.trusted = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _listen(self) -> None:
        settings = {"application_name": APPLICATION}
        connection = await asyncpg.connect(**self.options, timeout=5, server_settings=settings)
        try:
            await connection.add_listener(CHANNEL, self._heard)
            self.changes({(ALL, ALL)})
            self.trusted = True
            while True:
                await asyncio.sleep(BEAT)
                await connection.execute("SELECT 1", timeout=PATIENCE)
        finally:
            self.trusted = False
            connection.terminate()

    def _heard(self, connection: Any, process: int, channel: str, text: str) -> None:
        self.changes.heard(text)


def connect_options(url: URL, dialect: Any) -> dict[str, Any]:
    """What asyncpg needs to connect to this database."""
    _, options = dialect.create_connect_args(url)
    for key in ("prepared_statement_cache_size", "prepared_statement_name_func", "async_fallback"):
        options.pop(key, None)
    return dict(options)
