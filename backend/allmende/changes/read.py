"""Reads the log of changes page by page, from any earlier point of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b

from msgspec import Struct
from sqlalchemy import or_, select, tuple_

from allmende.changes.tables import ChangesCity, ChangesItem
from allmende.context import Database

LAST = "g"
"""Behind all ids, which are hexadecimal: everything of this version has been seen."""


class Position(Struct, frozen=True, array_like=True):
    """How far a reader has come."""

    epoch: str
    modules: str
    """Fingerprint of the modules that were followed."""
    head: int
    """The city's version when the reader began: what was gone by then need not be told."""
    version: int
    id: str


class Changed(Struct, frozen=True):
    """One item that is new, different or gone."""

    id: str
    plugin: str
    kind: str
    deleted: bool


class Page(Struct, frozen=True):
    """`reset` means that the reader has to drop what it has: the page is the first of everything."""

    items: Sequence[Changed]
    position: Position
    more: bool
    reset: bool


async def read_changes(
    database: Database, city: str, plugins: Collection[str], since: Position | None, first: int
) -> Page:
    """What has changed in these plugins since then; without `since`, all that there is. Two statements."""
    modules = blake2b("/".join(sorted(plugins)).encode(), digest_size=6).hexdigest()
    async with database.session(city) as session:
        # Before the items: so every change up to this version is committed, and seen by the second statement.
        state = (
            await session.execute(select(ChangesCity.version, ChangesCity.epoch, ChangesCity.pruned))
        ).one_or_none()
        version, epoch, pruned = state or (0, "", 0)
        reset = since is not None and (
            since.epoch != epoch or since.modules != modules or max(since.head, since.version) < pruned
        )
        start = Position(epoch, modules, version, 0, "") if since is None or reset else since
        statement = (
            select(ChangesItem.id, ChangesItem.plugin, ChangesItem.kind, ChangesItem.deleted, ChangesItem.version)
            .where(
                ChangesItem.plugin.in_(sorted(plugins)),
                tuple_(ChangesItem.version, ChangesItem.id) > tuple_(start.version, start.id),
                or_(~ChangesItem.deleted, ChangesItem.version > start.head),
            )
            .order_by(ChangesItem.version, ChangesItem.id)
            .limit(first + 1)
        )
        rows = (await session.execute(statement)).all()
    more, rows = len(rows) > first, rows[:first]
    if more:
        at = (rows[-1].version, rows[-1].id) if rows else (start.version, start.id)
    else:
        at = (max([version, start.version, *(row.version for row in rows[-1:])]), LAST)
    return Page(
        items=[Changed(row.id, row.plugin, row.kind, row.deleted) for row in rows],
        position=Position(epoch, modules, start.head, *at),
        more=more,
        reset=reset,
    )
