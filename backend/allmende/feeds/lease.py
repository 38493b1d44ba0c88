"""At most one process works on a thing at a time: a lease in its row, which runs out if the process dies.

The same on both databases: the UPDATE that takes a lease is atomic, and needs no connection that stays open.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import uniform
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import CursorResult, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from allmende.context import Database
from allmende.feeds.tables import Leased


async def take(
    database: Database, city: str, table: type[Leased], key: dict[str, str], now: datetime, length: timedelta
) -> str:
    """A lease on the row with this key (made if it is missing), or "" where somebody else holds one."""
    name = uuid4().hex
    values = {"lease_by": name, "lease_until": now + length}
    free = or_(table.lease_until.is_(None), table.lease_until <= now)
    async with database.transaction(city) as session:
        result = await session.execute(
            update(table).where(*_matches(table, key), free).values(**values),
            execution_options={"synchronize_session": False},
        )
        if cast("CursorResult[Any]", result).rowcount:
            return name
        if (await session.execute(select(table.lease_by).where(*_matches(table, key)))).first() is not None:
            return ""
    try:
        async with database.transaction(city) as session:
            await session.execute(insert(table), [{**key, **values}])
    except IntegrityError:  # somebody else made the row in this very moment, and holds it
        return ""
    return name


async def settle(session: Any, table: type[Leased], key: dict[str, str], lease: str, **values: Any) -> bool:
    """Write the outcome and give the lease back; False where the lease had run out and gone to somebody else."""
    result = await session.execute(
        update(table)
        .where(*_matches(table, key), table.lease_by == lease)
        .values(lease_by="", lease_until=None, **values),
        execution_options={"synchronize_session": False},
    )
    return bool(cast("CursorResult[Any]", result).rowcount)


def next_try(now: datetime, failures: int) -> datetime:
    """When to try again after so many failures in a row: a minute later, then twice as long each time, up to a day."""
    minutes = min(24 * 60, 2 ** min(failures - 1, 11))
    return now + timedelta(minutes=minutes * uniform(0.8, 1.0))


def _matches(table: type[Leased], key: dict[str, str]) -> list[Any]:
    return [getattr(table, name) == value for name, value in key.items()]
