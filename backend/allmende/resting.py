"""Whose circuit breakers are open in the other workers of this machine: in files, one of each worker.

It is for showing only, so that a module's status is the same whichever worker is asked; each worker admits by itself.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

Key = tuple[str, str]
"""City and plugin."""
LONGEST = 600.0
"""Seconds; no pause is longer, so what seems to be was written before the clock was set back."""


class Resting:
    """`folder` is shared by all workers; without one, there are no others."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.known: Mapping[Key, float] = MappingProxyType({})
        """What rests in another worker, and until when (seconds of the epoch)."""

    def tell(self, mine: Iterable[tuple[Key, float]]) -> None:
        """Let the others know what rests in this worker, and for how many seconds."""
        if self.folder is None:
            return
        now = time.time()
        entries = [[city, plugin, now + seconds] for (city, plugin), seconds in mine]
        path = self.folder / f"{os.getpid()}.json"
        temporary = path.with_suffix(".new")
        with suppress(OSError):  # no room on the disk: the others do not know
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(entries))
            temporary.replace(path)

    def refresh(self) -> None:
        """Read what the others have written; what the dead have left is taken away."""
        if self.folder is None:
            return
        found: dict[Key, float] = {}
        for path in self.folder.glob("*.json"):
            if path.stem == str(os.getpid()):
                continue
            if not Path("/proc", path.stem).exists():
                path.unlink(missing_ok=True)
                continue
            try:
                for city, plugin, until in json.loads(path.read_text()):
                    found[city, plugin] = max(float(until), found.get((city, plugin), 0.0))
            except (OSError, ValueError, TypeError):
                continue
        self.known = MappingProxyType(found)

    def now(self) -> frozenset[Key]:
        """What rests in another worker. When a pause is over, it is nobody's trouble until it fails again."""
        known = self.known
        if not known:
            return frozenset()
        now = time.time()
        return frozenset(key for key, until in known.items() if now < until <= now + LONGEST)
