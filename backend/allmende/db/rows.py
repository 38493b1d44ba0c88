"""A new row as the values of its columns, for who writes it without the unit of work of the ORM."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from allmende.db.table import Base


def row_values(row: Base) -> dict[str, Any]:
    """Column → value. What the row was not given, it is given now: the column's default."""
    given = row.__dict__
    for name, default in _defaults(type(row)):
        if name not in given:
            setattr(row, name, default())
    return {name: given[name] for name, _ in _defaults(type(row))}


@cache
def _defaults(kind: type[Base]) -> tuple[tuple[str, Callable[[], Any]], ...]:
    return tuple((column.key, _default(column.default)) for column in kind.__table__.columns)


def _default(default: Any) -> Callable[[], Any]:
    if default is None:
        return lambda: None
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)
