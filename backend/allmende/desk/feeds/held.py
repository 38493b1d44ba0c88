"""An import that waits because it would remove unusually much: what is there beside what would be, and a decision."""

from __future__ import annotations

from typing import Any

from litestar import Response

from allmende.desk.feeds.overview import PERMISSION, configured
from allmende.desk.feeds.plain import reason
from allmende.desk.feeds.source import say
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.feeds import quarantine
from allmende.feeds.importing import import_source
from allmende.feeds.preview import preview


async def show(desk: Desk) -> Response[Any]:
    plugin, source = configured(desk)
    held = await quarantine.load(desk.office.database, desk.city.slug, plugin.name, source.id)
    assert held.payload is not None
    seen = await preview(desk.office.feeds, desk.city, plugin, source, held.payload)
    return desk.page(
        "feeds/held.html",
        source=source,
        plugin=plugin,
        title=desk.pick(source.title) or source.id,
        preview=seen,
        fetched=held.payload.fetched_at,
        reason=lambda text: reason(desk, text, plugin.name),
    )


async def decide(desk: Desk) -> Response[Any]:
    """Approve or reject, as the button says."""
    plugin, source = configured(desk)
    if desk.form.value("decision") == "approve":
        importing = import_source(desk.office.feeds, desk.city, plugin, source, approve=True)
        return await say(desk, plugin, source, importing)
    await quarantine.reject(desk.office.database, desk.city.slug, plugin.name, source.id)
    return desk.go("feeds", plugin.name, source.id, said="feeds.said.rejected")


PAGES = (Page(path="feeds/{plugin:str}/{source:str}/held", show=show, act=decide, permission=PERMISSION, size=10_000),)
