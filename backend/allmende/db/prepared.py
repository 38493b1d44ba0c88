"""Statements that are written once and run often: what changes from question to question is bound, not built in.

SQLAlchemy needs longer to build a statement than the database needs to answer it. A prepared statement is built once
for each combination of values that are there and values that are missing; it serves resolvers and plans alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache, update_wrapper
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import BindParameter, Select, bindparam

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy.ext.asyncio import AsyncSession

    from allmende.db.table import CityTable

SHAPES = 256
"""Built statements that each template keeps."""
TOGETHER = 32
"""Calls of `insert` that become one transaction at most."""
_BOUND = ":"
_LOOKED_AT = (bool, int, list, tuple)
"""Types of which the value, or its length, is part of the statement."""


class _Context(Protocol):
    """The part of a context that reading needs."""

    @property
    def city(self) -> Any: ...
    @property
    def database(self) -> Any: ...
    def session(self) -> AbstractAsyncContextManager[AsyncSession]: ...


class Template:
    """Builds a statement of bind parameters; made by `@prepared`, called with values."""

    def __init__(self, build: Callable[..., Select[Any]], names: Sequence[str] | None = None) -> None:
        update_wrapper(self, build)
        self.build = build
        self.names = tuple(signature(build).parameters if names is None else names)
        self.select = lru_cache(maxsize=SHAPES)(self._select)
        self._patterns: dict[tuple[type, ...], tuple[tuple[Any, ...], tuple[int, ...]]] = {}

    def __call__(self, **values: Any) -> Prepared:
        return Prepared(self, values)

    def place(self, bound: str) -> str:
        """Where the value of a bind parameter lies among the values, as Python writes it: `["start"]`, `["ids"][0]`."""
        name, _, number = ("", "", "") if bound in self.names else bound.rpartition("_")
        return f"[{name!r}][{int(number)}]" if name else f"[{bound!r}]"

    def shape(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """What the statement's text depends on. Of most values that is their type alone."""
        given = tuple(map(values.__getitem__, self.names))
        types = tuple(map(type, given))
        shape, looked_at = self._patterns.get(types) or self._pattern(types)
        if not looked_at:
            return shape
        kinds = list(shape)
        for place in looked_at:
            kinds[place] = _kind(given[place])
        return tuple(kinds)

    def _pattern(self, types: tuple[type, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
        """The shape of values of these types, and the places at which the value itself has to be looked at."""
        if len(self._patterns) >= SHAPES:
            self._patterns.clear()
        looked_at = tuple([place for place, kind in enumerate(types) if issubclass(kind, _LOOKED_AT)])
        found = tuple([None if kind is type(None) else _BOUND for kind in types]), looked_at
        self._patterns[types] = found
        return found

    def _select(self, shape: tuple[Any, ...]) -> Select[Any]:
        return self.build(**dict(zip(self.names, map(_placeholder, self.names, shape), strict=True)))


class Prepared:
    """A statement with its values, ready to run."""

    __slots__ = ("enough", "otherwise", "shape", "shared", "template", "values")

    def __init__(self, template: Template, values: Mapping[str, Any]) -> None:
        self.template = template
        self.values = values
        self.shared: Mapping[str, Any] = {}
        """What the objects of all rows have in common: name of an attribute → value."""
        self.otherwise: Prepared | None = None
        """What is asked instead where this one finds less than `enough` rows."""
        self.enough = 0
        self.shape = template.shape(values)

    def sharing(self, **shared: Any) -> Prepared:
        """The same, for objects that all have these attributes."""
        self.shared = shared
        return self

    def or_else(self, other: Prepared, *, enough: int) -> Prepared:
        """The same, unless it finds less than `enough` rows: then the other one is asked instead."""
        self.otherwise, self.enough = other, enough
        return self

    @property
    def statement(self) -> Select[Any]:
        return self.template.select(self.shape)

    @property
    def parameters(self) -> dict[str, Any]:
        """What to execute `statement` with."""
        bound: dict[str, Any] = {}
        for name, kind in zip(self.template.names, self.shape, strict=True):
            if kind == _BOUND:
                bound[name] = self.values[name]
            elif type(kind) is tuple:
                bound |= {f"{name}_{number}": each for number, each in enumerate(self.values[name])}
        return bound

    @property
    def key(self) -> tuple[Any, ...]:
        """The values, to tell two questions apart."""
        return tuple([tuple(value) if isinstance(value, list) else value for value in self.values.values()])

    async def scalars(self, ctx: _Context, *, once: Sequence[Any] = ()) -> Sequence[Any]:
        """The entities that the statement selects; of those that agree in the columns `once`, the first."""
        async with ctx.session() as session:
            found = (await session.scalars(self.statement, self.parameters)).all()
        if self.otherwise is not None and len(found) < self.enough:
            return await self.otherwise.scalars(ctx, once=once)
        if not once:
            return found
        return list({tuple(getattr(row, column.key) for column in once): row for row in reversed(found)}.values())[::-1]

    async def tuples(self, ctx: _Context, *columns: Any) -> Sequence[Sequence[Any]]:
        """These columns of the rows, without the ORM: for what is asked so often that entities cost too much. Without
        any, those that the statement selects (sums and counts too).

        Short lists are kept until something changes in their tables.
        """
        rows: Sequence[Sequence[Any]] = await ctx.database.tuples(ctx.city.slug, self, columns)
        return rows


class Room(NamedTuple):
    """A limit: something new is written only while `taken` makes a statement that gives a number less than `most`."""

    taken: Callable[[], Prepared]
    most: int
    of: Hashable = None
    """What is limited. Given where each row that is written takes one, and one `insert` (or transaction) writes one:
    then it need not be counted each time."""


async def taken(session: AsyncSession, room: Room) -> int:
    """How much of the room is taken."""
    counting = room.taken()
    return int(await session.scalar(counting.statement, counting.parameters) or 0)


class Key(NamedTuple):
    """Columns, besides the city, by which a row of a table is found to be there already."""

    table: type[CityTable]
    columns: tuple[str, ...]


def prepared(build: Callable[..., Select[Any]]) -> Template:
    """Make a function that builds a statement into one that is called with values.

    It is given a bind parameter for each value, None where the value is None, a list of bind parameters for a list, and
    a number or a truth value as it is (a LIMIT, a switch). So it must not look at values: ask `is not None`.
    """
    return Template(build)


def _kind(value: Any) -> Any:
    """The part of a value that the statement's text depends on."""
    if value is None or type(value) is bool or type(value) is int:
        return value
    return (_BOUND, len(value)) if isinstance(value, list | tuple) else _BOUND


def _placeholder(name: str, kind: Any) -> Any:
    if kind == _BOUND:
        return bindparam(name)
    if isinstance(kind, tuple):
        many: list[BindParameter[Any]] = [bindparam(f"{name}_{number}") for number in range(kind[1])]
        return many
    return kind
