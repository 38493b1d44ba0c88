"""The cities of this instance as they are now: followed in their folders, and in what was switched off at desks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import structlog
from watchfiles import watch

from allmende.city.load import Cities, changed_since, load_cities
from allmende.city.switches import Switches, switched_off
from allmende.db.engine import Database
from allmende.desk.switching import load_switches
from allmende.registry import Registry
from allmende.settings import Settings

log = structlog.get_logger(__name__)
SWITCHING = 1.0
"""Seconds between two looks at what was switched off at the desks."""
QUIET, LONGEST = 20, 500
"""Milliseconds without another change after which changed folders are read again, and the longest wait for that."""


class Town:
    """The cities as they are now. They are replaced as a whole, so whoever holds the old ones reads on undisturbed."""

    def __init__(self, read: Callable[[Cities | None], Cities]) -> None:
        """`read` reads all folders, with the cities of before as last good versions."""
        self._read, self._began = read, time.time()
        self.cities = self.files = read(None)
        """`files` is what the folders say, `cities` that with the modules off that were switched off at a desk."""
        self.switches: Switches = {}
        self.on_files: Callable[[set[tuple[str, str]]], None] = lambda files: None
        """Told, in the watching thread, which files have changed: (city, path below its folder)."""

    def begin(self) -> None:
        """In a process that may have been forked long after the folders were read: read them again if need be."""
        if changed_since(self.files.folder, self._began):
            self._began = time.time()
            self.files = self._read(self.files)
            self.cities = switched_off(self.files, self.switches)

    def reload(self, changed: set[str] | None = None) -> None:
        """Read these folders again (all without an argument); a broken one keeps its last good version, and says so."""
        self.files = self.files.reload(changed)
        self.cities = switched_off(self.files, self.switches)
        for problem in self.cities.all_problems():
            log.warning("city_problem", problem=str(problem))
        log.info("cities_reloaded", changed=sorted(changed or ()), kept=sorted(self.cities.kept))

    async def follow(self, database: Database) -> None:
        """Follow the switches that city admins set at their desks until cancelled; a change is seen within a second."""
        seen: object = None
        while True:
            total = database.board.counters[0] if database.board is not None else None
            if total is None or total != seen:
                seen = total
                try:
                    await self.look(database)
                except Exception as error:  # the database; the next look may find it again
                    seen = None
                    log.warning("switches_not_read", error=type(error).__name__)
            await asyncio.sleep(SWITCHING)

    async def look(self, database: Database) -> None:
        """Read the switches once."""
        switches = await load_switches(database)
        if switches != self.switches:
            self.switches = switches
            self.cities = switched_off(self.files, switches)
            log.info("modules_switched", cities=sorted(switches))

    async def watch(self) -> None:
        """Follow the folder until cancelled. In a thread: to begin with very many folders takes a second."""
        stop = threading.Event()
        try:
            await asyncio.to_thread(self._follow, stop)
        finally:
            stop.set()

    def _follow(self, stop: threading.Event) -> None:
        root = self.cities.folder
        for changes in watch(root, step=QUIET, debounce=LONGEST, stop_event=stop, raise_interrupt=False):
            changed = {folder for _, path in changes if (folder := _folder(root, Path(path)))}
            try:
                self.reload(changed)
                self.on_files({file for _, path in changes if (file := _file(root, Path(path)))})
            except Exception:  # a folder that vanishes while it is read: the next change comes
                log.exception("cities_reload_failed")


def _folder(root: Path, path: Path) -> str | None:
    """The city (or `_shared`) that a changed path belongs to."""
    with suppress(ValueError):
        parts = path.resolve().relative_to(root.resolve()).parts
        return parts[0] if len(parts) > 1 or path.is_dir() or not path.exists() else None
    return None


def _file(root: Path, path: Path) -> tuple[str, str] | None:
    """The city that a changed file belongs to, and where below its folder it lies."""
    with suppress(ValueError):
        slug, *rest = path.resolve().relative_to(root.resolve()).parts
        return (slug, "/".join(rest)) if rest else None
    return None


def load_town(settings: Settings, registry: Registry) -> Town:
    """The cities of this instance. Bad folders are left out and named, never fatal."""

    def read(previous: Cities | None) -> Cities:
        return load_cities(
            settings.cities,
            registry.configs,
            known=registry.broken.keys(),
            secrets=settings.secrets,
            texts=registry.texts,
            previous=previous,
            cache=settings.cache,
        )

    return Town(read)


def tell(registry: Registry, town: Town) -> None:
    """A line for the log as a process begins: what it works with; and one for whatever is wrong with that."""
    cities = town.cities.by_slug
    log.info("started", version=version("allmende"), cities=len(cities), plugins=list(registry.plugins))
    for problem in problems(registry, town):
        log.warning("city_problem", problem=problem)


def problems(registry: Registry, town: Town) -> list[str]:
    """What is wrong with plugins and city folders, a line each. None of it stops anything else."""
    broken = [f"plugins/{name}: {plugin.reason} (owner: {plugin.owner})" for name, plugin in registry.broken.items()]
    return broken + [str(problem) for problem in town.cities.all_problems()]
