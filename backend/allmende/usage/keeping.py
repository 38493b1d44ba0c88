"""What becomes of the counts by themselves: cases and devices are counted every few hours, and old counts go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_, select

from allmende.chore import Chore
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.notify.tables import Endpoint
from allmende.usage.filed import filed
from allmende.usage.tables import Row, UsageCount, put, rows_of

DAYS = timedelta(days=90)
"""For which there are counts by day."""
WEEKS = timedelta(weeks=104)
"""For which there are counts by week."""
CHANNELS = {"webpush": "device", "fcm": "device", "apns": "device", "email": "address", "webhook": "address"}
"""Channel → what is reached by it, and so the measure."""


def usage_chores(database: Database, clock: Callable[[], datetime]) -> tuple[Chore, ...]:
    """The chores of this room."""

    async def keep(city: City) -> None:
        await keep_counts(database, city, clock())

    return (Chore(name="usage-keep", run=keep, every=timedelta(hours=6)),)


async def keep_counts(database: Database, city: City, now: datetime) -> None:
    """Count the cases of these days, and the devices and addresses that are told of something now; forget what is too
    old."""
    today = now.astimezone(city.tz).date()
    reached = (
        select(Endpoint.channel, func.count().label("number")).where(Endpoint.confirmed).group_by(Endpoint.channel)
    )
    old = or_(
        and_(UsageCount.span == "day", UsageCount.begins <= today - DAYS),
        and_(UsageCount.span == "week", UsageCount.begins <= today - WEEKS),
    )
    async with database.transaction(city.slug) as session:
        counted = {row.channel: row.number for row in await session.execute(reached)}
        counts = [((city.slug, what, channel), counted.get(channel, 0)) for channel, what in CHANNELS.items()]
        rows: list[Row] = rows_of({city.slug: today}, counts)
        for (span, begins, plugin), number in (await filed(session, today, city.tz)).items():
            rows.append((city.slug, span, begins, "report", plugin, number))
        await put(session, rows)
        await session.execute(delete(UsageCount).where(old), execution_options={"synchronize_session": False})
