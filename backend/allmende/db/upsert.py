"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy offers once for each."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.db.table import Base


def upsert(session: AsyncSession, table: type[Base]) -> Any:
    """An INSERT into this table on which `on_conflict_do_nothing` and `on_conflict_do_update` can be called."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table)
