"""How up to date each source is: for editors in full, for citizens as the state of a module in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import Select, select

from allmende.city.load import Cities
from allmende.city.model import City, pick
from allmende.db.engine import Database
from allmende.db.prepared import prepared
from allmende.feeds.tables import FeedSource
from allmende.importer import Source

DEAD_AFTER = 8
"""Failures in a row (about four hours of trying) after which a source is listed among the dead letters."""


class SourceState(Struct, frozen=True, kw_only=True):
    """One source as editors see it."""

    city: str
    plugin: str
    source: str
    status: str
    """pending, fresh, stale, failed or quarantined."""
    reason: str = ""
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    next_run: datetime | None = None
    valid_until: datetime | None = None
    stale_at: datetime | None = None
    """When it will be stale, unless it is imported by then."""
    items: int = 0
    failures: int = 0

    @property
    def dead(self) -> bool:
        return self.failures >= DEAD_AFTER


class ModuleState(Struct, frozen=True, kw_only=True):
    """One module as citizens see it. `reason` is empty while it is on; `since` is the date of its data."""

    status: Literal["on", "stale", "failed"]
    reason: str = ""
    since: datetime | None = None


async def source_states(database: Database, now: datetime, city: str | None = None) -> list[SourceState]:
    """The state of every source of this city, or of all cities; one statement."""
    if city is None:
        async with database.system(write=False) as session:
            found = await session.execute(_sources().statement.with_only_columns(*_COLUMNS))
            return [_state(_Row(*row), now) for row in found]
    return [_state(_Row(*row), now) for row in await database.tuples(city, _sources(), _COLUMNS)]


async def troubled_sources(
    database: Database, cities: Cities, now: datetime, *, first: int = 50
) -> list[dict[str, str]]:
    """The configured sources of all cities that are not fresh, for `/health/ready`: one statement, no inner reasons."""
    return [
        {"city": state.city, "plugin": state.plugin, "source": state.source, "status": state.status}
        for state in await source_states(database, now)
        if state.status not in ("fresh", "pending")
        and is_configured(cities.by_slug, state.city, state.plugin, state.source)
    ][:first]


def is_configured(cities: Mapping[str, City], city: str, plugin: str, source: str) -> bool:
    """Whether the city has this plugin on, with a source of this id."""
    config = cities[city].config(plugin) if city in cities else None
    return any(each.id == source for each in getattr(config, "sources", ()))


async def module_states(
    database: Database, city: City, now: datetime, language: str | None = None
) -> dict[str, ModuleState]:
    """The state of each module of the city that is on; one statement. Reasons in German or English."""
    return (await module_outlook(database, city, now, language))[0]


async def module_outlook(
    database: Database, city: City, now: datetime, language: str | None = None
) -> tuple[dict[str, ModuleState], datetime | None]:
    """The same, and until when it holds if no import changes it."""
    by_key = {(state.plugin, state.source): state for state in await source_states(database, now, city.slug)}
    states = {}
    for plugin, config in city.plugins.items():
        sources: Sequence[Source] = getattr(config, "sources", ())
        known = [(source, by_key[plugin, source.id]) for source in sources if (plugin, source.id) in by_key]
        states[plugin] = _module(known, city, now, language or city.language)
    moments = [state.stale_at for state in by_key.values() if state.stale_at is not None and state.stale_at > now]
    return states, min(moments, default=None)


def _module(known: Sequence[tuple[Source, SourceState]], city: City, now: datetime, language: str) -> ModuleState:
    """As bad as the worst of its sources; failed where nothing was ever imported."""
    bad = [(source, state) for source, state in known if state.status not in ("fresh", "pending")]
    if not bad:
        return ModuleState(status="on")
    source, state = min(bad, key=lambda pair: (pair[1].last_success is not None, pair[0].id))
    words = _WORDS["de" if language.startswith("de") else "en"]
    title = pick(source.title, language, city.language) or source.id
    if state.last_success is None:
        nothing = all(other.last_success is None for _, other in known)
        return ModuleState(status="failed" if nothing else "stale", reason=words["failed"].format(title=title))
    ended = state.status == "stale" and state.valid_until is not None and state.valid_until <= now
    since = state.valid_until if ended and state.valid_until else state.last_success
    date = since.astimezone(city.tz).strftime(words["date"])
    return ModuleState(
        status="stale", reason=words["ended" if ended else "stale"].format(title=title, date=date), since=since
    )


_WORDS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "date": "%d.%m.%Y",
        "failed": "{title}: zurzeit nicht verfügbar.",
        "stale": "{title}: Stand vom {date}, wird zurzeit nicht aktualisiert.",
        "ended": "{title}: Die Daten reichen nur bis zum {date}.",
    },
    "en": {
        "date": "%Y-%m-%d",
        "failed": "{title}: not available at the moment.",
        "stale": "{title}: as of {date}, not being updated at the moment.",
        "ended": "{title}: the data ends on {date}.",
    },
}


@prepared
def _sources() -> Select[Any]:
    return select(FeedSource).order_by(FeedSource.city, FeedSource.plugin, FeedSource.source)


class _Row(NamedTuple):
    """The columns of a FeedSource that say how it is doing."""

    city: str
    plugin: str
    source: str
    status: str
    reason: str
    last_attempt: datetime | None
    last_success: datetime | None
    next_run: datetime | None
    valid_until: datetime | None
    stale_at: datetime | None
    items: int
    failures: int


_COLUMNS = tuple(getattr(FeedSource, name) for name in _Row._fields)


def _state(row: _Row, now: datetime) -> SourceState:
    status, reason = row.status, row.reason
    if status == "fresh" and row.stale_at is not None and row.stale_at <= now:
        status = "stale"
        reason = "the data has ended" if row.valid_until and row.valid_until <= now else "was not fetched as scheduled"
    return SourceState(
        city=row.city,
        plugin=row.plugin,
        source=row.source,
        status=status,
        reason=reason,
        last_attempt=row.last_attempt,
        last_success=row.last_success,
        next_run=row.next_run,
        valid_until=row.valid_until,
        stale_at=row.stale_at,
        items=row.items,
        failures=row.failures,
    )
