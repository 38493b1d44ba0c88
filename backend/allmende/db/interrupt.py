"""SQLite connections on which a statement ends when nobody waits for it any more.

The driver runs statements in a thread, which knows nothing of a cancelled task: without this, a slow statement goes on,
and the connection cannot even be closed until it has ended. (asyncpg tells PostgreSQL by itself.)
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import aiosqlite


class Interruptible(aiosqlite.Connection):
    """As ever, but cancelling the wait for a statement cancels the statement."""

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            if self._connection is not None:
                self._connection.interrupt()
            raise


def connect(database: str, **options: Any) -> Interruptible:
    """For SQLAlchemy's `async_creator_fn`."""
    return Interruptible(lambda: sqlite3.connect(database, **options), 64)
