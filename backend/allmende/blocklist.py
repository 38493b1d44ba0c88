"""Which plugins are shut out because they blocked a whole worker: in files, known to all workers and later ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

PAUSE, LONGEST = 60.0, 3600.0
"""Seconds that a plugin is shut out for the first time, doubled each time, and at most."""
TRIAL = 30.0
"""Seconds for which one worker tries alone, when the pause is over."""


class Entry(Struct, frozen=True):
    until: float
    pause: float


class Blocklist:
    """`folder` is shared by all workers; without one, the process keeps the list to itself."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.entries: Mapping[str, Entry] = MappingProxyType({})
        self._trying: dict[str, float] = {}
        """What this worker tries, and the pause from before."""
        self._unwritten: dict[str, Entry] = {}

    def block(self, plugin: str) -> None:
        """Shut the plugin out from now on."""
        known = self.entries.get(plugin)
        before = self._trying.pop(plugin, known.pause if known else 0)
        pause = min(max(before * 2, PAUSE), LONGEST)
        entry = Entry(time.time() + pause, pause)
        self.entries = MappingProxyType({**self.entries, plugin: entry})
        if self.folder:
            path = self.folder / f"{plugin}.json"
            temporary = path.with_suffix(f".{os.getpid()}")
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                temporary.write_text(json.dumps([entry.until, entry.pause]))
                temporary.replace(path)
                path.with_suffix(".trying").unlink(missing_ok=True)
            except OSError:  # no room on the disk: then this worker at least does without the plugin
                self._unwritten[plugin] = entry

    def holds(self, plugin: str) -> bool:
        """Whether the plugin is shut out now. When its pause is over, this is false in one worker, which tries."""
        entry = self.entries.get(plugin)
        if entry is None or plugin in self._trying:
            return False
        if _holds(entry, time.time()):
            return True
        return not self._claim(plugin, entry)

    def refresh(self) -> None:
        """Read what other workers have written."""
        if self.folder is None:
            return
        now = time.time()
        self._unwritten = {name: entry for name, entry in self._unwritten.items() if _holds(entry, now)}
        found = dict(self._unwritten)
        for path in self.folder.glob("*.json"):
            try:
                found[path.stem] = Entry(*json.loads(path.read_text()))
            except (OSError, ValueError, TypeError):
                continue
        for path in self.folder.glob("*.trying"):
            try:
                entry = Entry(*json.loads(path.read_text()))
            except (OSError, ValueError, TypeError):
                continue
            if abs(now - path.stat().st_mtime) < TRIAL:
                found.setdefault(path.stem, Entry(path.stat().st_mtime + TRIAL, entry.pause))
            else:  # nothing has happened while it was tried: that is over
                path.unlink(missing_ok=True)
                self._trying.pop(path.stem, None)
        self.entries = MappingProxyType(found)

    def _claim(self, plugin: str, entry: Entry) -> bool:
        if self.folder is None:
            self.entries = MappingProxyType({name: e for name, e in self.entries.items() if name != plugin})
            return True
        path = self.folder / f"{plugin}.json"
        try:
            os.utime(path)
            path.rename(path.with_suffix(".trying"))
        except OSError:
            return False
        self._trying[plugin] = entry.pause
        return True


def _holds(entry: Entry, now: float) -> bool:
    """Whether it is not over; what would last for longer than its pause is from before the clock was set back."""
    return now < entry.until <= now + entry.pause
