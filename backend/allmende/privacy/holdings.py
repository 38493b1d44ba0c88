"""Where personal data lies: the declarations of the core's rooms and of the plugins, with the tables they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from msgspec import Struct
from sqlalchemy import JSON, ColumnElement, Table, select

from allmende.db.table import Base
from allmende.personal import PersonalData


class Holding(Struct, frozen=True, kw_only=True):
    """What one owner (a plugin, or a room of the core) holds in one table."""

    owner: str
    table: Table
    data: Sequence[PersonalData]

    @property
    def subject(self) -> PersonalData | None:
        """The declaration that says by which column a person's rows are found; None where they cannot be."""
        return next((one for one in self.data if one.subject), None)

    def belongs_to(self, account: str) -> ColumnElement[bool] | None:
        """The condition under which a row is about this account."""
        one = self.subject
        if one is None:
            return None
        column = self.table.c[one.subject]
        if not one.via:
            return column == account
        name, _, owner = one.via.partition(".")
        parent = Base.metadata.tables[name]
        return column.in_(select(parent.c.id).where(parent.c[owner] == account))


def holdings(declared: Mapping[str, Iterable[PersonalData]]) -> list[Holding]:
    """One for each owner and table; those that are found through another table come before it, so it is still there."""
    found = [
        Holding(owner=owner, table=Base.metadata.tables[name], data=tuple(group))
        for owner, data in declared.items()
        for name, group in groupby(sorted(data, key=lambda one: one.table), key=lambda one: one.table)
    ]
    return sorted(found, key=lambda one: one.subject is None or not one.subject.via)


def cleared(column: Any) -> Any:
    """The value of an emptied column."""
    if column.nullable:
        return None
    if isinstance(column.type, JSON):  # a list or an object: as a new row has it
        default = column.default
        return default.arg(None) if default is not None and default.is_callable else {}
    return column.type.python_type()
