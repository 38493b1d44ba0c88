"""Compares the rows of a batch with what is stored of its source, and writes the difference and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, delete, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.db.table import FeedTable
from allmende.errors import FeedError
from allmende.importer import Refusal
from allmende.items.rows import Filled, Prepared, Rows

CHUNK = 500
"""Rows per statement: bounded memory, and well below the number of parameters that either database takes."""


class Change(Struct, frozen=True, kw_only=True):
    """What an import would do to one table. Rows are complete; `removed` are ids."""

    added: Sequence[Mapping[str, Any]] = ()
    changed: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[str] = ()
    unchanged: int = 0
    owners: Collection[str] = ()
    """Of parts: the rows of the first table of which parts come, change or go."""


class Diff(Struct, frozen=True, kw_only=True):
    """What an import would do. `stored` and `deletable` count the source's rows in the first table beforehand."""

    changes: Mapping[type[FeedTable], Change]
    stored: int
    deletable: int
    refused: Sequence[Refusal]


async def compare(
    session: AsyncSession,
    filled: Filled,
    source: str,
    prepared: Prepared,
    within: ColumnElement[bool] | None,
    *,
    only: Collection[str] | None = None,
) -> Diff:
    """The difference between the rows and those stored of this source: one statement per table.

    `only` are ids of the first table: nothing but these rows and their parts is looked at.
    """
    first, *parts = filled.tables
    # An expression that says for each stored row whether the batch may delete it.
    deletable = true() if within is None else within
    statement = select(first.id, first.digest, deletable.label("deletable")).where(first.source == source)
    if only is not None:
        statement = statement.where(first.id.in_(only))
    stored = {id_: (digest, bool(may_go)) for id_, digest, may_go in await session.execute(statement)}
    new = prepared.rows[first]
    gone = {id_ for id_, (_, may_go) in stored.items() if may_go and id_ not in new}
    changes = {first: _change(new, {id_: digest for id_, (digest, _) in stored.items()}, gone)}
    refused = list(prepared.refused)
    staying = (stored.keys() | new.keys()) - gone
    for table in parts:
        owner = getattr(table, filled.parent, None)
        if owner is None:
            raise FeedError(f"{table.__tablename__} has no column {filled.parent!r} that names the owning row")
        rows, orphans = _owned(prepared.rows[table], filled.parent, staying)
        refused += orphans
        mine = select(table.id, table.digest, owner).where(table.source == source)
        if only is not None:
            mine = mine.where(owner.in_(only))
        found = (await session.execute(mine)).all()
        # An owner in the batch comes with all of its parts; one that the batch leaves alone keeps those it has.
        outdated = {id_ for id_, _, parent in found if id_ not in rows and (parent in new or parent not in staying)}
        change = _change(rows, {id_: digest for id_, digest, _ in found}, outdated)
        owners = {row[filled.parent] for row in (*change.added, *change.changed)}
        owners |= {parent for id_, _, parent in found if id_ in outdated}
        changes[table] = replace(change, owners=owners)
    return Diff(
        changes=changes,
        stored=len(stored),
        deletable=sum(may_go for _, may_go in stored.values()),
        refused=refused,
    )


async def apply(session: AsyncSession, diff: Diff) -> None:
    """Write the difference: parts are deleted before, and written after, the rows that they belong to."""
    for table, change in reversed(list(diff.changes.items())):
        for ids in chunks(change.removed):
            await session.execute(
                delete(table).where(table.id.in_(ids)), execution_options={"synchronize_session": False}
            )
    for table, change in diff.changes.items():
        for rows in chunks(change.added):
            await session.execute(insert(table), rows)
        for rows in chunks(change.changed):
            await session.execute(update(table), rows)


def touched(diff: Diff) -> tuple[set[str], set[str]]:
    """The items (rows of the first table) that are new or different, parts included, and those that are gone."""
    first, *parts = diff.changes.values()
    removed = set(first.removed)
    changed = {row["id"] for row in (*first.added, *first.changed)}
    return changed.union(*(part.owners for part in parts)) - removed, removed


def chunks(items: Sequence[Any]) -> Iterator[list[Any]]:
    """The items in lists of at most CHUNK."""
    for start in range(0, len(items), CHUNK):
        yield list(items[start : start + CHUNK])


def _change(rows: Rows, stored: Mapping[str, str], removed: Iterable[str]) -> Change:
    added = [row for id_, row in rows.items() if id_ not in stored]
    changed = [row for id_, row in rows.items() if id_ in stored and stored[id_] != row["digest"]]
    return Change(
        added=added, changed=changed, removed=sorted(removed), unchanged=len(rows) - len(added) - len(changed)
    )


def _owned(rows: Rows, parent: str, staying: set[str]) -> tuple[Rows, list[Refusal]]:
    """The rows whose owner is or stays there, and refusals of the others."""
    owned = {id_: row for id_, row in rows.items() if row.get(parent) in staying}
    refused = [
        Refusal(place=repr(row["key"][:80]), reason="belongs to an item that was not imported")
        for id_, row in rows.items()
        if id_ not in owned
    ]
    return owned, refused
