"""Whoever serves never waits for the log and never fails with it.

A line for which there is no room on the disk, or that nobody takes out of the pipe, is lost.
"""

from __future__ import annotations

import io
import os
import select
import stat
import sys
from contextlib import suppress
from typing import Any

_FILE = 2


class Stderr(io.RawIOBase):
    """The bytes of stderr. What cannot be written at once is dropped; the line after it begins anew."""

    def __init__(self, file: int = _FILE) -> None:
        self._file = file
        self._torn = False
        self._piece = 1 << 30
        with suppress(OSError):
            if not stat.S_ISREG(os.fstat(file).st_mode):
                self._piece = select.PIPE_BUF  # so much never has to wait where there is room at all
        self._room = select.poll()
        self._room.register(file, select.POLLOUT)

    def fileno(self) -> int:
        return self._file

    def isatty(self) -> bool:
        return os.isatty(self._file)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        rest = bytes(data)
        size = len(rest)
        if self._torn:
            rest = b"\n" + rest
        with suppress(OSError):
            while rest and self._room.poll(0):
                rest = rest[os.write(self._file, rest[: self._piece]) :]
        self._torn = bool(rest)
        return size


def keep_stderr() -> None:
    """From now on, whoever writes to stderr in this process (also click, tracebacks and warnings) does it so."""
    sys.stderr = io.TextIOWrapper(Stderr(), encoding="utf-8", errors="backslashreplace", line_buffering=True)
