"""A file by hand, through the same importer: uploaded, looked at, and only then taken in place of what is fetched."""

from __future__ import annotations

from typing import Any

from litestar import Response

from allmende.desk.feeds.overview import PERMISSION, configured
from allmende.desk.feeds.plain import reason
from allmende.desk.feeds.source import say
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.errors import FeedError
from allmende.feeds import uploads
from allmende.feeds.importing import import_source
from allmende.feeds.preview import preview
from allmende.importer import Payload, Source
from allmende.plugin import Plugin

SIZE = 20_000_000
"""Bytes; as much as a feed may have."""


async def show(desk: Desk) -> Response[Any]:
    return _page(desk, *configured(desk))


def _page(desk: Desk, plugin: Plugin, source: Source) -> Response[Any]:
    kind = type(source).__struct_config__.tag
    status = 422 if desk.form.errors else 200
    title = desk.pick(source.title) or source.id
    return desk.page("feeds/upload.html", status, plugin=plugin, source=source, title=title, kind=kind)


async def look(desk: Desk) -> Response[Any]:
    """Keep the file, if the importer can read it, and go to what it would change."""
    plugin, source = configured(desk)
    file = desk.form.file("file", required=True)
    if file is not None and len(file.content) > SIZE:
        desk.form.fault("file", "feeds.upload.large", most=SIZE // 1_000_000)
    if file is None or desk.form.errors:
        return _page(desk, plugin, source)
    now = desk.office.clock()
    payload = Payload(content=file.content, name=file.name, media_type=file.media_type, fetched_at=now)
    try:
        await preview(desk.office.feeds, desk.city, plugin, source, payload)
    except FeedError as error:
        desk.form.fault("file", "feeds.upload.unreadable", reason=reason(desk, error.message, plugin.name))
        return _page(desk, plugin, source)
    async with desk.transaction() as session:
        id_ = await uploads.keep(session, plugin.name, source.id, payload, by=desk.reader.name, now=now)
    return desk.go("feeds", plugin.name, source.id, "upload", id_)


async def compare(desk: Desk) -> Response[Any]:
    plugin, source = configured(desk)
    database = desk.office.database
    found = await uploads.load(database, desk.city.slug, plugin.name, source.id, desk.path["upload"])
    assert found.payload is not None
    seen = await preview(desk.office.feeds, desk.city, plugin, source, found.payload)
    title = desk.pick(source.title) or source.id
    return desk.page(
        "feeds/compare.html",
        plugin=plugin,
        source=source,
        title=title,
        preview=seen,
        name=found.payload.name,
        reason=lambda text: reason(desk, text, plugin.name),
    )


async def decide(desk: Desk) -> Response[Any]:
    """Take the file or drop it, as the button says."""
    plugin, source = configured(desk)
    database, id_ = desk.office.database, desk.path["upload"]
    if desk.form.value("decision") != "take":
        async with desk.transaction() as session:
            await uploads.drop(session, plugin.name, source.id, id_)
        return desk.go("feeds", plugin.name, source.id, said="feeds.said.dropped")
    given = await uploads.load(database, desk.city.slug, plugin.name, source.id, id_)
    async with desk.transaction() as session:
        await uploads.take(session, plugin.name, source.id, id_)
    importing = import_source(desk.office.feeds, desk.city, plugin, source, given=given)
    return await say(desk, plugin, source, importing)


async def take_back(desk: Desk) -> Response[Any]:
    """Fetch again, instead of the uploaded file."""
    plugin, source = configured(desk)
    async with desk.transaction() as session:
        await uploads.forget(session, plugin.name, source.id)
    return await say(desk, plugin, source, import_source(desk.office.feeds, desk.city, plugin, source, force=True))


_HERE = "feeds/{plugin:str}/{source:str}/upload"
PAGES = (
    Page(path=_HERE, show=show, act=look, permission=PERMISSION),
    Page(path=f"{_HERE}/{{upload:str}}", show=compare, act=decide, permission=PERMISSION, size=10_000),
    Page(path="feeds/{plugin:str}/{source:str}/take-back", act=take_back, permission=PERMISSION, size=10_000),
)
