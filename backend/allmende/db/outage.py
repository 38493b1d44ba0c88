"""Tells what is the database's own trouble (no room on its disk, not to be reached) from what was asked of it."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Iterator

import asyncpg
from sqlalchemy.exc import DBAPIError

_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN}
_POSTGRESQL = ("08", "53", "57P", "58")
"""Beginnings of SQLSTATEs: connections, resources (53100 is a full disk), shutdown, the system."""


def is_outage(error: BaseException) -> bool:
    """Whether nothing is wrong with the statement: the same may work later."""
    return any(_is_outage(one) for one in _chain(error))


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, asyncpg.InterfaceError):
        return "connection" in str(error)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_POSTGRESQL)
    # asyncpg lets the errors of its sockets through as they are.
    return isinstance(error, OSError) and any(
        frame.f_globals.get("__name__", "").startswith("asyncpg.")
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "orig", None) or error.__cause__
