"""The log: structured lines on stderr, JSON in production. No addresses, headers or bodies. See also stderr.py."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

# structlog loads rich where it finds it, for a form of tracebacks that nobody uses: 6 MB of each worker.
# None in its place is how Python says that a module is not there.
_rich = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]

LONGEST = 8_000
"""Characters of one value; names that a client made up (aliases) and messages of errors may be as long as they like."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


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
