"""Pages of lists that can grow: by keyset, so that page 1,000 costs what page 1 costs and nothing shows twice."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from allmende.context import Context
from allmende.db.prepared import Prepared, Template
from allmende.errors import InputError
from allmende.graphql.limits.document import check_text
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
    paging = Paging(order, cap)
    begun = None if after is None else paging.values(after)
    statement_after = paging.turned(statement, first, begun)
    async with ctx.session() as session:
        rows = list((await session.scalars(statement_after)).all())

    async def count() -> int:
        async with ctx.session() as session:
            inner = statement.order_by(None).subquery()
            return (await session.scalar(select(func.count()).select_from(inner))) or 0

    edges = [
        Edge(cursor=paging.cursor([getattr(row, column.key) for column, _ in order]), node=make(row))
        for row in rows[:first]
    ]
    return connection(edges, more=len(rows) > first, after=after, counter=count)


class Paging:
    """How a list is cut into pages."""

    def __init__(self, order: Order, cap: int = 100) -> None:
        self.order, self.cap = tuple(order), cap
        self.tag = _fingerprint(order)
        self.templates: dict[Template, tuple[Template, Template]] = {}
        """Statement of the whole list → of one page, and of the number of rows."""

    def page(self, asked: Prepared, first: int, after: str | None) -> Prepared:
        """The rows of a page, and the one behind it if there is one. Raises InputError as `paginate` does."""
        check_first(first, self.cap)
        values = None if after is None else self.values(after)
        page = self._templates(asked.template)[0]
        # In lists, which are bound: an int alone would be part of the statement.
        places = [None if value is None else [value] for value in values or [None] * len(self.order)]
        named = {f"page_{number}": place for number, place in enumerate(places)}
        return page(**asked.values, page_first=first, page_begun=values is not None, **named)

    def count(self, asked: Prepared) -> Prepared:
        """The number of rows in all pages."""
        return self._templates(asked.template)[1](**asked.values)

    def turned(self, statement: Select[Any], first: int, begun: Sequence[Any] | None) -> Select[Any]:
        """The statement of a page, which begins behind these values."""
        if begun is not None:
            statement = statement.where(_beyond(self.order, begun))
        return statement.order_by(None).order_by(*_ordering(self.order)).limit(first + 1)

    def cursor(self, values: Sequence[Any]) -> str:
        return encode_cursor(self.tag, values)

    def values(self, after: str) -> list[Any]:
        """What a cursor says, as values of the columns."""
        raw = decode_cursor(after, self.tag, len(self.order))
        return [_typed(column, value) for (column, _), value in zip(self.order, raw, strict=True)]

    def _templates(self, template: Template) -> tuple[Template, Template]:
        if template not in self.templates:
            places = tuple(f"page_{number}" for number in range(len(self.order)))

            def page(page_first: int, page_begun: bool, **values: Any) -> Select[Any]:
                begun = [place[0] if (place := values.pop(name)) else None for name in places]
                return self.turned(template.build(**values), page_first, begun if page_begun else None)

            def count(**values: Any) -> Select[Any]:
                inner = template.build(**values).order_by(None).subquery()
                # With a limit, as lists have that share a round trip.
                return select(func.count().label("total")).select_from(inner).limit(1)

            names = (*template.names, "page_first", "page_begun", *places)
            self.templates[template] = Template(page, names), Template(count, template.names)
        return self.templates[template]


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
        for part in parts:
            if isinstance(part, str):
                check_text(part)
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError, InputError) as error:
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


def _beyond(order: Order, values: Sequence[Any]) -> ColumnElement[bool]:
    """The rows that come after the values: greater in the first column, or equal there and greater in the next …"""
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
    """The value as the column's Python type (an instant is text in the cursor), if the column could hold it: whoever
    makes a cursor up must not be able to make the module fail."""
    if value is None:
        if not _nullable(column):
            raise InputError("after: not a cursor of this list; leave it out to begin anew", code="BAD_CURSOR")
        return None
    try:
        typed = msgspec.convert(value, column.type.python_type)
        if isinstance(typed, datetime):
            return as_instant(typed)
        if isinstance(typed, int) and abs(typed) >= 2 ** (63 if isinstance(column.type, BigInteger) else 31):
            raise ValueError
    except (ValueError, OverflowError, NotImplementedError) as error:
        raise InputError("after: not a cursor of this list; leave it out to begin anew", code="BAD_CURSOR") from error
    return typed


def as_instant(given: datetime) -> datetime:
    """In UTC. ValueError or OverflowError for what is no instant, or leaves the calendar there."""
    if given.tzinfo is None:
        raise ValueError("no offset")
    return given.astimezone(UTC)
