"""The log: structured lines on stderr, JSON in production. No addresses, headers or bodies.

Whoever serves never waits for the log and never fails with it: a line for which there is no room on the disk, or that
nobody takes out of the pipe, is lost.
"""

from __future__ import annotations

import io
import logging
import os
import re
import select
import stat
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

# structlog loads rich where it finds it, for a form of tracebacks that nobody uses: 6 MB of each worker.
# None in its place is how Python says that a module is not there.
_rich = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]

LONGEST = 8_000
"""Characters of one value; names that a client made up (aliases) and messages of errors may be as long as they like."""
_FILE = 2
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


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


def configure_logging(*, production: bool) -> None:
    """What the application says and what its libraries say comes out in one form."""
    shared: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        exception_formatter=structlog.dev.plain_traceback,  # others show the values of variables, and take long
    )
    form: Any = structlog.processors.JSONRenderer() if production else console
    last = [structlog.processors.format_exc_info, shortened, form]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*shared, _named], processors=[drop, *last])
        )
        root.addHandler(handler)


def shortened(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No value is longer than a page, or makes a terminal do something."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _short(value if key != "event" else value.replace("\r", "\\r").replace("\n", "\\n"))
        elif isinstance(value, list):
            event[key] = [_short(one) if isinstance(one, str) else one for one in value]
    return event


def _short(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
    return text if text.isprintable() else _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _named(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The library that says it."""
    event["library"] = event["_record"].name
    return event
