"""How a plugin's types say where their values come from, once for resolvers and plans alike.

    class EventsEvent:
        title: str = column(Event.title, description="…")
        category: str | None = computed(first_category, Event.categories, description="…")
        venue: EventsVenue | None = part(EventsVenue, name=Event.venue_name, description="…")

    class Events(CityModule):
        @rows(EventsEvent, visible=PUBLIC, description="…")
        def upcoming(self, first: int = 10) -> Prepared: …

A type with such fields has a `ctx` and a `row`. A declaration makes an ordinary field, with a resolver that reads the
row; plans read the declaration instead. Fields without one stay with graphql-core.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Optional

import strawberry
from msgspec import Struct
from sqlalchemy import inspect
from sqlalchemy.orm import InstrumentedAttribute

from allmende.context import Context
from allmende.db.prepared import Prepared
from allmende.graphql.pages import Order, Paging, connection
from allmende.graphql.types import Connection, Edge
from allmende.graphql.visibility import field
from allmende.visibility import PUBLIC, Visibility

PLAN = "allmende_plan"
BESIDE = "_beside"
"""Attribute of an object made of a row: the rows that were read with it."""
Column = InstrumentedAttribute[Any]
Make = Callable[[Context[Any], Sequence[Any], Mapping[str, Any]], list[Any]]


class Beside:
    """The rows of one list, and what was asked for all of them together."""

    def __init__(self, rows: Sequence[Any], shared: Mapping[str, Any]) -> None:
        self.rows, self.shared = rows, shared
        self.asked: dict[Any, asyncio.Future[Any]] = {}


class Computed(Struct, frozen=True, eq=False):
    """A value that a function makes of the context and some columns."""

    function: Callable[..., Any]
    columns: tuple[Column, ...]
    given: str
    """An attribute that the objects of one list share, given to the function ahead of the columns; empty for none."""
    steady: bool
    """The same for the same columns, city and language at any time; worked out once for each combination."""


class Translated(Struct, frozen=True, eq=False):
    """A text in the reader's language where it was translated, else as it is."""

    own: Column
    translations: Column
    """JSON: language → name → text; NULL in most rows."""
    name: str
    optional: bool

    def text(self, ctx: Context[Any], own: str | None, translations: Mapping[str, Any] | None) -> str | None:
        found: str | None = ((translations or {}).get(ctx.language) or {}).get(self.name) or own
        return found or None if self.optional else found


class Part(Struct, frozen=True, eq=False):
    """An object of some columns of the same row; null where `all_of` or `any_of` say that there is nothing."""

    kind: type
    fields: Mapping[str, Column | Part]
    all_of: tuple[Column, ...] = ()
    any_of: tuple[Column, ...] = ()

    def make(self, row: Any) -> Any:
        if any(missing(read(row, column)) for column in self.all_of):
            return None
        if self.any_of and all(missing(read(row, column)) for column in self.any_of):
            return None
        values = {name: one.make(row) if isinstance(one, Part) else read(row, one) for name, one in self.fields.items()}
        return self.kind(**values)


class Rows(Struct, frozen=True, eq=False):
    """A field of a module that shows rows of a prepared statement."""

    kind: type
    ask: Callable[..., Any]
    """The method: module and arguments → Prepared (or an awaitable of it, or None for no rows). What no statement can
    say, it gives as a list of objects, which is for graphql-core."""
    many: bool
    once: tuple[Column, ...] = ()
    """Of rows that agree in these columns, the first is shown."""


class Pages(Struct, frozen=True, eq=False):
    """A field of a module that shows rows of a prepared statement in pages."""

    ask: Callable[..., Any]
    """The method: module and arguments → Prepared (or an awaitable of it)."""
    paging: Paging


def column(source: Column, *, description: str) -> Any:
    """The value of a column. An instant is shown with the city's UTC offset."""
    if source.type.python_type is datetime:

        def resolve(self: Any) -> Any:
            moment = read(self.row, source)
            return None if moment is None else self.ctx.localize(moment)
    else:

        def resolve(self: Any) -> Any:
            return read(self.row, source)

    return declared(resolve, description, source)


def computed(
    function: Callable[..., Any], *columns: Column, description: str, given: str = "", steady: bool = False
) -> Any:
    """What `function(ctx, *values)` makes of the columns. It must not ask the database.

    With `given`, it is `function(ctx, shared, *values)`: the attribute of that name, which a statement gives to the
    objects of all its rows by `sharing` (from where distances are measured); None where it does not.

    `steady` promises that the result depends on nothing but the values, the city and the language, in particular not
    on the time; then it is worked out once for each combination and kept, until there are very many.
    """

    if given and steady:
        raise TypeError("what depends on something given is not steady")

    def resolve(self: Any) -> Any:
        shared = (getattr(self, given, None),) if given else ()
        return function(self.ctx, *shared, *(read(self.row, each) for each in columns))

    return declared(resolve, description, Computed(function, columns, given, steady))


def translated(own: Column, translations: Column, name: str, *, description: str, optional: bool = False) -> Any:
    """A text that the town hall may have translated: `translations` (language → name → text) has it, or else `own`.

    `optional` makes null of an empty text.
    """
    made = Translated(own, translations, name, optional)

    def resolve(self: Any) -> Any:
        return made.text(self.ctx, read(self.row, own), read(self.row, translations))

    return declared(resolve, description, made)


def part(
    kind: type,
    *,
    description: str,
    all_of: Sequence[Column] = (),
    any_of: Sequence[Column] = (),
    **fields: Column | Part,
) -> Any:
    """An object (of a type with plain attributes) made of columns of the same row.

    It is null where one of `all_of` is missing, or where all of `any_of` are; missing means NULL or an empty text.
    Columns of instants do not fit in here.
    """
    made = parted(kind, all_of=all_of, any_of=any_of, **fields)

    def resolve(self: Any) -> Any:
        return made.make(self.row)

    return declared(resolve, description, made)


def parted(
    kind: type, *, all_of: Sequence[Column] = (), any_of: Sequence[Column] = (), **fields: Column | Part
) -> Part:
    """A part within a part."""
    return Part(kind, fields, tuple(all_of), tuple(any_of))


def rows(
    kind: type,
    *,
    visible: Visibility,
    description: str,
    name: str | None = None,
    make: Make | None = None,
    once: Sequence[Column] = (),
    optional: bool = False,
) -> Callable[[Callable[..., Any]], Any]:
    """A list of `kind`: the method checks its arguments and gives the prepared statement of the rows.

    `make(ctx, rows, shared)` makes the objects where `kind(ctx=…, row=…, **shared)` is not enough. Of rows that agree
    in the columns `once`, the first is shown. An `optional` list is null, with an error, where the method raises.
    """
    _only_public(visible)
    shape: Any = Optional[list[kind]] if optional else list[kind]  # type: ignore[valid-type]  # noqa: UP045 (a value)
    options = {"visible": visible, "description": description, "name": name, "graphql_type": shape}
    return functools.partial(_rows, kind, make, True, tuple(once), options)


def row(
    kind: type,
    *,
    visible: Visibility,
    description: str,
    name: str | None = None,
    make: Make | None = None,
) -> Callable[[Callable[..., Any]], Any]:
    """One `kind`, the first row of the statement; null where there is none."""
    _only_public(visible)
    shape: Any = Optional[kind]  # noqa: UP045 (a value, not an annotation)
    options = {"visible": visible, "description": description, "name": name, "graphql_type": shape}
    return functools.partial(_rows, kind, make, False, (), options)


def paged(
    kind: type,
    *,
    order: Order,
    visible: Visibility,
    description: str,
    name: str | None = None,
    make: Make | None = None,
    cap: int = 100,
) -> Callable[[Callable[..., Any]], Any]:
    """A list in pages, as a Connection: the method has the arguments `first` and `after`, looks at neither, and gives
    the prepared statement of all rows. `order` and `cap` are those of `paginate`, `make` is that of `rows`.
    """
    _only_public(visible)
    shape: Any = Connection[kind]  # type: ignore[valid-type]  # (a value, not an annotation)
    options = {"visible": visible, "description": description, "name": name, "graphql_type": shape}
    return functools.partial(_paged, kind, make, Paging(order, cap), options)


def _only_public(visible: Visibility) -> None:
    """Plans answer everybody alike, and never ask who it is."""
    if visible is not None and visible != PUBLIC:
        raise TypeError("rows and row are for what is PUBLIC; write @field(visible=…) with a resolver for the rest")


def _rows(
    kind: Any, make: Make | None, many: bool, once: tuple[Column, ...], options: dict[str, Any], ask: Callable[..., Any]
) -> Any:
    @functools.wraps(ask)
    async def resolve(self: Any, **arguments: Any) -> Any:
        asked = ask(self, **arguments)
        statement: Prepared | list[Any] | None = await asked if asyncio.iscoroutine(asked) else asked
        if isinstance(statement, list):
            return statement
        found = await statement.scalars(self.ctx, once=once) if statement is not None else ()
        made = made_of(kind, make, self.ctx, found if many else found[:1], statement.shared if statement else {})
        return made if many else next(iter(made), None)

    return _declared(field(resolver=resolve, **options), Rows(kind, ask, many, once))


def _paged(kind: Any, make: Make | None, paging: Paging, options: dict[str, Any], ask: Callable[..., Any]) -> Any:
    @functools.wraps(ask)
    async def resolve(self: Any, **arguments: Any) -> Any:
        asked = ask(self, **arguments)
        statement: Prepared = await asked if asyncio.iscoroutine(asked) else asked
        first, after = arguments["first"], arguments.get("after")
        found = await paging.page(statement, first, after).scalars(self.ctx)
        nodes = made_of(kind, make, self.ctx, found[:first], statement.shared)
        cursors = [paging.cursor([read(each, column) for column, _ in paging.order]) for each in found[:first]]

        async def count() -> int:
            ((total,),) = await paging.count(statement).tuples(self.ctx)
            return int(total)

        edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]
        return connection(edges, more=len(found) > first, after=after, counter=count)

    return _declared(field(resolver=resolve, **options), Pages(ask, paging))


def made_of(kind: Any, make: Make | None, ctx: Context[Any], found: Sequence[Any], shared: Mapping[str, Any]) -> Any:
    """The objects of these rows."""
    if make:
        return make(ctx, found, shared)
    made = [kind(ctx=ctx, row=each, **shared) for each in found]
    beside = Beside(found, shared)
    for each in made:
        setattr(each, BESIDE, beside)
    return made


def read(entity: Any, source: Column) -> Any:
    """The column of the row, or of the entity that the row was read together with."""
    here: Any = type(entity)
    there: Any = source.class_
    if isinstance(entity, there):
        return getattr(entity, source.key)
    return getattr(getattr(entity, _relation(here, there)), source.key)


@functools.lru_cache
def _relation(here: Any, there: Any) -> str:
    relations: Any = inspect(here).relationships
    return next(str(name) for name, one in relations.items() if one.mapper.class_ is there)


def missing(value: Any) -> bool:
    return value is None or value == ""


def declared(resolve: Callable[..., Any], description: str, plan: Any) -> Any:
    """A field with this resolver, and what plans read instead."""
    made = strawberry.field(resolver=resolve, description=description)
    # What Strawberry puts on the class: so `item.title` is the title for Python too, not a method that gives it.
    made.base_resolver._descriptor = property(resolve)
    return _declared(made, plan)


def _declared(made: Any, plan: Any) -> Any:
    made.metadata = {**made.metadata, PLAN: plan}
    return made
