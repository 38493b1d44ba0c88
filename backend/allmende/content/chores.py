"""What the clock does with content: publishes and takes away when it is time, renews, sends round, forgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, or_, select

from allmende.chore import Chore
from allmende.city.model import City
from allmende.content.items import archive, note_event, publish
from allmende.content.publish import Desk, put
from allmende.content.received import arrive, automatic, one
from allmende.content.sharing import bring, deliver
from allmende.content.tables import ContentAutosave, ContentItem, ContentOverlay, ContentVersion
from allmende.content.values import Incomplete
from allmende.contenttype import ContentType
from allmende.context import Context
from allmende.db.engine import Database
from allmende.errors import AllmendeError
from allmende.files.store import Store
from allmende.plugin import Plugin

log = structlog.get_logger(__name__)
BATCH = 500
"""Items of one run; the next one goes on."""
TYPED = timedelta(days=30)
"""How long text stays that somebody typed and never saved."""
DROPPED = timedelta(days=90)
"""How long a correction waits for a row that its source has dropped."""


@dataclass(frozen=True, slots=True)
class Newsroom:
    """What the room works with; cities and plugins are asked anew each time."""

    database: Database
    plugins: Callable[[], Mapping[str, Plugin]]
    cities: Callable[[], Mapping[str, City]]
    context: Callable[[City, str], Context[Any] | None]
    clock: Callable[[], datetime]
    store: Callable[[], Store]

    def desk(self, city: City, plugin: str, kind: str) -> Desk | None:
        """A desk at which nobody sits; None where the plugin is off or has no such content (any more)."""
        found, ctx = self.plugins().get(plugin), self.context(city, plugin)
        type_ = next((one for one in found.content if one.name == kind), None) if found else None
        return Desk(found, type_, ctx) if found and type_ and ctx else None


def content_chores(room: Newsroom) -> tuple[Chore, ...]:
    """The chores of this room."""

    async def due(city: City) -> None:
        await keep_time(room, city)
        await send_round(room, city)

    async def daily(city: City) -> None:
        await renew(room, city)
        await forget(room, city)

    return (
        Chore(name="content-due", run=due, every=timedelta(minutes=1)),
        Chore(name="content-daily", run=daily, every=timedelta(hours=12)),
    )


async def keep_time(room: Newsroom, city: City) -> None:
    """Publish what is due, and take away what has expired. One that cannot be shown goes back to its editor."""
    now = room.clock()
    due = (ContentItem.state == "scheduled") & (ContentItem.publish_at <= now)
    over = ContentItem.live.is_not(None) & (ContentItem.expire_at <= now)
    async with room.database.session(city.slug) as session:
        rows = (await session.execute(select(ContentItem.id).where(or_(due, over)).limit(BATCH))).all()
    for (id_,) in rows:
        async with room.database.transaction(city.slug) as session:
            item = await session.scalar(select(ContentItem).where(ContentItem.id == id_).with_for_update())
            desk = room.desk(city, item.plugin, item.kind) if item else None
            if item is None or desk is None:
                continue
            if item.live is not None and item.expire_at is not None and item.expire_at <= now:
                await archive(session, desk, item, "expired")
            elif item.state == "scheduled" and item.publish_at is not None and item.publish_at <= now:
                until = item.expire_at
                try:
                    await publish(session, desk, item, until=until)
                except (Incomplete, AllmendeError) as error:
                    item.state, item.publish_at = "draft", None
                    await note_event(session, desk, item, "refused", str(error))


async def send_round(room: Newsroom, city: City) -> None:
    """Let other cities know what is new here, and let happen there what happens by itself."""
    arrived = await deliver(room.database, city, room.plugins(), room.cities(), room.clock())
    for slug, id_ in arrived:
        there = room.cities().get(slug)
        if there is None:
            continue
        async with room.database.session(slug) as session:
            got = await one(session, id_)
            desk = room.desk(there, got.plugin, got.kind)
            by_itself = desk is not None and got.state != "withdrawn" and await automatic(session, desk, got)
        if desk is None:
            continue
        if by_itself:
            await bring(room.database, room.store, desk.type, got, slug, room.clock())
        async with room.database.transaction(slug) as session:
            await arrive(session, desk, await one(session, id_, write=True))


async def renew(room: Newsroom, city: City) -> None:
    """Write anew what looks at the clock: the dates of events that repeat, further into the future."""
    now = room.clock()
    for name, plugin in room.plugins().items():
        for type_ in plugin.content:
            desk = room.desk(city, name, type_.name) if type_.renew else None
            if desk is not None:
                await _renew(room, desk, type_, now)


async def _renew(room: Newsroom, desk: Desk, type_: ContentType, now: datetime) -> None:
    mine = (ContentItem.plugin == desk.plugin.name, ContentItem.kind == type_.name, ContentItem.live.is_not(None))
    city = desk.ctx.city.slug
    async with room.database.session(city) as session:
        old = ContentItem.renewed_at <= now - timedelta(hours=6)
        ids = (await session.scalars(select(ContentItem.id).where(*mine, old).limit(BATCH))).all()
    for id_ in ids:
        async with room.database.transaction(city) as session:
            item = await session.scalar(select(ContentItem).where(ContentItem.id == id_).with_for_update())
            if item is None or item.live is None:
                continue
            shown = select(ContentVersion.values).where(ContentVersion.item == id_, ContentVersion.number == item.live)
            values = await session.scalar(shown)
            try:
                there = values is not None and await put(session, desk, item, values)
            except (Incomplete, AllmendeError) as error:  # the plugin has changed; what is shown stays
                log.warning("content_not_renewed", city=city, item=id_, error=str(error)[:200])
                continue
            if not there:
                await archive(session, desk, item, "over")


async def forget(room: Newsroom, city: City) -> None:
    """What was typed and never saved, and corrections of what is gone for good."""
    now = room.clock()
    async with room.database.transaction(city.slug) as session:
        await session.execute(delete(ContentAutosave).where(ContentAutosave.at < now - TYPED))
        for name, plugin in room.plugins().items():
            for type_ in plugin.content:
                gone = ContentOverlay.id.not_in(select(type_.tables[0].id))
                mine = (ContentOverlay.plugin == name, ContentOverlay.kind == type_.name)
                old = ContentOverlay.updated_at < now - DROPPED
                await session.execute(delete(ContentOverlay).where(*mine, old, gone))
