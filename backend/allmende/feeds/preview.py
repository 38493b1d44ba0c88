"""What an import would change, item by item, without changing anything: for a person who has to decide about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.model import City
from allmende.content.overlay import lay_over
from allmende.db.table import FeedTable
from allmende.errors import AllmendeError
from allmende.feeds.importing import doubt, read_payload
from allmende.feeds.services import Services, importer_for
from allmende.importer import Payload, Refusal, Source
from allmende.items.sync import compare
from allmende.plugin import Plugin

SHOWN = 100
"""Items of each sort that are listed; all are counted."""
LENGTH = 200
"""Characters of a value that are shown."""
_BOOKKEEPING = frozenset(("city", "id", "source", "key", "digest", "fetched_at"))
Values = Sequence[tuple[str, str]]
"""(Column, value) pairs, those that hold something."""


class Item(Struct, frozen=True, kw_only=True):
    """An item that would come or go."""

    title: str
    values: Values


class Changed(Struct, frozen=True, kw_only=True):
    """An item that would be another: (column, now, then) for each value that differs."""

    title: str
    values: Sequence[tuple[str, str, str]]


class Preview(Struct, frozen=True, kw_only=True):
    """The first of the items, and how many there are of each sort."""

    added: Sequence[Item]
    changed: Sequence[Changed]
    removed: Sequence[Item]
    refused: Sequence[Refusal]
    counts: Mapping[str, int]
    """added, changed, removed, unchanged, refused."""
    doubt: str
    """Why the import would wait for a decision if it came by itself; "" if it would not."""
    valid_until: datetime | None


async def preview(services: Services, city: City, plugin: Plugin, source: Source, payload: Payload) -> Preview:
    """What importing this payload would change. FeedError where it cannot be used as a whole."""
    importer, ctx = importer_for(plugin, source), services.context(city, plugin.name)
    if importer is None or ctx is None:
        raise AllmendeError(f"{plugin.name} has no importer for the kind of this source")
    batch, prepared = await read_payload(services, city, plugin, source, importer, ctx, payload)
    async with services.database.session(city.slug) as session:
        prepared = await lay_over(session, plugin, source.id, prepared, ctx)
        diff = await compare(session, importer, source.id, prepared, batch.within)
        table = importer.tables[0]
        change = diff.changes[table]
        then = {row["id"]: row for row in change.changed[:SHOWN]}
        old = await _rows(session, table, [*then, *change.removed[:SHOWN]])
    return Preview(
        added=[_item(row) for row in change.added[:SHOWN]],
        changed=[_changed(old[id_], row) for id_, row in then.items() if id_ in old],
        removed=[_item(old[id_]) for id_ in change.removed[:SHOWN] if id_ in old],
        refused=diff.refused[:SHOWN],
        counts={
            "added": len(change.added),
            "changed": len(change.changed),
            "removed": len(change.removed),
            "unchanged": change.unchanged,
            "refused": len(diff.refused),
        },
        doubt=doubt(diff, importer, source, services),
        valid_until=batch.valid_until,
    )


async def _rows(session: AsyncSession, table: type[FeedTable], ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not ids:
        return {}
    found = await session.execute(select(table.__table__).where(table.id.in_(ids)))
    return {row["id"]: dict(row) for row in found.mappings()}


def _item(row: Mapping[str, Any]) -> Item:
    values = [(name, text) for name, value in row.items() if name not in _BOOKKEEPING and (text := _text(value))]
    return Item(title=_title(row), values=values)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changed:
    pairs = ((name, _text(old.get(name)), _text(value)) for name, value in new.items() if name not in _BOOKKEEPING)
    return Changed(
        title=_title(new), values=[(name, before, after) for name, before, after in pairs if before != after]
    )


def _title(row: Mapping[str, Any]) -> str:
    """What a person recognises the item by."""
    return next((text for name in ("title", "name", "street") if (text := _text(row.get(name)))), str(row["key"]))


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes")
    text = value.isoformat() if isinstance(value, (date, time)) else str(value)
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"
