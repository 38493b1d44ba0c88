"""Rows for every table there is, in two cities, each of which carries a word that the other city has nowhere.

What the example city of the repository imports is taken, and the word is written into every text of it. Tables that
are empty then (those of plugins without feeds) are filled from nothing but their columns.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from hashlib import md5
from typing import Any, get_type_hints

from allmende import CaseKind, CityTable, FeedTable, stable_id
from allmende.cases.tables import Case
from allmende.db.engine import Database
from allmende.plugin import Plugin
from allmende.search.index import index_rows
from allmende.testing import NOON
from msgspec import Struct
from sqlalchemy import Column, select

EACH = 3
"""Rows that an empty table is filled with."""
LONG = 80
"""Columns for shorter texts hold ids, keys and codes, which must stay as they are."""
_WORD = re.compile(r"[^\W\d_]{5}")
"""What makes a text one: numbers, times and codes have nothing like it."""
_FIXED = {"city", "id", "source", "key", "digest", "parent"}


def word_of(city: str) -> str:
    """The word that only rows of this city hold; folded and stemmed as a search does it, it stays the same."""
    return f"qz{city}77"


async def fill(database: Database, city: str, plugins: Iterable[Plugin]) -> None:
    """Mark what is there, make up what is not, and index all of it."""
    for plugin in plugins:
        async with database.transaction(city) as session:
            session.add_all(_case(plugin, kind, city, number) for kind in plugin.cases for number in range(EACH))
            for table in plugin.tables:
                rows = list(await session.scalars(select(table)))
                for row in rows:
                    _mark(row, word_of(city))
                if not rows:
                    session.add_all(_invented(table, city, number) for number in range(EACH))
            await session.flush()
            for part in plugin.search:
                rows = list(await session.scalars(select(part.table)))
                entries = [
                    {
                        "id": row.id,
                        "title": getattr(row, part.title),
                        "text": " ".join(str(getattr(row, name)) for name in part.text),
                    }
                    for row in rows
                ]
                await index_rows(session, plugin=plugin.name, table=part.table, rows=entries)


async def contents(database: Database, city: str, plugins: Iterable[Plugin]) -> dict[str, list[Mapping[str, Any]]]:
    """Every row of the city, by table: to hold one state against another."""
    found = {}
    async with database.session(city) as session:
        for plugin in plugins:
            for table in tables_of(plugin):
                statement = select(table.__table__).order_by(*table.__table__.primary_key.columns)
                found[table.__tablename__] = [dict(row) for row in (await session.execute(statement)).mappings()]
    return found


def tables_of(plugin: Plugin) -> tuple[type[CityTable], ...]:
    """Where the plugin's rows are: its own tables, and the core's register for its cases."""
    return (Case, *plugin.tables) if plugin.cases else plugin.tables


def texts(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """All texts in the rows, the city's slug and the fixed values of a source left out."""
    return [
        text for row in rows for key, value in row.items() if key not in ("city", "source") for text in _leaves(value)
    ]


def _leaves(value: Any) -> Iterable[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


def _mark(row: CityTable, word: str) -> None:
    for column in _free(type(row)):
        value = getattr(row, column.key)
        if isinstance(value, str):
            length = getattr(column.type, "length", None)
            if _WORD.search(value) and (length is None or length >= LONG):
                setattr(row, column.key, _marked(value, word, length))
        elif isinstance(value, list | dict):
            setattr(row, column.key, _deep(value, word))


def _deep(value: Any, word: str) -> Any:
    if isinstance(value, str):
        return _marked(value, word, None) if _WORD.search(value) else value
    if isinstance(value, dict):
        return {key: _deep(inner, word) for key, inner in value.items()}
    return [_deep(inner, word) for inner in value] if isinstance(value, list) else value


def _marked(value: str, word: str, length: int | None) -> str:
    """The word behind the text, before the white space that frames it."""
    kept = value.rstrip()
    cut = kept if length is None else kept[: length - len(word) - 1 - (len(value) - len(kept))]
    return f"{cut} {word}{value[len(kept) :]}"


def _free(table: type[CityTable]) -> list[Column[Any]]:
    """The columns that hold what the plugin wants, not what the core or the database does."""
    return [
        column
        for column in table.__table__.columns
        if not (column.primary_key or column.foreign_keys or column.computed is not None or column.key in _FIXED)
    ]


def _invented(table: type[CityTable], city: str, number: int) -> CityTable:
    values = {column.key: _value(column, city, number) for column in _free(table)}
    row = table(**values)
    for column in table.__table__.primary_key.columns:
        if column.key not in ("city", "id"):
            setattr(row, column.key, _value(column, city, number))
    key = f"{word_of(city)} {number}"
    if isinstance(row, FeedTable):
        row.key, row.source, row.fetched_at = key, "desk", NOON
        row.id = stable_id(city, "desk", table, key)  # type: ignore[arg-type]
    elif "id" in table.__table__.c:
        row.id = key  # type: ignore[attr-defined]
    return row


def _case(plugin: Plugin, kind: CaseKind, city: str, number: int) -> Case:
    """A published case of this kind, inside the example city's box."""
    word = word_of(city)
    return Case(
        id=md5(f"{city} {plugin.name}.{kind.name} {number}".encode(), usedforsecurity=False).hexdigest(),
        number=f"{word[:3].upper()}-2026-{number:06}",
        kind=f"{plugin.name}.{kind.name}",
        status=kind.first.name,
        published=True,
        title=f"{word} title {number}",
        address=f"{word} address {number}",
        lat=51.35 + number / 1000,
        lon=8.2,
        public={name: f"{word} {name}" for name in kind.public.__struct_fields__ if _is_text(kind.public, name)},
        private={name: f"{word} {name}" for name in kind.private.__struct_fields__ if _is_text(kind.private, name)},
        created=NOON,
        updated=NOON,
    )


def _is_text(part: type[Struct], name: str) -> bool:
    return get_type_hints(part)[name] is str


def _value(column: Column[Any], city: str, number: int) -> Any:
    kind = column.type.python_type
    if kind is str:
        return f"{word_of(city)} {column.key} {number}"[: getattr(column.type, "length", None)]
    known: dict[type, Any] = {
        int: number,
        float: 51.0 + number / 100 if column.key != "lon" else 8.0 + number / 100,
        bool: bool(number % 2),
        dt.datetime: NOON + dt.timedelta(days=number),
        dt.date: NOON.date() + dt.timedelta(days=number),
        dict: {"text": word_of(city)},
        list: [word_of(city)],
        bytes: word_of(city).encode(),
    }
    return known[kind]
