"""What follows from corrected fields of an imported row: its columns, and the rows of further tables; as JSON, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import inspect

from allmende.content.kinds import KINDS, Bad
from allmende.content.placeholders import fill_all
from allmende.contenttype import ContentType, Entry, Field
from allmende.context import Context
from allmende.db.table import FeedTable, UtcDateTime
from allmende.errors import InputError
from allmende.importer import Batch
from allmende.items.rows import Rows, fingerprint, prepare

Row = Mapping[str, Any]
Parts = Mapping[type[FeedTable], Rows]
"""Further tables → the rows in them that belong to one item."""


def fields_of(type_: ContentType) -> list[Field]:
    """The fields of imported rows that can be corrected."""
    if not type_.read:
        return []
    return [field for field in type_.fields if field.columns or (field.parts and type_.read_parts)]


def read_of(type_: ContentType, row: Row, parts: Parts, ctx: Context[Any]) -> dict[str, Any]:
    """Field → what the row and its parts say, of the fields that can be corrected."""
    assert type_.read is not None
    said = dict(type_.read(_made(type_.tables[0], row), ctx))
    if type_.read_parts:
        said |= type_.read_parts([_made(table, part) for table, rows in parts.items() for part in rows.values()], ctx)
    return {field.name: said.get(field.name, KINDS[field.kind].empty()) for field in fields_of(type_)}


def _made(table: type[FeedTable], row: Row) -> FeedTable:
    return table(**{name: value for name, value in row.items() if name in names_of(table)})


def patch_of(
    type_: ContentType, row: Row, parts: Parts, values: Mapping[str, Any], names: Sequence[str], ctx: Context[Any]
) -> tuple[dict[str, Any], Parts]:
    """The columns and parts that follow from these fields. Parts are empty where what they are about is over."""
    fields = [type_.field(name) for name in names]
    tables = {table for field in fields for table in field.parts}
    made = _written(type_, row, values, names, set(), ctx)
    if not any(isinstance(one, type_.tables[0]) for one in made):
        raise InputError("nothing would be left to show")
    whole = _written(type_, row, values, names, tables, ctx) if tables else made
    columns: dict[str, Any] = {}
    for field in fields:
        first = next((one for one in (whole if field.parts else made) if isinstance(one, type_.tables[0])), None)
        columns |= {name: first.__dict__.get(name) for name in field.columns} if first is not None else {}
    return columns, _parts(type_, row, {table: parts[table] for table in tables}, whole)


def _parts(type_: ContentType, row: Row, sources: Parts, made: Sequence[FeedTable]) -> Parts:
    """What `write` has made for an item of the desk, as parts of this row, instead of the source's."""
    instead = [part for part in made if type(part) in sources]
    for part in instead:
        setattr(part, type_.parent, row["id"])
    for table, there in sources.items():
        own = [part for part in instead if isinstance(part, table)]
        if len(own) == len(there) == 1:  # it is the same one, by the same id: favourites stay
            own[0].key = next(iter(there.values()))["key"]
    prepared = prepare(Batch(rows=instead), type_, row["city"], row["source"], row["fetched_at"])
    if prepared.refused:
        raise InputError(f"{prepared.refused[0].place}: {prepared.refused[0].reason}")
    return {table: prepared.rows[table] for table in sources}


def _written(
    type_: ContentType,
    row: Row,
    values: Mapping[str, Any],
    names: Sequence[str],
    tables: set[type[FeedTable]],
    ctx: Context[Any],
) -> Sequence[FeedTable]:
    """What the type writes of these values; fields from which parts follow are empty, but for those of these tables."""
    filled = fill_all(values, ctx.city)
    given = {
        field.name: filled.get(field.name) if not field.parts or tables & set(field.parts) else None
        for field in type_.fields
    }
    typed = {field.name: _typed(field, given[field.name], ctx, field.name in names) for field in type_.fields}
    languages = [ctx.city.language]
    return type_.write(Entry(key=row["key"], values=typed, languages=languages, published_at=ctx.clock()), ctx)


def _typed(field: Field, value: Any, ctx: Context[Any], strict: bool) -> Any:
    """As `write` takes it; what an import does not tell, or tells as no editor could, is empty."""
    kind = KINDS[field.kind]
    try:
        return kind.typed(kind.empty() if value is None else value, field, ctx)
    except Bad:
        if strict:
            raise
        return kind.typed(kind.empty(), field, ctx)


def digest_of(digest: str, patch: Mapping[str, Any]) -> str:
    return fingerprint([digest, patch])


def names_of(table: type[FeedTable]) -> set[str]:
    """The columns that are written; what the database computes is none of them."""
    return {attribute.key for attribute in inspect(table).column_attrs if attribute.columns[0].computed is None}


def columns_of(row: FeedTable) -> dict[str, Any]:
    return {attribute.key: getattr(row, attribute.key) for attribute in inspect(type(row)).column_attrs}


def encoded(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in columns.items()}


def packed(parts: Parts) -> dict[str, Any]:
    return {table.__name__: [encoded(part) for part in rows.values()] for table, rows in parts.items()}


def decoded(table: type[FeedTable], columns: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value)
        if value is not None and isinstance(getattr(table, name).type, UtcDateTime)
        else value
        for name, value in columns.items()
    }
