"""What the room does by itself: send what is due, and forget what nobody needs to know any more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.chore import Chore
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.notify.delivery import deliver
from allmende.notify.tables import Delivery, Endpoint, Outgoing
from allmende.notify.tally import MOST, tally
from allmende.notify.ways import Ways

SECONDS = 240.0
"""Of one run for one city; what is left is due again at once, after the other cities have had their turn."""
DELIVERIES, MESSAGES, UNCONFIRMED = timedelta(days=14), timedelta(days=90), timedelta(days=7)
"""How long is known what became of a delivery, and what has been told; when an address that never agreed goes."""
_QUIET = {"synchronize_session": False}


def notify_chores(ways: Ways, database: Database, clock: Callable[[], datetime]) -> tuple[Chore, ...]:
    """For the application, which knows the outside."""

    async def send(city: City) -> None:
        await deliver(ways, database, city, clock, SECONDS)
        await tally(database, city.slug)

    async def tidy(city: City) -> None:
        while await tally(database, city.slug) >= MOST:
            pass
        await forget_old(database, city.slug, clock())

    return (
        Chore(name="notify-send", run=send, every=timedelta(seconds=1), waiting=waiting),
        Chore(name="notify-tidy", run=tidy, every=timedelta(days=1)),
    )


async def waiting(session: AsyncSession, now: datetime) -> Collection[str]:
    """The cities with new messages or with deliveries that are due."""
    new = select(Outgoing.city).where(Outgoing.state == "new").distinct()
    due = select(Delivery.city).where(Delivery.state == "waiting", Delivery.due <= now).distinct()
    return {*await session.scalars(new), *await session.scalars(due)}


async def forget_old(database: Database, city: str, now: datetime) -> None:
    """Deliveries that are settled, messages that nobody will repeat, addresses that never agreed."""
    async with database.transaction(city) as session:
        for statement in (
            delete(Delivery).where(Delivery.settled < now - DELIVERIES),
            delete(Outgoing).where(Outgoing.created < now - MESSAGES, Outgoing.expires < now),
            delete(Endpoint).where(Endpoint.confirmed.is_(False), Endpoint.created < now - UNCONFIRMED),
        ):
            await session.execute(statement, execution_options=_QUIET)
