"""Pages of lists that can grow: by keyset, so that page 1,000 costs what page 1 costs and nothing shows twice."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from allmende.context import Context
from allmende.errors import InputError
from allmende.graphql.types import Connection, Edge, PageInfo

T = TypeVar("T")
Direction = Literal["asc", "desc"]
Order = Sequence[tuple[InstrumentedAttribute[Any], Direction]]

VERSION = 1
MAX_CURSOR = 2_000


async def paginate(
    ctx: Context[Any],
    statement: Select[Any],
    *,
    order: Order,
    first: int,
    after: str | None = None,
    make: Callable[[Any], T],
    cap: int = 100,
) -> Connection[T]:
    """One page of `statement`, a select() of one entity, as a connection; one SQL statement.

    `order` must end in a column that is unique; where a column may be NULL, its NULLs come last, on every database and
    in both directions. Raises InputError for a `first` or an `after` that cannot be used.
    """
    check_first(first, cap)
    tag = _fingerprint(order)
    if after is not None:
        statement_after = statement.where(_beyond(order, decode_cursor(after, tag, len(order))))
    else:
        statement_after = statement
    statement_after = statement_after.order_by(None).order_by(*_ordering(order)).limit(first + 1)
    async with ctx.session() as session:
        rows = list((await session.scalars(statement_after)).all())

    async def count() -> int:
        async with ctx.session() as session:
            inner = statement.order_by(None).subquery()
            return (await session.scalar(select(func.count()).select_from(inner))) or 0

    edges = [
        Edge(cursor=encode_cursor(tag, [getattr(row, column.key) for column, _ in order]), node=make(row))
        for row in rows[:first]
    ]
    return connection(edges, more=len(rows) > first, after=after, counter=count)


def connection(
    edges: list[Edge[T]], *, more: bool, after: str | None, counter: Callable[[], Awaitable[int]]
) -> Connection[T]:
    """A connection of edges that were read elsewhere (in memory, from several plugins)."""
    info = PageInfo(
        has_next_page=more,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, counter=counter)


def check_first(first: int, cap: int = 100) -> None:
    """Refuse a page size that is negative or above the cap."""
    if not 0 <= first <= cap:
        raise InputError(f"first: {first} is not between 0 and {cap}", code="BAD_FIRST")


def encode_cursor(tag: str, values: Sequence[Any]) -> str:
    """An opaque cursor that holds a version, the list's tag and the sort values of one item."""
    return urlsafe_b64encode(msgspec.json.encode([VERSION, tag, *values])).rstrip(b"=").decode()


def decode_cursor(text: str, tag: str, size: int) -> list[Any]:
    """The sort values of a cursor; BAD_CURSOR where it is not one of this list."""
    try:
        if len(text) > MAX_CURSOR:
            raise ValueError
        raw = text.encode("ascii")
        parts = msgspec.json.decode(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)), type=list[Any])
        if parts[:2] != [VERSION, tag] or len(parts) != size + 2:
            raise ValueError
    except (ValueError, binascii.Error, msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InputError("after: not a cursor of this list; leave it out to begin anew", code="BAD_CURSOR") from error
    return parts[2:]


def _fingerprint(order: Order) -> str:
    """What tells the cursors of one list from those of another."""
    text = ",".join(f"{column.class_.__tablename__}.{column.key} {direction}" for column, direction in order)
    return blake2b(text.encode(), digest_size=4).hexdigest()


def _nullable(column: InstrumentedAttribute[Any]) -> bool:
    return bool(getattr(column.property.columns[0], "nullable", True))


def _ordering(order: Order) -> list[ColumnElement[Any]]:
    terms: list[ColumnElement[Any]] = []
    for column, direction in order:
        if _nullable(column):
            terms.append(column.is_(None).asc())
        terms.append(column.asc() if direction == "asc" else column.desc())
    return terms


def _beyond(order: Order, raw: Sequence[Any]) -> ColumnElement[bool]:
    """The rows that come after the values: greater in the first column, or equal there and greater in the next …"""
    values = [_typed(column, value) for (column, _), value in zip(order, raw, strict=True)]
    cases: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for (column, direction), value in zip(order, values, strict=True):
        cases.append(and_(*equal, _later(column, direction, value)))
        equal.append(column.is_(None) if value is None else column == value)
    first, direction = order[0]
    beyond = or_(*cases)
    if _nullable(first):
        return beyond
    # Implied by the cases, but this is the form in which both databases use the index.
    return and_(first >= values[0] if direction == "asc" else first <= values[0], beyond)


def _later(column: InstrumentedAttribute[Any], direction: Direction, value: Any) -> ColumnElement[bool]:
    if value is None:
        return false()
    later: ColumnElement[bool] = column > value if direction == "asc" else column < value
    return or_(later, column.is_(None)) if _nullable(column) else later


def _typed(column: InstrumentedAttribute[Any], value: Any) -> Any:
    """The value as the column's Python type (an instant is text in the cursor)."""
    if value is None:
        if not _nullable(column):
            raise InputError("after: not a cursor of this list; leave it out to begin anew", code="BAD_CURSOR")
        return None
    try:
        return msgspec.convert(value, column.type.python_type)
    except (msgspec.ValidationError, NotImplementedError) as error:
        raise InputError("after: not a cursor of this list; leave it out to begin anew", code="BAD_CURSOR") from error
