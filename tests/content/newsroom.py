"""What the tests of content share: the desk of a town, values of a piece of news, what citizens see of it."""

from __future__ import annotations

from typing import Any

from allmende.content.items import create, publish
from allmende.content.publish import Desk
from allmende.content.tables import ContentItem
from allmende.content.values import blank
from allmende.testing import Town

FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Rathaus</title><link>https://town.example/</link>
<description>-</description><item><guid>1</guid><title>{title}</title><link>https://town.example/1</link>
<pubDate>Mon, 23 Nov 2026 08:00:00 +0100</pubDate><description>{text}</description></item></channel></rss>"""
SOURCE = '[[sources]]\nid = "rathaus"\nkind = "feed"\nfile = "data/news.xml"\ncomplete = true\n'


def desk(town: Town, plugin: str = "news", by: str = "Ada") -> Desk:
    found = town.instance.installed(plugin).plugin
    return Desk(found, found.content[0], town.context(plugin), by)


def news(title: str = "Schwimmbad offen", text: str = "Das Bad öffnet am **Montag**.", **more: Any) -> dict[str, Any]:
    values = blank(desk_type())
    return {**values, "title": {"de": title}, "text": {"de": text}, **more}


def desk_type() -> Any:
    from plugins.news.content import ITEM

    return ITEM


async def published(town: Town, values: dict[str, Any], plugin: str = "news", **times: Any) -> ContentItem:
    """A new item that citizens see."""
    at = desk(town, plugin)
    async with at.ctx.transaction() as session:
        item = await create(session, at, values)
        await publish(session, at, item, **times)
    return item


async def titles(town: Town, language: str = "de") -> list[str]:
    answer = await town.ask("news { latest { title } }", language=language)
    return [one["title"] for one in answer["news"]["latest"]]
