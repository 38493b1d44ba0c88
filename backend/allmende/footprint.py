"""What one answer rests on: the tables it read, until when it holds, and what of the reader it looked at.

The rooms below note it while they work (the database which tables, a context that the clock was asked); whoever keeps
the answer reads it afterwards. Where nobody keeps anything, noting does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CLOCK = timedelta(seconds=60)
"""For how long an answer holds that looked at the clock and did not say when it changes."""


@dataclass(slots=True)
class Footprint:
    """Collected while one answer is made."""

    reads: set[tuple[str, str]] = field(default_factory=set)
    """City and table."""
    anything: bool = False
    """It read what cannot be named: SQL written by hand, or rows of all cities."""
    until: datetime | None = None
    """When it changes by itself; None where time plays no part."""
    cities: set[str] = field(default_factory=set)
    """Slugs of the cities that it is about."""
    languages: set[str] = field(default_factory=set)
    """Those of them of which the language was taken from Accept-Language."""
    host: bool = False
    """The city was taken from the host name."""

    def add(self, other: Footprint) -> None:
        """This one rests on whatever the other does."""
        self.reads |= other.reads
        self.anything = self.anything or other.anything
        self.cities |= other.cities
        self.languages |= other.languages
        self.host = self.host or other.host
        if other.until is not None and (self.until is None or other.until < self.until):
            self.until = other.until

    def is_of_rows(self, city: str) -> bool:
        """Whether it rests on tables of this city, and on nothing else."""
        only = not (self.anything or self.languages or self.host) and self.until is None
        return only and bool(self.reads) and all(of == city for of, _ in self.reads)


_current: ContextVar[Footprint | None] = ContextVar("allmende_footprint", default=None)


@contextmanager
def followed() -> Iterator[Footprint]:
    """Note what everything inside this block, and the tasks that it starts, rests on."""
    made = Footprint()
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


def current() -> Footprint | None:
    """Where to note something; None where nobody wants to know."""
    return _current.get()


def note_tables(city: str, tables: Iterable[str]) -> None:
    """These tables of this city were read."""
    made = _current.get()
    if made is not None:
        made.reads.update((city, table) for table in tables)


def note_clock(now: datetime, until: datetime | None = None) -> None:
    """The clock was asked: the answer holds until then, or for a short while."""
    made = _current.get()
    if made is not None:
        moment = now + CLOCK if until is None else until
        if made.until is None or moment < made.until:
            made.until = moment
