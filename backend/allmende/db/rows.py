"""New rows without the unit of work of the ORM: made of values, and as the values of their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy.orm import configure_mappers
from sqlalchemy.orm.attributes import instance_dict, manager_of_class

from allmende.db.table import Base, CityTable

RowT = TypeVar("RowT", bound=Base)
New = tuple[type[CityTable], dict[str, Any]]
"""A new row: its table, and by name the values that it is given."""


def new_row(table: type[RowT], /, **values: Any) -> RowT:
    """The same as `table(**values)`, without the history of each attribute that the ORM keeps and a new row has no use
    for: that takes longer than all else that is done for a row."""
    row: RowT = _maker(table)()
    instance_dict(row).update(values)
    return row


def new_values(row: CityTable) -> New:
    """The same as values."""
    return type(row), row.__dict__


@cache
def _maker(table: type[Base]) -> Callable[[], Any]:
    configure_mappers()  # as the first call of a constructor does
    made: Callable[[], Any] = manager_of_class(table).new_instance
    return made


class Lacking(Struct, frozen=True, eq=False):
    """What rows of a table have that they were not given: the defaults of its columns."""

    constants: Mapping[str, Any]
    """What is the same in all of them."""
    made: Sequence[tuple[str, Callable[[], Any]]]
    """What each is given another one of."""

    def give(self, values: dict[str, Any]) -> None:
        values.update(self.constants)
        for name, make in self.made:
            values[name] = make()

    def __bool__(self) -> bool:
        return bool(self.constants or self.made)


@lru_cache(maxsize=500)
def lacking(table: type[Base], given: tuple[str, ...]) -> Lacking:
    """What rows of this table lack that were given these."""
    others = [(one.key, one.default) for one in table.__table__.columns if one.key not in given]
    made = [(name, _made(default)) for name, default in others if default is not None and default.is_callable]
    constants = {name: default and default.arg for name, default in others if name not in dict(made)}
    return Lacking(constants, made)


def row_values(table: type[Base], given: dict[str, Any]) -> dict[str, Any]:
    """Column → value. What the row was not given, it is given now: the column's default."""
    lacking(table, tuple(given)).give(given)
    return {column.key: given[column.key] for column in table.__table__.columns}


def _made(default: Any) -> Callable[[], Any]:
    return lambda: default.arg(None)
