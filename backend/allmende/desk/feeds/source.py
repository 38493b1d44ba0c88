"""One source: its state, where it comes from, what its last imports did; import it now."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response
from sqlalchemy import select

from allmende.desk.feeds.overview import PERMISSION, configured
from allmende.desk.feeds.plain import health, reason
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.errors import NotFound
from allmende.feeds import uploads
from allmende.feeds.importing import Run, import_source
from allmende.feeds.status import source_states
from allmende.feeds.tables import FeedQuarantine, FeedRun, FeedSource
from allmende.importer import Source
from allmende.plugin import Plugin

PATIENCE = 4.0
"""Seconds that the page waits for an import before it says that it goes on."""
RUNS = 20
_running: set[asyncio.Task[Run]] = set()
"""Imports that go on after their page was answered; the event loop itself keeps weak references only."""


async def show(desk: Desk) -> Response[Any]:
    plugin, source = configured(desk)
    mine = (FeedRun.plugin == plugin.name, FeedRun.source == source.id)
    office = desk.office
    states = {(s.plugin, s.source): s for s in await source_states(office.database, office.clock(), desk.city.slug)}
    async with desk.session() as session:
        runs = (await session.scalars(select(FeedRun).where(*mine).order_by(FeedRun.started.desc()).limit(RUNS))).all()
        held = await session.scalar(
            select(FeedQuarantine.created).where(
                FeedQuarantine.plugin == plugin.name,
                FeedQuarantine.source == source.id,
                FeedQuarantine.state == "pending",
            )
        )
        until = await session.scalar(
            select(FeedSource.lease_until).where(FeedSource.plugin == plugin.name, FeedSource.source == source.id)
        )
        uploaded = (await uploads.there(session)).get((plugin.name, source.id))
    return desk.page(
        "feeds/source.html",
        feed=health(desk, plugin, source, states.get((plugin.name, source.id)), uploaded),
        runs=runs,
        refusals=next((run for run in runs if run.refusals), None),
        held=held,
        is_running=until is not None and until > office.clock(),
        origin=_origin(desk, plugin, source),
        reason=lambda text: reason(desk, text, plugin.name),
    )


def _origin(desk: Desk, plugin: Plugin, source: Source) -> str:
    """The file and line in which the city configures this source."""
    try:
        found = desk.office.cities().origin(desk.city.slug, f"{plugin.name}.sources[{source.id}]")
    except NotFound:
        return ""
    return found.source


async def run(desk: Desk) -> Response[Any]:
    """Import it now. What takes long goes on, and the page shows it when it is done."""
    plugin, source = configured(desk)
    return await say(desk, plugin, source, import_source(desk.office.feeds, desk.city, plugin, source, force=True))


async def say(desk: Desk, plugin: Plugin, source: Source, importing: Any) -> Response[Any]:
    """Wait a little for this import, and go to the source's page with what came of it."""
    task = asyncio.create_task(importing)
    _running.add(task)
    task.add_done_callback(_running.discard)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    where = ("feeds", plugin.name, source.id)
    if not done:
        return desk.go(*where, said="feeds.said.running")
    result: Run = task.result()
    counts = {name: getattr(result, name) for name in ("added", "changed", "removed", "refused")}
    if result.status in ("fresh", "unchanged"):
        return desk.go(*where, said="feeds.said.done", **counts)
    if result.status == "busy":
        return desk.go(*where, said="feeds.said.running")
    if result.status == "quarantined":
        return desk.go(*where, said="feeds.said.held", kind="bad")
    return desk.go(*where, said="feeds.said.failed", kind="bad", reason=reason(desk, result.reason, result.plugin))


PAGES = (
    Page(path="feeds/{plugin:str}/{source:str}", show=show, permission=PERMISSION),
    Page(path="feeds/{plugin:str}/{source:str}/run", act=run, permission=PERMISSION, size=10_000),
)
