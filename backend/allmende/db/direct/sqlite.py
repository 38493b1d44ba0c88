"""Reading the embedded database for plans: in this thread, since a short read takes less time than handing it over.

A read that takes long all the same is broken off, so that it cannot hold up the event loop; the ordinary way, which
reads in another thread, takes over then.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

LIMIT = 0.1
"""Seconds after which a read is broken off."""
_STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock: about a millisecond."""


class Connection:
    """One connection that only reads, opened when it is needed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.driver: sqlite3.Connection | None = None
        self.until = 0.0

    def fetch(self, sql: str, arguments: Sequence[Any]) -> list[Any]:
        """All rows. Raises sqlite3.Error, also where it took too long."""
        if self.driver is None:
            self.driver = self._open()
        self.until = time.monotonic() + LIMIT
        return self.driver.execute(sql, arguments).fetchall()

    def close(self) -> None:
        if self.driver is not None:
            self.driver.close()
            self.driver = None

    def _open(self) -> sqlite3.Connection:
        driver = sqlite3.connect(self.path, isolation_level=None, cached_statements=300, timeout=LIMIT)
        driver.execute("PRAGMA query_only=ON")
        driver.execute("PRAGMA mmap_size=268435456")
        driver.set_progress_handler(lambda: time.monotonic() > self.until, _STEPS)
        return driver
