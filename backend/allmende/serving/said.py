"""What the supervisor says, in the form of all other lines of the log (log.py), without the library for that."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


class Said:
    """Lines on stderr: JSON in production."""

    def __init__(self, *, production: bool = False) -> None:
        self.production = production

    def warning(self, event: str, **values: Any) -> None:
        self._say("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        self._say("error", event, values)

    def critical(self, event: str, **values: Any) -> None:
        self._say("critical", event, values)

    def _say(self, level: str, event: str, values: dict[str, Any]) -> None:
        now = time.time()
        at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e6):06d}Z"
        if self.production:
            line = json.dumps({**values, "event": event, "level": level, "timestamp": at})
        else:
            line = f"{at} [{level:9}] {event:30} {' '.join(f'{key}={value}' for key, value in values.items())}"
        sys.stderr.write(f"{line}\n")
