"""How the deliveries of a message ended, counted once: who looks at it later need not count many thousands again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.db.engine import Database
from allmende.notify.tables import Delivery, Outgoing

MOST = 20
"""Messages in one transaction."""
GLANCE = 2_000
"""Deliveries of a message under way that are looked at, so that a page is quick while it goes to a whole city."""
_QUIET = {"synchronize_session": False}
Counts = Mapping[str, int]
"""State → deliveries."""


async def tally(database: Database, city: str) -> int:
    """Count those messages of which no delivery waits any more, the oldest first; how many they were."""
    waits = select(Delivery.message).where(Delivery.message == Outgoing.id, Delivery.state == "waiting").exists()
    over = select(Outgoing.id).where(Outgoing.state == "spread", ~waits).order_by(Outgoing.created).limit(MOST)
    async with database.transaction(city) as session:
        ids = (await session.scalars(over)).all()
        if not ids:
            return 0
        counted = select(Delivery.message, Delivery.state, func.count()).where(Delivery.message.in_(ids))
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for message, state, number in await session.execute(counted.group_by(Delivery.message, Delivery.state)):
            counts[message][state] = number
        for id_ in ids:
            done = update(Outgoing).where(Outgoing.id == id_).values(state="done", counts=counts[id_])
            await session.execute(done, execution_options=_QUIET)
    return len(ids)


async def glance(session: AsyncSession, messages: Sequence[Outgoing]) -> dict[str, Counts]:
    """How the deliveries of these messages are doing; of one under way, of its first 2,000. One statement at most."""
    found: dict[str, dict[str, int]] = {one.id: dict(one.counts or {}) for one in messages}
    parts = []
    for one in (one for one in messages if one.counts is None):
        some = select(Delivery.message, Delivery.state).where(Delivery.message == one.id).limit(GLANCE).subquery()
        parts.append(select(some.c.message, some.c.state, func.count()).group_by(some.c.message, some.c.state))
    if parts:
        for message, state, number in await session.execute(union_all(*parts)):
            found[message][state] = number
    return dict(found)
