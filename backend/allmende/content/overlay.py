"""Local corrections of imported rows: kept field by field, put on top of every import, compared with the source.

A correction holds only the columns that follow from the corrected fields (`Field.columns`); all others stay the
source's. Its digest tells an import whether row and correction together are what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.content.kinds import KINDS, Bad, Fault
from allmende.content.placeholders import fill_all
from allmende.content.publish import Desk
from allmende.content.tables import ContentOverlay
from allmende.content.values import Incomplete, Values, is_empty
from allmende.contenttype import DESK, ContentType, Entry, Field
from allmende.context import Context
from allmende.db.table import FeedTable, UtcDateTime
from allmende.errors import InputError, NotFound
from allmende.items.follow import follow
from allmende.items.rows import Prepared, Rows, fingerprint
from allmende.items.sync import Change, Diff, apply
from allmende.plugin import Plugin

Row = Mapping[str, Any]


def fields_of(type_: ContentType) -> list[Field]:
    """The fields of imported rows that can be corrected."""
    return [field for field in type_.fields if field.columns] if type_.read else []


async def correct(session: AsyncSession, desk: Desk, id_: str, values: Values, seen: int) -> bool:
    """Say something else than the source in these fields, here and after every import; False where nothing differs.

    A field that says the same as the source is no correction (any more). `seen` is the version of the correction that
    the editor saw, 0 for none; InputError where there is another one by now, Incomplete for values that are not good.
    """
    table, now = desk.type.tables[0], desk.ctx.clock()
    row = await imported_row(session, desk, id_)
    overlay = await load(session, id_)
    if (overlay.version if overlay else 0) != seen:
        raise InputError("somebody else has corrected it meanwhile: look at it and save again", code="CONFLICT")
    source = {**row, **(_decoded(table, overlay.columns) if overlay else {})}
    original = _read(desk.type, table, source, desk.ctx)
    known = {field.name for field in fields_of(desk.type)}
    differing = {name: value for name, value in values.items() if name in known and value != original[name]}
    if wrong := _faults(desk, differing):
        raise Incomplete(wrong)
    if overlay is None and not differing:
        return False
    base_digest = overlay.digest if overlay else row["digest"]
    if not differing:
        await _store(session, desk, {**source, "digest": base_digest}, now)
        await session.delete(overlay)
        return True
    originals = {name: original[name] for name in differing}
    patch = _patch(desk.type, {**original, **differing}, list(differing), desk.ctx)
    fields: dict[str, Any] = {
        "values": differing,
        "originals": originals,
        "current": originals,
        "columns": _encoded({name: source[name] for name in patch}),
        "digest": base_digest,
        "changed_at": None,
        "updated_at": now,
        "updated_by": desk.by,
        "title": str(differing.get(desk.type.title, original.get(desk.type.title, "")))[:300],
    }
    if overlay is None:
        where = {"plugin": desk.plugin.name, "kind": desk.type.name, "source": row["source"]}
        session.add(ContentOverlay(id=id_, version=1, **where, **fields))
    else:
        overlay.version += 1
        for name, value in fields.items():
            setattr(overlay, name, value)
    await session.flush()
    await _store(session, desk, {**source, **patch, "digest": _digest(base_digest, patch)}, now)
    return True


async def keep(session: AsyncSession, id_: str, desk: Desk) -> None:
    """The source has changed a corrected field, and the correction stays as it is: the hint goes away."""
    overlay = await load(session, id_)
    if overlay is None:
        raise NotFound("there is no correction of it")
    overlay.originals, overlay.changed_at = dict(overlay.current), None
    overlay.updated_at, overlay.updated_by = desk.ctx.clock(), desk.by


async def compared(session: AsyncSession, desk: Desk, id_: str) -> tuple[Values, ContentOverlay | None]:
    """What the source says now in the fields that can be corrected, and the correction if there is one."""
    row, overlay = await imported_row(session, desk, id_), await load(session, id_)
    table = desk.type.tables[0]
    source = {**row, **(_decoded(table, overlay.columns) if overlay else {})}
    return _read(desk.type, table, source, desk.ctx), overlay


async def load(session: AsyncSession, id_: str) -> ContentOverlay | None:
    return (await session.scalars(select(ContentOverlay).where(ContentOverlay.id == id_))).one_or_none()


async def imported_row(session: AsyncSession, desk: Desk, id_: str) -> dict[str, Any]:
    """An imported row as it is stored. NotFound where there is none (any more)."""
    table = desk.type.tables[0]
    found = (await session.scalars(select(table).where(table.id == id_, table.source != DESK))).one_or_none()
    if found is None:
        raise NotFound("the source does not have it any more")
    return _columns(found)


async def lay_over(
    session: AsyncSession, plugin: Plugin, source: str, prepared: Prepared, ctx: Context[Any]
) -> Prepared:
    """The rows of an import with the city's corrections on top; what the source has changed under one is noted."""
    types = {type_.name: type_ for type_ in plugin.content if fields_of(type_)}
    if not types:
        return prepared
    mine = (ContentOverlay.plugin == plugin.name, ContentOverlay.source == source)
    overlays = (await session.scalars(select(ContentOverlay).where(*mine))).all()
    rows: dict[type[FeedTable], Rows] = dict(prepared.rows)
    for overlay in overlays:
        type_ = types.get(overlay.kind)
        row = rows.get(type_.tables[0], {}).get(overlay.id) if type_ else None
        if type_ is None or row is None:
            continue
        table = type_.tables[0]
        patched = _patched(type_, row, overlay, ctx)
        if patched is not None:
            rows[table] = {**rows[table], overlay.id: patched}
    return Prepared(rows=rows, refused=prepared.refused)


def _patched(type_: ContentType, row: Row, overlay: ContentOverlay, ctx: Context[Any]) -> dict[str, Any] | None:
    """The row with the correction, which learns what the source says now; None where it fits no longer."""
    original = _read(type_, type_.tables[0], row, ctx)
    values = {name: value for name, value in overlay.values.items() if name in original}
    try:
        patch = _patch(type_, {**original, **values}, list(values), ctx)
    except (InputError, Bad):  # the type has changed since: the source's row is better than none
        return None
    current = {name: original[name] for name in values}
    if current != overlay.current:
        overlay.current = current
        overlay.changed_at = ctx.clock() if current != overlay.originals else None
    columns = _encoded({name: row[name] for name in patch})
    if columns != overlay.columns or overlay.digest != row["digest"]:
        overlay.columns, overlay.digest = columns, row["digest"]
    return {**row, **patch, "digest": _digest(row["digest"], patch)}


def _patch(type_: ContentType, values: Mapping[str, Any], names: Sequence[str], ctx: Context[Any]) -> dict[str, Any]:
    """The columns that follow from these fields."""
    filled = fill_all(values, ctx.city)
    typed = {field.name: _typed(field, filled.get(field.name), ctx, field.name in names) for field in type_.fields}
    entry = Entry(key="-", values=typed, languages=[ctx.city.language], published_at=ctx.clock())
    rows = [row for row in type_.write(entry, ctx) if isinstance(row, type_.tables[0])]
    if not rows:
        raise InputError("nothing would be left to show")
    columns = [column for name in names for column in type_.field(name).columns]
    return {column: rows[0].__dict__.get(column) for column in columns}


def _typed(field: Field, value: Any, ctx: Context[Any], strict: bool) -> Any:
    """As `write` takes it; what an import does not tell, or tells as no editor could, is empty."""
    kind = KINDS[field.kind]
    try:
        return kind.typed(kind.empty() if value is None else value, field, ctx)
    except Bad:
        if strict:
            raise
        return kind.typed(kind.empty(), field, ctx)


def _faults(desk: Desk, values: Mapping[str, Any]) -> list[Fault]:
    found = []
    for field in fields_of(desk.type):
        if field.name not in values:
            continue
        try:
            typed = KINDS[field.kind].typed(values[field.name], field, desk.ctx)
        except Bad as bad:
            found.append(Fault(field=field.name, code=bad.code, values=bad.values))
            continue
        if field.required and is_empty(typed):
            found.append(Fault(field=field.name, code="missing"))
    return found


def _read(type_: ContentType, table: type[FeedTable], row: Row, ctx: Context[Any]) -> dict[str, Any]:
    """Field → what the row says, of the fields that can be corrected."""
    assert type_.read is not None
    made = table(**{name: value for name, value in row.items() if name in _names(table)})
    said = type_.read(made, ctx)
    return {field.name: said.get(field.name, KINDS[field.kind].empty()) for field in fields_of(type_)}


async def _store(session: AsyncSession, desk: Desk, row: dict[str, Any], now: datetime) -> None:
    """Write the row, and all that follows; its parts stay as they are."""
    table = desk.type.tables[0]
    stored = {name: value for name, value in row.items() if name in _names(table)}
    diff = Diff(changes={table: Change(changed=[stored])}, stored=1, deletable=0, refused=())
    await apply(session, diff)
    await follow(session, desk.plugin, diff, now)


def _digest(digest: str, patch: Mapping[str, Any]) -> str:
    return fingerprint([digest, patch])


def _names(table: type[FeedTable]) -> set[str]:
    """The columns that are written; what the database computes is none of them."""
    return {attribute.key for attribute in inspect(table).column_attrs if attribute.columns[0].computed is None}


def _columns(row: FeedTable) -> dict[str, Any]:
    return {attribute.key: getattr(row, attribute.key) for attribute in inspect(type(row)).column_attrs}


def _encoded(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in columns.items()}


def _decoded(table: type[FeedTable], columns: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value)
        if value is not None and isinstance(getattr(table, name).type, UtcDateTime)
        else value
        for name, value in columns.items()
    }
