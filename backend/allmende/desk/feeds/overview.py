"""All sources of the city on one page, those first that need somebody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response

from allmende.desk.feeds.plain import Health, health
from allmende.desk.home import Tile
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk
from allmende.errors import NotFound
from allmende.feeds import uploads
from allmende.feeds.services import importer_for, sources_of
from allmende.feeds.status import source_states
from allmende.importer import Source
from allmende.plugin import Plugin

PERMISSION = "desk.feeds"


async def healths(desk: Desk) -> list[Health]:
    """The state of every configured source; two statements."""
    office, city = desk.office, desk.city
    states = {(s.plugin, s.source): s for s in await source_states(office.database, office.clock(), city.slug)}
    async with desk.session() as session:
        uploaded = await uploads.there(session)
    found = [
        health(desk, plugin, source, states.get(key), uploaded.get(key))
        for plugin in (installed.plugin for installed in office.registry.plugins.values())
        for source in sources_of(city, plugin)
        for key in [(plugin.name, source.id)]
    ]
    return sorted(found, key=lambda each: each.rank)


def configured(desk: Desk) -> tuple[Plugin, Source]:
    """The plugin and source that the address names; NotFound where the city has none of that name."""
    installed = desk.office.registry.plugins.get(desk.path["plugin"])
    for source in sources_of(desk.city, installed.plugin) if installed else ():
        if installed and source.id == desk.path["source"] and importer_for(installed.plugin, source):
            return installed.plugin, source
    raise NotFound("there is no such source")


async def show(desk: Desk) -> Response[Any]:
    sources = await healths(desk)
    wanted = desk.asked("show")
    shown = [each for each in sources if wanted != "open" or each.kind in ("bad", "warn")]
    waiting = sum(each.kind in ("bad", "warn") for each in sources)
    return desk.page("feeds/overview.html", sources=shown, all=len(sources), waiting=waiting, wanted=wanted)


async def tiles(desk: Desk) -> Sequence[Tile]:
    """How many sources need somebody."""
    if not desk.may(PERMISSION):
        return ()
    sources = await healths(desk)
    waiting = sum(each.kind in ("bad", "warn") for each in sources)
    return (
        Tile(
            title=desk.text("nav.feeds"),
            number=str(waiting or len(sources)),
            lead=desk.text("feeds.tile_waiting" if waiting else "feeds.tile_good"),
            kind="warn" if waiting else "good",
            path="feeds",
            query={"show": "open"} if waiting else {},
            icon="rss",
        ),
    )


PAGES = (Page(path="feeds", show=show, permission=PERMISSION, nav=Nav(group="feeds", text="feeds.title", icon="rss")),)
