"""What a plugin is given: one city, one language, its config, a session that sees this city only, a clock, texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from allmende.city.model import City, Config, LocalText, pick

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

ConfigT = TypeVar("ConfigT", bound=Config, covariant=True)


class Database(Protocol):
    """The part of `db.engine.Database` that a context needs."""

    def session(self, city: str) -> AbstractAsyncContextManager[AsyncSession]: ...
    def transaction(self, city: str) -> AbstractAsyncContextManager[AsyncSession]: ...


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context(Generic[ConfigT]):
    """One reader (or job, or import) of one city, as one plugin sees it. Made by the core, never by a plugin."""

    city: City
    plugin: str
    config: ConfigT
    database: Database
    language: str = "de"
    """The reader's language, always one of `city.languages`."""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Language → key → text: the plugin's texts/, with the city's overrides on top."""
    clock: Callable[[], datetime] = utc_now

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session for reading, which sees this city's rows only. One per resolver; nothing is committed."""
        return self.database.session(self.city.slug)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session for writing, which is committed at the end of the block, or rolled back on an exception."""
        return self.database.transaction(self.city.slug)

    @property
    def now(self) -> datetime:
        """The present instant, in the city's time zone."""
        return self.clock().astimezone(self.city.tz)

    @property
    def today(self) -> date:
        """The date that the city's wall calendars show now."""
        return self.now.date()

    def localize(self, moment: datetime) -> datetime:
        """The instant with the city's UTC offset; a naive time is taken as the city's wall-clock time."""
        if moment.tzinfo is None:
            return moment.replace(tzinfo=self.city.tz)
        return moment.astimezone(self.city.tz)

    def pick(self, text: LocalText) -> str:
        """A configured text in the reader's language, or the nearest there is."""
        return pick(text, self.language, self.city.language)

    def text(self, key: str, **values: Any) -> str:
        """A text of texts/<language>.toml in the reader's language; `{name}` is filled from `values`."""
        for language in (self.language, self.city.language, "de", "en"):
            template = self.texts.get(language, {}).get(key)
            if template is not None:
                return template.format(**values) if values else template
        return key
