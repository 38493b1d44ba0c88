"""The city's news as one Atom feed (RFC 4287), for feed readers and for websites of the neighbourhood."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from allmende import PUBLIC, Context, Reply, Route

from . import service
from .config import NewsConfig
from .tables import Item

NAMESPACE = UUID("5b0c6ad4-1f51-4d0f-9b0a-5a4f3a3f6c1e")
"""For ids of feeds; made for this purpose."""
SHOWN = 50


async def atom(ctx: Context[NewsConfig], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    """The newest 50 items; `?category=` and `?language=` narrow them down."""
    category, language = query.get("category") or None, query.get("language") or None
    rows = await service.latest(ctx, SHOWN, category=category, language=language).scalars(ctx)
    shown = language or (rows[0].language if rows else ctx.city.language)
    feed = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": shown})
    name = f"{ctx.city.slug}/news?category={category or ''}&language={language or ''}"
    _add(feed, "id", uuid5(NAMESPACE, name).urn)
    _add(feed, "title", ctx.text("feed.title", city=ctx.city.name) + (f": {category}" if category else ""))
    changed = max((row.updated_at or row.published_at for row in rows), default=None)
    _add(feed, "updated", ctx.localize(changed).isoformat() if changed else "1970-01-01T00:00:00Z")
    _add(SubElement(feed, "author"), "name", ctx.city.name)
    for row in rows:
        _entry(ctx, feed, row)
    indent(feed)
    return Reply(
        content=tostring(feed, "utf-8", xml_declaration=True), media_type="application/atom+xml; charset=utf-8"
    )


def _entry(ctx: Context[NewsConfig], feed: Element, row: Item) -> None:
    entry = SubElement(feed, "entry", {"xml:lang": row.language})
    _add(entry, "id", UUID(hex=row.id).urn)
    _add(entry, "title", row.title)
    _add(entry, "published", ctx.localize(row.published_at).isoformat())
    _add(entry, "updated", ctx.localize(row.updated_at or row.published_at).isoformat())
    if row.url:
        SubElement(entry, "link", {"rel": "alternate", "href": row.url})
    for category in row.categories:
        SubElement(entry, "category", {"term": category})
    if row.summary:
        _add(entry, "summary", row.summary)
    _add(entry, "content", row.html).set("type", "html")


def _add(parent: Element, tag: str, text: str) -> Element:
    element = SubElement(parent, tag)
    element.text = text
    return element


routes = (Route(path="atom.xml", handle=atom, visible=PUBLIC),)
