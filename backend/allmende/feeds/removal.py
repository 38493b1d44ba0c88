"""Removes what came from a source that a city has taken out of its configuration.

The data of a module that is switched off as a whole stays, for when it is switched on again.
"""

from __future__ import annotations

from sqlalchemy import delete, select

from allmende.changes.log import record
from allmende.feeds.lease import Lease
from allmende.feeds.services import Services
from allmende.feeds.tables import FeedQuarantine, FeedRun, FeedSource, FeedUpload
from allmende.items.sync import chunks
from allmende.plugin import Plugin
from allmende.search.index import index_rows

_NO_SYNC = {"synchronize_session": False}


async def remove_source(services: Services, city: str, plugin: Plugin, source: str) -> bool:
    """Delete the source's rows, their search terms, its state and history. False while an import of it runs."""
    key = {"plugin": plugin.name, "source": source}
    lease = Lease(services.database, city, FeedSource, key, services.rules.lease, services.clock)
    return await lease.take() and await lease.during(_remove(services, city, plugin, source, lease))


async def _remove(services: Services, city: str, plugin: Plugin, source: str, lease: Lease) -> bool:
    first = dict.fromkeys(importer.tables[0] for importer in plugin.importers)
    tables = list(dict.fromkeys(table for importer in plugin.importers for table in importer.tables))
    async with services.database.transaction(city) as session:
        if not await lease.settle(session):  # whoever has taken over waits for the end of this transaction
            return False
        for search in plugin.search:
            ids = (await session.scalars(select(search.table.id).where(search.table.source == source))).all()
            for some in chunks(ids):
                await index_rows(session, plugin=plugin.name, table=search.table, rows=[], deleted=some)
        items = {
            table: (await session.scalars(select(table.id).where(table.source == source))).all() for table in first
        }
        for table in reversed(tables):
            await session.execute(delete(table).where(table.source == source), execution_options=_NO_SYNC)
        for state in (FeedQuarantine, FeedUpload, FeedRun, FeedSource):
            await session.execute(
                delete(state).where(state.plugin == plugin.name, state.source == source), execution_options=_NO_SYNC
            )
        now = services.clock()
        for table, gone in items.items():
            await record(session, plugin=plugin.name, table=table, changed=(), removed=gone, now=now)
    return True
