"""Tables that belong to a city: the city is the first column of every key and index, and is never given by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, DateTime, Dialect, FromClause, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from allmende.errors import ScopeError

SCOPE = "allmende_scope"
"""Execution option of a connection: the slug of the city that it is bound to, or `*` for the core's own work."""

HOME = "allmende_home"
"""Entry in a table's `info`: the module that declares it."""


def bound_city(context: Any) -> str:
    """The default of every `city` column: the city that the session is bound to."""
    scope = context.root_connection.get_execution_options().get(SCOPE, "*")
    if scope == "*":
        raise ScopeError("no city is bound here: use database.transaction(city), or give the row its city")
    return str(scope)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Stored in UTC on both databases; naive values are refused, since they are a bug."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use ctx.localize() or datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables. Nothing lazy-loads: relationships are declared with `lazy="raise"`."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        list[dict[str, Any]]: JSON(),
    }

    def __init_subclass__(cls, **options: Any) -> None:
        """A table has one home: a second class of its name is refused, also with `extend_existing`."""
        given = cls.__dict__.get("__table__")
        name: str = cls.__dict__.get("__tablename__", "") if given is None else given.name
        if name in cls.metadata.tables:
            home = cls.metadata.tables[name].info.get(HOME, "another module")
            raise TypeError(f"the table {name!r} is one of {home}: give that of {cls.__module__} another __tablename__")
        super().__init_subclass__(**options)
        if name:
            cls.metadata.tables[name].info[HOME] = cls.__module__


class CityTable(Base):
    """A table whose rows each belong to one city.

    `city` (the slug) comes first in the primary key, and must come first in every index: `Index("ix_…", "city", …)`.
    A session is bound to one city: it fills `city` on insert, restricts every statement to it, and refuses a
    statement on a city table where no city is bound. On PostgreSQL row-level security is the second lock.
    Name the table with the plugin's prefix: `__tablename__ = "news_item"`.
    """

    __abstract__ = True
    few: ClassVar[tuple[str, ...]] = ()
    """Columns that have few different values, in rows that are written by `Database.insert`: those are written out in
    its statement, of which PostgreSQL then needs to be told less."""

    city: Mapped[str] = mapped_column(
        String(64), primary_key=True, sort_order=-100, default=bound_city, info={"scope": "city"}
    )


class FeedTable(CityTable):
    """A city table that is filled from feeds. An importer makes rows with a `key`; the core does the rest.

    Rows are recognised again by (city, source, table, key), so ids stay the same from import to import, and only what
    has changed is written. Give `key` something that is the same next week: the feed's id where it is stable, otherwise
    a fingerprint of what makes the thing itself (title and start, for instance).
    """

    __abstract__ = True

    id: Mapped[str] = mapped_column(String(32), primary_key=True, sort_order=-99)
    """32 hexadecimal digits, unique across cities, plugins and tables; the public id in the API."""
    source: Mapped[str] = mapped_column(String(64), sort_order=-98)
    """Id of the source in the city's plugin file; rows that people enter have the source `desk`."""
    key: Mapped[str] = mapped_column(String(512), sort_order=-97)
    digest: Mapped[str] = mapped_column(String(32), default="", sort_order=90)
    """Fingerprint of the imported values: an unchanged row is not written again."""
    fetched_at: Mapped[datetime] = mapped_column(sort_order=91)
    """When the source last said this (of the last change, not of the last look)."""


def stable_id(city: str, source: str, table: type[FeedTable], key: str) -> str:
    """The id that the row of this key has, now and after every later import; for rows that refer to another row."""
    text = "\x1f".join((city, source, table.__tablename__, key))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def is_city_table(table: FromClause) -> bool:
    city = table.c.get("city")
    return isinstance(city, Column) and city.info.get("scope") == "city"


def city_tables(metadata: MetaData = Base.metadata) -> list[str]:
    """The names of all city tables that are imported by now."""
    return sorted(name for name, table in metadata.tables.items() if is_city_table(table))
