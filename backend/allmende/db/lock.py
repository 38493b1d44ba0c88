"""Whether transactions wait for the write lock of an embedded database, of which there is only one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

LONG = 1.0
"""Seconds; who waits for so long has been kept waiting."""


class Lock:
    """`waiting` while a transaction asks for it. It belongs to whoever took it, perhaps another process."""

    def __init__(self) -> None:
        self._since: dict[object, float] = {}
        self._last = -LONG
        """When somebody last had waited for long."""

    @property
    def is_late(self) -> bool:
        """Whether somebody is kept waiting by it now, or was a moment ago."""
        now = time.monotonic()
        return now - self._last <= LONG or any(now - since >= LONG for since in self._since.values())

    @contextmanager
    def waiting(self) -> Iterator[None]:
        me, now = object(), time.monotonic()
        self._since[me] = now
        try:
            yield
        finally:
            del self._since[me]
            ended = time.monotonic()
            if ended - now >= LONG:
                self._last = ended
