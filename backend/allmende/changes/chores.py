"""What becomes of the log by itself: it is compared with what is there, so that phones miss nothing.

Items can come past it: those of before there was a log, and what migrations or people write into the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from allmende.changes.log import item_tables, reconcile, unlogged
from allmende.chore import Chore
from allmende.city.model import City
from allmende.context import Database
from allmende.plugin import Plugin


def changes_chores(
    database: Database, clock: Callable[[], datetime], plugins: Callable[[], Iterable[Plugin]]
) -> tuple[Chore, ...]:
    """The chores of this room; the first time is soon after the start."""

    async def compare(city: City) -> None:
        faults = []
        for plugin in plugins():
            try:
                await compare_plugin(database, city.slug, plugin, clock())
            except Exception as error:  # its tables may not be there; the others have theirs
                faults.append(error)
        if faults:
            raise faults[0]

    return (Chore(name="changes-compare", run=compare, every=timedelta(days=1)),)


async def compare_plugin(database: Database, city: str, plugin: Plugin, now: datetime) -> None:
    """Log what is not there yet; nothing is locked where that is nothing."""
    tables = item_tables(plugin)
    if not tables:
        return
    async with database.session(city) as session:
        differ = [table for table in tables if any(await unlogged(session, table))]
    if differ:
        async with database.transaction(city) as session:
            for table in differ:
                await reconcile(session, plugin=plugin.name, table=table, now=now)
