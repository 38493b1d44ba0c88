"""What happens to personal data by itself: it goes when its time is over; what could not be erased is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from allmende.chore import Chore
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.privacy.erase import Hook, expire, retry
from allmende.privacy.holdings import Holding


def privacy_chores(
    database: Database,
    clock: Callable[[], datetime],
    held: Callable[[], list[Holding]],
    hooks: Callable[[City], Mapping[str, Hook]],
) -> tuple[Chore, ...]:
    """The chores of this room."""

    async def overdue(city: City) -> None:
        while await expire(database, city.slug, held(), clock()):
            pass

    async def again(city: City) -> None:
        await retry(database, city.slug, held(), hooks(city), clock())

    return (
        Chore(name="privacy-expire", run=overdue, every=timedelta(hours=12), timeout=timedelta(minutes=30)),
        Chore(name="privacy-retry", run=again, every=timedelta(minutes=10)),
    )
