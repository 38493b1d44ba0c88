"""What else belongs to a row: its children, read for all rows of a list together, and the same row as another type.

class EventsEvent(FeedItem):
    occurrences: list[EventsDate] = children(siblings, of=Occurrence.parent, by=Occurrence.parent, description="…")

class EventsPin(MapFeature):
    event: EventsEvent = same(EventsEvent, description="…")
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar

from msgspec import Struct

from allmende.context import Context
from allmende.db.prepared import Prepared
from allmende.graphql.plan.declare import BESIDE, Beside, Column, declared, made_of, read

T = TypeVar("T")


class Children(Struct, frozen=True, eq=False):
    """Rows that belong to the rows of a list."""

    ask: Callable[..., Prepared]
    kind: type
    of: Column
    by: Column

    def asked(self, ctx: Context[Any], parents: Iterable[Any], arguments: Mapping[str, Any]) -> Prepared | None:
        """The statement for all these rows; None where none of them can have children."""
        keys = sorted({parent for parent in parents if parent is not None})
        return self.ask(ctx, padded(keys), **arguments) if keys else None


class Same(Struct, frozen=True, eq=False):
    """The row itself, as another type shows it."""

    kind: type


def children(ask: Callable[..., Prepared], kind: type, *, of: Column, by: Column, description: str) -> Any:
    """A list of `kind` below each row: `ask(ctx, parents, …)` gives one statement for the children of all rows shown.

    `parents` are what the rows have in their column `of`, and the children in theirs `by`; a key may stand there more
    than once. What else `ask` takes are arguments of the field.
    """
    made = Children(ask, kind, of, by)

    @functools.wraps(ask)
    async def resolve(self: Any, **arguments: Any) -> Any:
        key = (made, repr(arguments))
        groups = await _once(self, key, lambda ctx, rows: _grouped(made, ctx, rows, arguments))
        return groups.get(read(self.row, of), [])

    given = list(signature(ask).parameters.values())[2:]
    # Strawberry reads arguments from it; mypy knows of none, since a function has it only once it is set.
    resolve.__signature__ = Signature([Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *given])  # type: ignore[attr-defined]
    resolve.__annotations__ = {each.name: each.annotation for each in given}
    return declared(resolve, description, made)


def same(kind: type, *, description: str) -> Any:
    """The row itself as a `kind`: what a pin or a hit is about. What a list shares, both have."""

    def resolve(self: Any) -> Any:
        beside = getattr(self, BESIDE, None) or Beside((self.row,), {})
        (made,) = made_of(kind, None, self.ctx, [self.row], beside.shared)
        setattr(made, BESIDE, beside)
        return made

    return declared(resolve, description, Same(kind))


def listed(kind: type[T], ctx: Context[Any], rows: Sequence[Any], **shared: Any) -> list[T]:
    """The objects of rows that were read otherwise, as one list: what belongs to them is read for all together."""
    made: list[T] = made_of(kind, None, ctx, rows, shared)
    return made


async def together(one: Any, load: Callable[[Context[Any], Sequence[Any]], Awaitable[T]]) -> T:
    """What `load(ctx, rows)` gives for all the rows of the list that an object is of; it is called once for them.

    For what `children` cannot say, as a statement of its own. `load` is a function of the module, not made for a call.
    """
    found: T = await _once(one, load, load)
    return found


async def _once(one: Any, key: Any, load: Callable[[Context[Any], Sequence[Any]], Any]) -> Any:
    beside = getattr(one, BESIDE, None) or Beside((one.row,), {})
    if key not in beside.asked:
        beside.asked[key] = asyncio.ensure_future(load(one.ctx, beside.rows))
    return await asyncio.shield(beside.asked[key])


async def _grouped(
    made: Children, ctx: Context[Any], rows: Sequence[Any], arguments: Mapping[str, Any]
) -> Mapping[Any, list[Any]]:
    asked = made.asked(ctx, (read(row, made.of) for row in rows), arguments)
    groups: dict[Any, list[Any]] = {}
    if asked is not None:
        found = await asked.scalars(ctx)
        for row, shown in zip(found, made_of(made.kind, None, ctx, found, asked.shared), strict=True):
            groups.setdefault(read(row, made.by), []).append(shown)
    return groups


def padded(keys: list[Any]) -> list[Any]:
    """As many as the next power of two, by repetition, so that few shapes of a statement are prepared."""
    return keys + keys[-1:] * ((1 << (len(keys) - 1).bit_length()) - len(keys)) if keys else keys
