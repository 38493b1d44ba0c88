"""New rows without the unit of work of the ORM: made of values, and as the values of their columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from sqlalchemy.orm import configure_mappers
from sqlalchemy.orm.attributes import instance_dict, manager_of_class

from allmende.db.table import Base

RowT = TypeVar("RowT", bound=Base)


def new_row(table: type[RowT], /, **values: Any) -> RowT:
    """The same as `table(**values)`, without the history of each attribute that the ORM keeps and a new row has no use
    for: that takes longer than all else that is done for a row."""
    row: RowT = _maker(table)()
    instance_dict(row).update(values)
    return row


@cache
def _maker(table: type[Base]) -> Callable[[], Any]:
    configure_mappers()  # as the first call of a constructor does
    made: Callable[[], Any] = manager_of_class(table).new_instance
    return made


def row_values(row: Base) -> dict[str, Any]:
    """Column → value. What the row was not given, it is given now: the column's default."""
    given = row.__dict__
    for name, default in _defaults(type(row)):
        if name not in given:
            given[name] = default()
    return {name: given[name] for name, _ in _defaults(type(row))}


@cache
def _defaults(kind: type[Base]) -> tuple[tuple[str, Callable[[], Any]], ...]:
    return tuple((column.key, _default(column.default)) for column in kind.__table__.columns)


def _default(default: Any) -> Callable[[], Any]:
    if default is None:
        return lambda: None
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)
