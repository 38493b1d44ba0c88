"""Counts in one worker's memory: while an answer is given, nothing is done but raising a number.

What is kept of a request is which city, operation and modules it asked for, in which language it was answered, and the
release of the app. No two of these are kept together, but for the city. A worker that is killed loses a minute.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import islice

import structlog

from allmende.city.model import City
from allmende.db.engine import Database
from allmende.usage.tables import Cell, add

log = structlog.get_logger(__name__)
EVERY = 60.0
"""Seconds between two times at which the counts are written."""
SHARE = 0.02
"""Of the processor's time at most, for writing them: with very many cities that is done less often."""
CHUNK = 500
"""Counts in one transaction, so that nobody waits long for the only writer of an embedded database."""
OTHER = "other"
RELEASES = 40
"""Releases of the app that are told apart in a city on one day; whoever sends ever new ones is counted as `other`."""
TOUCHED = 1_000
"""Subjects that are counted before they are summed up."""
KNOWN = 10_000
GOODBYE = 3.0
"""Seconds in which the last counts of a worker that stops must be written."""
Part = tuple[str, str, tuple[str, ...]]
"""What a request wanted of one city: its slug, the language of the answer, the modules."""
_RELEASE = re.compile(r"\d{1,3}(?:\.\d{1,4}){0,3}(?![\d.])")


class Asked:
    """What one question is about. `count` it each time that it is answered, from the cache or not."""

    __slots__ = ("_usage", "operation", "parts", "releases")

    def __init__(self, usage: Usage, operation: str, parts: tuple[Part, ...]) -> None:
        self._usage, self.operation, self.parts = usage, operation, parts
        self.releases: dict[str, int] = {}

    def count(self, release: str) -> None:
        """Once more, by an app of this release (header App-Version); the way of every request."""
        try:
            self.releases[release] += 1
        except KeyError:
            self._usage.begin(self, release)


class Usage:
    """The counts of one worker that are not in the database yet."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[Part, ...]], Asked] = {}
        self._touched: list[Asked] = []
        self._counts: Counter[Cell] = Counter()
        self._releases: dict[str, set[str]] = {}
        self._day = date.min

    def asked(self, operation: str, parts: tuple[Part, ...]) -> Asked:
        """The subject of a question. `operation` is the name of one that a registered app has, otherwise empty."""
        key = (operation, parts)
        asked = self._known.get(key)
        if asked is None:
            if len(self._known) >= KNOWN:
                self._known.clear()  # cached answers keep theirs
            asked = self._known[key] = Asked(self, operation, parts)
        return asked

    def begin(self, asked: Asked, release: str) -> None:
        """The first of a release since the last look."""
        if not asked.releases:
            if len(self._touched) >= TOUCHED:
                self._gather()
            self._touched.append(asked)
        if len(asked.releases) >= RELEASES:
            release = OTHER
        asked.releases[release] = asked.releases.get(release, 0) + 1

    def _gather(self) -> None:
        """From subjects to counts."""
        touched, self._touched = self._touched, []
        for asked in touched:
            releases, asked.releases = asked.releases, {}
            total = sum(releases.values())
            for city, language, modules in asked.parts:
                self._counts[city, "request", ""] += total
                self._counts[city, "operation", asked.operation or OTHER] += total
                self._counts[city, "language", language] += total
                for module in modules:
                    self._counts[city, "module", module] += total
                for release, number in releases.items():
                    self._counts[city, "release", self._release(city, release)] += number

    def _release(self, city: str, given: str) -> str:
        """`2.3.1` of `2.3.1-beta+7`: what an app may send besides could be anything about somebody."""
        if not given:
            return ""
        found = _RELEASE.match(given)
        known = self._releases.setdefault(city, set())
        if found is None or (len(known) >= RELEASES and found[0] not in known):
            return OTHER
        known.add(found[0])
        return found[0]

    async def flush(self, database: Database, cities: Mapping[str, City], now: datetime) -> None:
        """Write what has been counted. What cannot be written is kept for the next time."""
        if now.astimezone(UTC).date() != self._day:
            self._day = now.astimezone(UTC).date()
            self._releases.clear()
        self._gather()
        left = {cell: number for cell, number in self._counts.items() if cell[0] in cities}
        self._counts = Counter()
        days = {slug: now.astimezone(cities[slug].tz).date() for slug in {city for city, _, _ in left}}
        try:
            while left:
                chunk = dict(islice(sorted(left.items()), CHUNK))
                async with database.system() as session:
                    await add(session, days, chunk.items())
                for cell in chunk:
                    del left[cell]
        finally:
            self._counts.update(left)

    async def follow(
        self, database: Database, cities: Callable[[], Mapping[str, City]], clock: Callable[[], datetime]
    ) -> None:
        """Write the counts every minute until cancelled, and once more then."""
        pause = EVERY
        try:
            while True:
                await asyncio.sleep(pause)
                spent = time.thread_time()
                try:
                    await self.flush(database, cities(), clock())
                except Exception as error:  # the database; the counts are kept until it is back
                    log.warning("usage_not_written", error=type(error).__name__)
                pause = max(EVERY, (time.thread_time() - spent) / SHARE)
        finally:
            with suppress(Exception):
                await asyncio.wait_for(self.flush(database, cities(), clock()), GOODBYE)
