"""What a plugin is given: one city, one language, its config, a session that sees this city only, a clock, texts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from allmende.city.model import City, Config, LocalText, pick
from allmende.db.bound import Sessions
from allmende.footprint import note_clock
from allmende.outside import Outside
from allmende.reader import ANONYMOUS, Reader

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

ConfigT = TypeVar("ConfigT", bound=Config, covariant=True)
MadeT = TypeVar("MadeT")


class Database(Sessions, Protocol):
    """The part of `db.engine.Database` that a context needs. What a plugin is given is bound to its city."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Context(Struct, Generic[ConfigT], frozen=True, eq=False):
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
    reader: Reader = ANONYMOUS
    """Who asks, as they are in this city. Jobs, imports and everybody without a token of this city are anonymous."""
    outside: Outside = field(default_factory=Outside)
    """Calls servers of others, for jobs: `await ctx.outside.call("GET", url)`."""

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session for reading, which sees this city's rows only. One per resolver; nothing is committed."""
        return self.database.session(self.city.slug)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session for writing, which is committed at the end of the block, or rolled back on an exception."""
        return self.database.transaction(self.city.slug)

    def remembered(self, *key: Hashable) -> Any:
        """What `remember` has made for this key, if it still holds; None where it has to be made. Asks nobody."""
        found = self.database.remembered(self.city.slug, (self.plugin, key))
        return found[1] if found is not None and found[0] is self.config else None

    async def remember(self, make: Callable[[], Awaitable[MadeT]], *key: Hashable) -> MadeT:
        """What `make` makes, for what is asked again and again. It is kept until something changes in the tables that
        it has read, or in the config: it must look at nothing else, neither at the clock nor at who asks."""
        known = self.remembered(*key)
        if known is not None:
            found: MadeT = known
            return found

        async def made() -> tuple[Any, MadeT]:
            return self.config, await make()

        _, value = await self.database.remember(self.city.slug, (self.plugin, key), made)
        return cast("MadeT", value)

    @property
    def now(self) -> datetime:
        """The present instant, in the city's time zone. An answer that looked at it is kept for a minute at most."""
        now = self.clock()
        note_clock(now)
        return now.astimezone(self.city.tz)

    @property
    def today(self) -> date:
        """The date that the city's wall calendars show now. An answer that looked at it is kept until midnight."""
        now = self.clock()
        today = now.astimezone(self.city.tz).date()
        note_clock(now, datetime.combine(today + timedelta(days=1), time(), self.city.tz))
        return today

    def holds_until(self, moment: datetime) -> datetime:
        """The present instant for who knows when the answer changes next, instead of `now`: it is kept until then."""
        now = self.clock()
        note_clock(now, moment)
        return now.astimezone(self.city.tz)

    def localize(self, moment: datetime) -> datetime:
        """The instant with the city's UTC offset; a naive time is taken as the city's wall-clock time."""
        if moment.tzinfo is None:
            return moment.replace(tzinfo=self.city.tz)
        return moment.astimezone(self.city.tz)

    def address(self, url: str) -> str:
        """An address as apps get it: a path on this server stands below the first of the city's `hosts`."""
        return f"{self.city.site}{url}" if url.startswith("/") else url

    def in_language(self, language: str) -> Context[ConfigT]:
        """The same for a reader of another language."""
        return self if language == self.language else replace(self, language=language)

    def pick(self, text: LocalText) -> str:
        """A configured text in the reader's language, or the nearest there is."""
        return pick(text, self.language, self.city.language)

    def text(self, key: str, **values: Any) -> str:
        """A text of texts/<language>.toml in the reader's language; `{name}` is filled from `values`."""
        for language in (self.language, self.city.language, "de", "en"):
            template = self.texts.get(language, {}).get(key)
            if template is not None:
                try:
                    return template.format(**values) if values else template
                except (LookupError, ValueError, AttributeError):  # a city's wording with a bad placeholder
                    continue
        return key
