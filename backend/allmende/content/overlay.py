"""Local corrections of imported rows: kept field by field, put on top of every import, compared with the source.

A correction holds only the columns that follow from the corrected fields (`Field.columns`), and the further tables
whose rows do (`Field.parts`); all else stays the source's. Its digest tells an import whether row and correction
together are what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.content.kinds import KINDS, Bad, Fault
from allmende.content.patch import (
    Parts,
    Row,
    columns_of,
    decoded,
    digest_of,
    encoded,
    fields_of,
    names_of,
    packed,
    patch_of,
    read_of,
)
from allmende.content.publish import Desk
from allmende.content.tables import ContentOverlay
from allmende.content.values import Incomplete, Values, is_empty
from allmende.contenttype import DESK, ContentType
from allmende.context import Context
from allmende.db.table import FeedTable
from allmende.errors import InputError, NotFound
from allmende.items.follow import follow
from allmende.items.rows import Prepared, Rows
from allmende.items.sync import apply, compare
from allmende.plugin import Plugin


async def correct(session: AsyncSession, desk: Desk, id_: str, values: Values, seen: int) -> bool:
    """Say something else than the source in these fields, here and after every import; False where nothing differs.

    A field that says the same as the source is no correction (any more). `seen` is the version of the correction that
    the editor saw, 0 for none; InputError where there is another one by now, Incomplete for values that are not good.
    """
    type_, now = desk.type, desk.ctx.clock()
    row = await imported_row(session, desk, id_)
    overlay = await load(session, id_)
    if (overlay.version if overlay else 0) != seen:
        raise InputError("somebody else has corrected it meanwhile: look at it and save again", code="CONFLICT")
    source, parts = await _source(session, desk, row, overlay)
    original = read_of(type_, source, parts, desk.ctx)
    known = {field.name for field in fields_of(type_)}
    differing = {name: value for name, value in values.items() if name in known and value != original[name]}
    if wrong := _faults(desk, differing, {**original, **differing}):
        raise Incomplete(wrong)
    if overlay is None and not differing:
        return False
    base_digest = overlay.digest if overlay else row["digest"]
    if not differing:
        await _store(session, desk, {**source, "digest": base_digest}, parts, now)
        await session.delete(overlay)
        return True
    originals = {name: original[name] for name in differing}
    patch, own = patch_of(type_, source, parts, {**original, **differing}, list(differing), desk.ctx)
    if own and not any(own.values()):
        raise InputError("there would be nothing to show: what it is about is over", code="NOTHING_TO_SHOW")
    fields: dict[str, Any] = {
        "values": differing,
        "originals": originals,
        "current": originals,
        "columns": encoded({name: source[name] for name in patch}),
        "parts": packed({table: parts[table] for table in own}),
        "digest": base_digest,
        "changed_at": None,
        "updated_at": now,
        "updated_by": desk.by,
        "title": str(differing.get(type_.title, original.get(type_.title, "")))[:300],
    }
    if overlay is None:
        where = {"plugin": desk.plugin.name, "kind": type_.name, "source": row["source"]}
        session.add(ContentOverlay(id=id_, version=1, **where, **fields))
    else:
        overlay.version += 1
        for name, value in fields.items():
            setattr(overlay, name, value)
    await session.flush()
    await _store(session, desk, {**source, **patch, "digest": digest_of(base_digest, patch)}, {**parts, **own}, now)
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
    return read_of(desk.type, *await _source(session, desk, row, overlay), desk.ctx), overlay


async def _source(
    session: AsyncSession, desk: Desk, row: Row, overlay: ContentOverlay | None
) -> tuple[dict[str, Any], Parts]:
    """The row and its parts as the source has them, without the correction."""
    first, *further = desk.type.tables
    parts: dict[type[FeedTable], Rows] = {}
    for table in further:
        if overlay is not None and table.__name__ in overlay.parts:
            parts[table] = {part["id"]: decoded(table, part) for part in overlay.parts[table.__name__]}
            continue
        statement = select(table).where(getattr(table, desk.type.parent) == row["id"]).order_by(table.id)
        parts[table] = {part.id: columns_of(part) for part in await session.scalars(statement)}
    return {**row, **(decoded(first, overlay.columns) if overlay else {})}, parts


async def load(session: AsyncSession, id_: str) -> ContentOverlay | None:
    return (await session.scalars(select(ContentOverlay).where(ContentOverlay.id == id_))).one_or_none()


async def imported_row(session: AsyncSession, desk: Desk, id_: str) -> dict[str, Any]:
    """An imported row as it is stored. NotFound where there is none (any more)."""
    table = desk.type.tables[0]
    found = (await session.scalars(select(table).where(table.id == id_, table.source != DESK))).one_or_none()
    if found is None:
        raise NotFound("the source does not have it any more")
    return columns_of(found)


async def lay_over(
    session: AsyncSession, plugin: Plugin, source: str, prepared: Prepared, ctx: Context[Any]
) -> Prepared:
    """The rows of an import with the city's corrections on top; what the source has changed under one is noted."""
    types = {type_.name: type_ for type_ in plugin.content if fields_of(type_)}
    if not types:
        return prepared
    mine = (ContentOverlay.plugin == plugin.name, ContentOverlay.source == source)
    overlays = (await session.scalars(select(ContentOverlay).where(*mine))).all()
    if not overlays:
        return prepared
    rows: dict[type[FeedTable], Rows] = {table: dict(found) for table, found in prepared.rows.items()}
    belonging = {name: _by_parent(type_, rows) for name, type_ in types.items()}
    for overlay in overlays:
        type_ = types.get(overlay.kind)
        row = rows.get(type_.tables[0], {}).get(overlay.id) if type_ else None
        if type_ is None or row is None:
            continue
        parts = {table: found.get(overlay.id, {}) for table, found in belonging[type_.name].items()}
        patched, own = _patched(type_, row, parts, overlay, ctx)
        rows[type_.tables[0]][overlay.id] = patched
        for table, instead in own.items():
            for id_ in parts[table]:
                del rows[table][id_]
            rows[table].update(instead)
    return Prepared(rows=rows, refused=prepared.refused)


def _by_parent(type_: ContentType, rows: Mapping[type[FeedTable], Rows]) -> dict[type[FeedTable], dict[str, Rows]]:
    """Table of parts → id of the item → its parts."""
    found: dict[type[FeedTable], dict[str, Rows]] = {}
    for table in type_.tables[1:]:
        by = found.setdefault(table, {})
        for id_, part in rows.get(table, {}).items():
            by.setdefault(part[type_.parent], {})[id_] = part
    return found


def _patched(
    type_: ContentType, row: dict[str, Any], parts: Parts, overlay: ContentOverlay, ctx: Context[Any]
) -> tuple[dict[str, Any], Parts]:
    """The row with the correction, and the parts it has instead; the correction learns what the source says now."""
    original = read_of(type_, row, parts, ctx)
    values = {name: value for name, value in overlay.values.items() if name in original}
    try:
        patch, own = patch_of(type_, row, parts, {**original, **values}, list(values), ctx)
    except (InputError, Bad):  # the type has changed since: the source's row is better than none
        return row, {}
    current = {name: original[name] for name in values}
    if current != overlay.current:
        overlay.current = current
        overlay.changed_at = ctx.clock() if current != overlay.originals else None
    columns, replaced = encoded({name: row[name] for name in patch}), packed({table: parts[table] for table in own})
    if (columns, replaced, row["digest"]) != (overlay.columns, overlay.parts, overlay.digest):
        overlay.columns, overlay.parts, overlay.digest = columns, replaced, row["digest"]
    return {**row, **patch, "digest": digest_of(row["digest"], patch)}, own


def _faults(desk: Desk, values: Mapping[str, Any], whole: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with these values; who corrects a part of an item needs all that its parts need."""
    tables = {table for name in values for table in desk.type.field(name).parts}
    found = []
    for field in fields_of(desk.type):
        if field.name not in values and not tables & set(field.parts):
            continue
        try:
            typed = KINDS[field.kind].typed(whole[field.name], field, desk.ctx)
        except Bad as bad:
            if field.name in values:
                found.append(Fault(field=field.name, code=bad.code, values=bad.values))
            continue
        if field.required and is_empty(typed):
            found.append(Fault(field=field.name, code="missing"))
    return found


async def _store(session: AsyncSession, desk: Desk, row: dict[str, Any], parts: Parts, now: datetime) -> None:
    """Write the row and its parts, and all that follows."""
    rows = {desk.type.tables[0]: {row["id"]: row}, **parts}
    stored: dict[type[FeedTable], Rows] = {}
    for table in desk.type.tables:
        names = names_of(table)
        stored[table] = {key: {n: v for n, v in one.items() if n in names} for key, one in rows[table].items()}
    prepared = Prepared(rows=stored, refused=())
    diff = await compare(session, desk.type, row["source"], prepared, None, only=[row["id"]])
    await apply(session, diff)
    await follow(session, desk.plugin, diff, now)
