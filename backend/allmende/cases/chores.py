"""What becomes of cases, uploads and idempotency keys by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from allmende.cases.erasure import expire, room_context
from allmende.cases.fetching import fetch_due, waiting
from allmende.cases.transfer import Receiver, deliver
from allmende.chore import Chore
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.files.store import Store
from allmende.files.upload import BATCH, tidy
from allmende.once.keys import forget_old
from allmende.outside import Outside


def case_chores(
    database: Database,
    store: Store,
    clock: Callable[[], datetime],
    retention: Callable[[str], timedelta | None],
    receive: Receiver,
    outside: Outside,
) -> tuple[Chore, ...]:
    """The chores of the rooms cases, files and once; `retention` knows it of a kind of case."""

    async def erase_old(city: City) -> None:
        await expire(room_context(city, database, clock), retention)

    async def hand_on(city: City) -> None:
        await deliver(room_context(city, database, clock), receive, store)

    async def fetch_pictures(city: City) -> None:
        await fetch_due(room_context(city, database, clock), store, outside)

    async def tidy_files(city: City) -> None:
        while await tidy(database, store, city.slug, clock()) >= BATCH:
            pass

    async def forget_keys(city: City) -> None:
        await forget_old(database, city.slug, clock())

    return (
        Chore(name="cases-expire", run=erase_old, every=timedelta(days=1)),
        Chore(name="cases-deliver", run=hand_on, every=timedelta(hours=1)),
        Chore(name="cases-fetch", run=fetch_pictures, every=timedelta(seconds=1), waiting=waiting),
        Chore(name="files-tidy", run=tidy_files, every=timedelta(hours=12)),
        Chore(name="once-forget", run=forget_keys, every=timedelta(days=1)),
    )
