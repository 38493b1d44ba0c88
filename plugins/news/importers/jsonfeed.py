"""JSON Feed 1.0 and 1.1 (jsonfeed.org)."""

from __future__ import annotations

from typing import Any

import msgspec
from allmende import Batch, Context, FeedError, Payload, Refusal
from msgspec import Struct

from ..config import JsonFeedSource, NewsConfig
from .dates import read_date
from .encoding import read_text
from .entry import Entry, make_batch
from .markup import fold, one_line, paragraphs, plain, sanitise, teaser, web_url
from .pictures import distinct, is_picture, picture, pictures_in


class Attachment(Struct, frozen=True):
    url: str = ""
    mime_type: str = ""
    title: str = ""


class JsonItem(Struct, frozen=True):
    """An item as the specification has it. Authors are people: their names are not read."""

    id: str | int | float | None = None
    url: str | None = None
    external_url: str | None = None
    title: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    summary: str | None = None
    image: str | None = None
    banner_image: str | None = None
    date_published: str | None = None
    date_modified: str | None = None
    tags: list[str] | None = None
    language: str | None = None
    attachments: list[Attachment] | None = None


class JsonFeed(Struct, frozen=True):
    version: str = ""
    items: list[msgspec.Raw] | None = None
    home_page_url: str | None = None
    feed_url: str | None = None
    language: str | None = None


def read_jsonfeed(payload: Payload, source: JsonFeedSource, ctx: Context[NewsConfig]) -> Batch:
    """Items of a JSON Feed. One that cannot be read is refused with its place, the others come in."""
    text = read_text(payload).strip()
    if text.startswith("<"):
        raise FeedError('is XML or HTML, not JSON; for RSS and Atom, say kind = "feed"', place="the beginning")
    try:
        feed = msgspec.json.decode(text, type=JsonFeed)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FeedError(f"cannot be read as JSON Feed: {error}", place="the file") from error
    if "jsonfeed.org/version/" not in feed.version:
        raise FeedError(
            f"is {feed.version[:80]!r}, expected https://jsonfeed.org/version/1.1: this is no JSON Feed",
            place="version",
        )
    if feed.items is None:
        raise FeedError("is missing: this is no complete JSON Feed", place="items")
    base = web_url(feed.home_page_url, payload.name) or web_url(feed.feed_url, payload.name) or payload.name
    entries: list[Entry] = []
    refused: list[Refusal] = []
    for number, raw in enumerate(feed.items):
        place = f"items[{number}]"
        try:
            item = msgspec.json.decode(raw, type=JsonItem)
        except (msgspec.DecodeError, RecursionError) as error:
            refused.append(Refusal(place=place, reason=str(error)))
            continue
        made = _entry(item, place, base, item.language or feed.language or "", ctx)
        if isinstance(made, Entry):
            entries.append(made)
        else:
            refused.append(made)
    return make_batch(entries, refused, payload, source, ctx)


def _entry(item: JsonItem, place: str, base: str, language: str, ctx: Context[Any]) -> Entry | Refusal:
    link = web_url(item.url, base) or web_url(item.external_url, base)
    inner = link or base
    html = sanitise(item.content_html or "", inner) or paragraphs(item.content_text or item.summary or "")
    text = plain(item.content_html or "") or fold(item.content_text or item.summary or "")
    title = one_line(fold(item.title or "")) or one_line(text, 80)
    if not title:
        return Refusal(place=f'{place} id "{item.id}"', reason="has neither title nor text")
    attached = [
        picture(one.url, base, alt=one.title)
        for one in item.attachments or []
        if is_picture(one.mime_type, None, one.url)
    ]
    images = distinct(
        [
            picture(item.image, base),
            picture(item.banner_image, base),
            *attached,
            *pictures_in(item.content_html or "", inner),
        ]
    )
    return Entry(
        place=f'{place} "{one_line(title, 60)}"',
        guid="" if item.id is None else str(item.id).strip(),
        link=link,
        title=title,
        summary=teaser(fold(item.summary or ""), title, text),
        text=text,
        html=html,
        stated_at=read_date(item.date_published, ctx) or read_date(item.date_modified, ctx),
        updated_at=read_date(item.date_modified, ctx),
        expires_at=None,
        categories=[name for tag in item.tags or [] if (name := one_line(fold(tag), 80))],
        images=images,
        language=language,
    )
