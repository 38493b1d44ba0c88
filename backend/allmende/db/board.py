"""Counters in memory that all processes of this machine share: one for each table of each city, raised when it changes.

A reader takes a counter's value before it reads and compares it later: equal means that nothing was committed in
between. That costs no system call, so every answer from the cache can be checked, and no writer has to wait.
See docs/adr/0030-no-stale-answer-on-one-machine.md.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Protocol
from zlib import crc32

from sqlalchemy import URL

ALL = "*"
"""Instead of a city or a table: every one of them."""
SLOTS = 1 << 14
"""Tables of cities that share a counter change together, which costs an answer and never brings back an old one."""
Tag = tuple[str, str]
"""City and table."""


class Noted(Protocol):
    """What was kept when some counters were so."""

    slots: tuple[int, ...]
    counts: tuple[int, ...]
    seen: int
    """The total at which it was last found to hold."""


class Board:
    """The counters of one database. Slot 0 counts every change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = self._open()
        os.posix_fallocate(self._file, 0, SLOTS * 8)  # a page that a full disk has no room for would kill its writer
        self._map = mmap.mmap(self._file, SLOTS * 8)
        self.counters = memoryview(self._map).cast("Q")

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)

    def reopen(self) -> None:
        """In a process that was forked: an open file that it shares with others locks none of them out."""
        os.close(self._file)
        self._file = self._open()

    def raise_(self, tags: Iterable[Tag]) -> None:
        """These have changed. Call it after the commit, before anybody is told that it is done."""
        slots, counters = {slot(city, table) for city, table in tags}, self.counters
        fcntl.flock(self._file, fcntl.LOCK_EX)  # two writers must not write each other's older value
        try:
            for each in slots:
                counters[each] += 1
            counters[0] += 1  # last: who sees the total unchanged need not look at the others
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def holds(self, noted: Noted) -> bool:
        """Whether nothing that it rests on was committed since."""
        counters = self.counters
        total = counters[0]
        if total != noted.seen:
            if tuple([counters[slot] for slot in noted.slots]) != noted.counts:
                return False
            noted.seen = total
        return True

    def close(self) -> None:
        self.counters.release()
        self._map.close()
        os.close(self._file)


def open_board(url: URL) -> Board | None:
    """The board of this database; None where there is no place for one, so that nothing may be kept."""
    try:
        return Board(_path(url))
    except OSError:
        return None


def _path(url: URL) -> Path:
    """Beside an embedded database; for a server, in a folder of this user's for temporary files."""
    if url.get_backend_name() == "sqlite":
        return Path(f"{url.database}-board")
    folder = Path(tempfile.gettempdir()) / f"allmende-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    name = f"{url.host or url.query.get('host')}:{url.port or 5432}/{url.database}"
    return folder / f"{blake2b(name.encode(), digest_size=12).hexdigest()}.board"


@lru_cache(maxsize=100_000)
def slot(city: str, table: str) -> int:
    """Where this table of this city is counted."""
    return 1 + crc32(f"{city}/{table}".encode()) % (SLOTS - 1)


def slots_read(reads: Iterable[Tag]) -> tuple[int, ...]:
    """The counters that an answer depends on that read these: their own, and those of changes that are not so exact."""
    wanted = {slot(ALL, ALL)}
    for city, table in reads:
        wanted |= {slot(city, table), slot(ALL, table), slot(city, ALL)}
    return tuple(sorted(wanted))
