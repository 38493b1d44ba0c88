"""Long lists in pages, by cursor: each page is one statement, and nothing is skipped or shown twice."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from allmende.errors import InputError

T = TypeVar("T")
FIRST = 50
Order = Sequence[tuple[InstrumentedAttribute[Any], bool]]
"""Columns, each with whether it descends; the last is unique, none holds NULL."""


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list. Macro `pages` of templates/macros/list.html leads to the others."""

    rows: Sequence[T]
    after: str = ""
    """The cursor that this page begins behind; empty on the first."""
    more: str = ""
    """The cursor of the next page; empty on the last."""


async def listed(
    session: AsyncSession, statement: Select[Any], order: Order, *, after: str = "", first: int = FIRST
) -> Listing[Any]:
    """The entities of the statement (`select(Entity).where(…)`) behind the cursor, in this order."""
    if after:
        statement = statement.where(_behind(order, _opened(after, order)))
    statement = statement.order_by(*(column.desc() if down else column.asc() for column, down in order))
    rows = (await session.scalars(statement.limit(first + 1))).all()
    more = _sealed([getattr(rows[first - 1], column.key) for column, _ in order]) if len(rows) > first else ""
    return Listing(rows=rows[:first], after=after, more=more)


def _behind(order: Order, values: Sequence[Any]) -> ColumnElement[bool]:
    """(a, b) after (x, y): a > x, or a = x and b > y; written out, since columns may run either way."""
    alternatives = []
    for index, (column, down) in enumerate(order):
        same = [each == values[i] for i, (each, _) in enumerate(order[:index])]
        alternatives.append(and_(*same, column < values[index] if down else column > values[index]))
    return or_(*alternatives)


def _sealed(values: Sequence[Any]) -> str:
    return urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def _opened(cursor: str, order: Order) -> Sequence[Any]:
    try:
        raw = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[Any])
        kinds = [column.type.python_type for column, _ in order]
        values = [
            msgspec.convert(value, kind, strict=kind is not datetime) for value, kind in zip(raw, kinds, strict=True)
        ]
    except (ValueError, msgspec.ValidationError) as error:
        raise InputError("after: this is not a cursor of this list") from error
    return values
