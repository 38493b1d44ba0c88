"""Finds workers that have grown beyond what the operator allows, such as where a plugin never lets go of what it made.

Nothing can tell whose memory it is. A worker that is replaced in time, while others answer, is cheaper than one that
the kernel ends in the middle of a request.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from allmende.serving.said import Said

EVERY = 5.0
"""Seconds between two looks. Each replaces one worker at most: a limit that is too low costs time and stops nobody."""
MEGABYTE = 1_000_000


class Growth:
    """`most` is in megabytes of resident memory, shared pages included, as `ps` and `top` show it; 0 is no limit."""

    def __init__(self, most: int, log: Said) -> None:
        self.most, self.log = most, log
        self._looked = 0.0
        self._first: dict[int, int] = {}
        """By process: how large it was when it was first seen."""

    def too_large(self, pids: Sequence[int], now: float) -> int | None:
        """The place of the largest, if it is too large."""
        if not self.most:
            return None
        self._first = {pid: self._first.get(pid) or resident(pid) for pid in pids if pid}
        if now - self._looked < EVERY:
            return None
        self._looked = now
        sizes = {pid: resident(pid) for pid in self._first}
        pid = max(sizes, key=lambda pid: sizes[pid], default=0)
        if not pid or sizes[pid] <= self.most:
            return None
        self.log.warning("worker_grew", pid=pid, megabytes=sizes[pid], at_first=self._first[pid], most=self.most)
        return pids.index(pid)


def resident(pid: int) -> int:
    """Megabytes; 0 where that is not known (the process has ended, or there is no /proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // MEGABYTE
