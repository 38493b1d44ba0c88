"""Makes one delivery for each endpoint that a message is for: in steps, each of them one short transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.context import Database
from allmende.db.upsert import upsert
from allmende.notify.tables import RANKS, Delivery, Endpoint, Outgoing, Subscription

STEP = 5000
"""Endpoints per transaction: on an embedded database others wait for so long."""
CHUNK = 1000


async def spread(database: Database, city: str, now: datetime) -> bool:
    """One step, for the most urgent new message of the city; False where there is none."""
    async with database.transaction(city) as session:
        new = select(Outgoing).where(Outgoing.state == "new").order_by(Outgoing.created).limit(100)
        messages = (await session.scalars(new)).all()
        if not messages:
            return False
        message = min(messages, key=lambda one: RANKS.index(one.urgency))
        place, _, last = message.reached.partition(":")
        index = int(place or 0)
        found = await _next(session, message, message.matches[index], last)
        rows = [
            {"message": message.id, "endpoint": endpoint, "rank": RANKS.index(message.urgency), "due": now}
            for endpoint in found
        ]
        statement = upsert(session, Delivery).on_conflict_do_nothing()
        for start in range(0, len(rows), CHUNK):
            await session.execute(statement, rows[start : start + CHUNK])
        if len(found) == STEP:
            values = {"reached": f"{index}:{found[-1]}"}
        elif index + 1 < len(message.matches):
            values = {"reached": f"{index + 1}:"}
        else:
            values = {"state": "spread", "reached": ""}
        quiet = {"synchronize_session": False}
        await session.execute(
            update(Outgoing).where(Outgoing.id == message.id).values(**values), execution_options=quiet
        )
    return True


async def _next(session: AsyncSession, message: Outgoing, match: str, last: str) -> list[str]:
    """The next endpoints, in order, that have subscribed with these parameters."""
    statement = select(Subscription.endpoint).where(
        Subscription.topic == message.topic, Subscription.match == match, Subscription.endpoint > last
    )
    if message.to is not None:
        mine = select(Endpoint.id).where(Endpoint.owner.in_(message.to))
        statement = statement.where(Subscription.endpoint.in_(mine))
    return list(await session.scalars(statement.order_by(Subscription.endpoint).limit(STEP)))
