"""The database as plans see it: several lists of one city at a time, each by a statement that was written once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import URL, Dialect
from sqlalchemy.types import JSON

from allmende.db.direct.kept import Kept
from allmende.db.direct.postgresql import EPOCH, Connections
from allmende.db.direct.rounds import Rounds
from allmende.db.direct.sqlite import Connection
from allmende.db.direct.statement import Gather, Text, compile_text, gather, in_scope
from allmende.db.prepared import Prepared
from allmende.db.table import UtcDateTime
from allmende.footprint import current, note_tables

Rows = Sequence[Any]
"""Each a sequence of the columns' values; or keys, each a value."""
SECONDS = 2.0
"""How long a statement may take; then the ordinary way takes over, plugin by plugin."""
TOGETHER = 60
"""Lists of up to so many rows share a statement; long ones are cheaper alone (as rows, not as an array of rows)."""
KEPT = 1000


class Ask:
    """One list to be read: a prepared statement, and the columns of it that are needed."""

    __slots__ = ("prepared", "text")

    def __init__(self, prepared: Prepared, text: Text) -> None:
        self.prepared, self.text = prepared, text


class Reader:
    """Reads for plans. Made by the Database, which counts its statements and closes it."""

    def __init__(self, url: URL, dialect: Dialect, count: Callable[[str], None], size: int, kept: Kept) -> None:
        self.dialect = dialect
        self.count, self.kept = count, kept
        self.is_sqlite = dialect.name == "sqlite"
        self.sqlite = Connection(str(url.database))
        self.postgresql = Connections(url, dialect, size) if not self.is_sqlite else None
        self.rounds = Rounds(self.postgresql, SECONDS) if self.postgresql else None
        self.single: dict[tuple[Any, ...], tuple[Text, list[Callable[[Any], Any] | None]]] = {}
        self.joined: dict[tuple[Text, ...], tuple[str, Gather]] = {}

    def compile(self, prepared: Prepared, columns: Sequence[Any], *, keys: bool = False) -> Text:
        """Raises Unplannable. With `keys`, it is one column, and what is read are its values instead of rows."""
        return compile_text(prepared.statement, columns, self.dialect, keys=keys)

    async def read(self, city: str, asked: Sequence[Ask]) -> list[Rows]:
        """The rows of each list, all of this city. On PostgreSQL short lists share one round trip."""
        if current() is not None:
            for ask in asked:
                note_tables(city, ask.text.tables)
        if self.postgresql is None:
            return [self._embedded(city, ask) for ask in asked]
        if len(asked) == 1:
            if asked[0].text.keys:
                return list(await self._arrays(city, asked))
            return [await self._rows(city, asked[0])]
        together = [ask for ask in asked if ask.text.keys or ask.text.limit <= TOGETHER]
        if len(together) == 1 and not together[0].text.keys:
            together = []  # alone, it is read as rows
        lists = await self._arrays(city, together) if together else ()
        if len(together) == len(asked):
            return list(lists)
        read = dict(zip(map(id, together), lists, strict=True))
        return [read[id(ask)] if id(ask) in read else await self._rows(city, ask) for ask in asked]

    async def tuples(self, city: str, prepared: Prepared, columns: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
        """The rows of one list as Python values; kept, if they are few, until something changes in their tables."""
        key = (prepared.template, prepared.shape, columns)
        kept = self.kept.get((city, key, prepared.key)) if key in self.single else None
        if kept is not None:
            note_tables(city, self.single[key][0].tables)
            return kept
        if key not in self.single:
            if len(self.single) >= KEPT:
                self.single.clear()
            shown = columns or tuple(prepared.statement.selected_columns)
            decoders = [moment if _is_instant(one) else decoder(one, self.dialect) for one in shown]
            self.single[key] = self.compile(prepared, shown), decoders
        text, decoders = self.single[key]
        before = self.kept.before(city, text.tables)
        rows = (await self.read(city, [Ask(prepared, text)]))[0]
        places = [(place, decode) for place, decode in enumerate(decoders) if decode is not None]
        found = []
        for row in rows:
            values = list(row)
            for place, decode in places:
                values[place] = decode(values[place])
            found.append(tuple(values))
        self.kept.put((city, key, prepared.key), found, before)
        return found

    async def close(self) -> None:
        self.sqlite.close()
        if self.rounds is not None:
            await self.rounds.close()
        if self.postgresql is not None:
            await self.postgresql.close()

    def _embedded(self, city: str, ask: Ask) -> Rows:
        key = (ask.text,)
        joined = self.joined.get(key)
        if joined is None:
            joined = self._join(key, ask.text.sql, gather([(ask.prepared, ask.text.slots)], to_server=False))
        sql, arguments = joined
        self.count(sql)
        rows = self.sqlite.fetch(sql, arguments(city, ask.prepared.values))
        return [key for (key,) in rows] if ask.text.keys else rows

    def _rows(self, city: str, ask: Ask) -> Awaitable[Rows]:
        assert self.postgresql is not None
        sql, arguments = self._scoped([ask], arrays=False)
        return self.postgresql.fetch(sql, arguments(city, ask.prepared.values), SECONDS)

    def _arrays(self, city: str, asked: Sequence[Ask]) -> Awaitable[Sequence[Rows]]:
        assert self.rounds is not None
        sql, arguments = self._scoped(asked, arrays=True)
        return self.rounds.fetch(city, sql, arguments(city, *[ask.prepared.values for ask in asked]))

    def _scoped(self, asked: Sequence[Ask], *, arrays: bool) -> tuple[str, Gather]:
        key = tuple([ask.text for ask in asked])
        joined = self.joined.get(key)
        if joined is None:
            sql, order = in_scope(key, arrays=arrays)
            parts = [(ask.prepared, slots) for ask, slots in zip(asked, order, strict=True)]
            joined = self._join(key, sql, gather(parts, to_server=True))
        self.count(joined[0])
        return joined

    def _join(self, key: tuple[Text, ...], sql: str, arguments: Gather) -> tuple[str, Gather]:
        if len(self.joined) >= KEPT:
            self.joined.clear()
        joined = self.joined[key] = sql, arguments
        return joined


def _is_instant(source: Any) -> bool:
    return isinstance(source.type, UtcDateTime)


def moment(raw: Any) -> datetime | None:
    """The instant that the driver gave: microseconds since 2000 (PostgreSQL), or a text in UTC (SQLite)."""
    if raw is None:
        return None
    if isinstance(raw, str):
        return datetime.fromisoformat(raw).replace(tzinfo=UTC)
    return EPOCH + timedelta(microseconds=raw)


def decoder(column: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes of a value as the driver gives it the one that the entity has; None where they are the same.

    For instants there is `moment`, or what is shown of them, which is worked out without one.
    """
    if isinstance(column.type, UtcDateTime):
        return None
    if isinstance(column.type, JSON):
        return _json
    processor: Callable[[Any], Any] | None = None
    if dialect.name == "sqlite":
        processor = column.type.dialect_impl(dialect).result_processor(dialect, None)
    return processor


def _json(raw: Any) -> Any:
    return None if raw is None else msgspec.json.decode(raw)
