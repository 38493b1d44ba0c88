"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy offers once for each."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.db.rows import row_values
from allmende.db.table import Base

_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def upsert(session: AsyncSession, table: type[Base]) -> Any:
    """An INSERT into this table on which `on_conflict_do_nothing` and `on_conflict_do_update` can be called."""
    return _INSERT[session.get_bind().dialect.name](table)


async def insert_new(session: AsyncSession, row: Base) -> bool:
    """Insert the row, unless one with a key of it is there already; whether it was inserted. It is in no session."""
    statement = _insert_new(type(row), session.get_bind().dialect.name)
    return (await session.execute(statement, row_values(type(row), row.__dict__))).first() is not None


@cache
def _insert_new(table: type[Base], dialect: str) -> Any:
    """Built once: with many columns, that takes longer than to run it."""
    target: Any = table.__table__
    return _INSERT[dialect](target).on_conflict_do_nothing().returning(*target.primary_key)
