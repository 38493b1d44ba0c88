"""RSS and Atom in all their versions, read by feedparser; what its model loses is taken from the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element

import feedparser
from allmende import Batch, Context, FeedError, Payload, Refusal
from msgspec import Struct

from ..config import FeedSource, NewsConfig
from .dates import read_date
from .document import Document, read_document
from .entry import Entry, make_batch
from .markup import fold, one_line, paragraphs, plain, sanitise, teaser, web_url
from .pictures import Picture, distinct, is_picture, picture, pictures_in

MEDIA = ("{http://search.yahoo.com/mrss/}", "{http://search.yahoo.com/mrss}")


class Body(Struct, frozen=True, kw_only=True):
    """The longest text that the entry offers."""

    markup: str
    """As the feed has it; empty where it is plain text."""
    html: str
    text: str
    language: str


def read_feed(payload: Payload, source: FeedSource, ctx: Context[NewsConfig]) -> Batch:
    """Entries of an RSS or Atom feed; a damaged one is read as far as it goes, and said to be damaged."""
    document = read_document(payload)
    parsed = feedparser.parse(
        BytesIO(document.text.encode()),
        response_headers={"content-location": payload.name, "content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    if document.root is None and not parsed.entries:
        raise FeedError(f"the XML is broken, and no entry can be read: {document.fault}", place=document.place)
    media = _media(document, len(parsed.entries))
    site = web_url(parsed.feed.get("link"), payload.name) or payload.name
    entries: list[Entry] = []
    refused: list[Refusal] = []
    for number, raw in enumerate(parsed.entries):
        place = f"entry {number + 1}"
        made = _entry(raw, place, site, parsed.feed.get("language") or "", media[number], ctx)
        if isinstance(made, Entry):
            entries.append(made)
        else:
            refused.append(made)
    if document.root is None:
        reason = f"the XML is broken: {document.fault}; entries were read as far as possible, and none is deleted"
        refused.append(Refusal(place=document.place, reason=reason))
    return make_batch(entries, refused, payload, source, ctx, damaged=document.root is None)


def _entry(
    raw: dict[str, Any], place: str, site: str, language: str, media: Sequence[Element], ctx: Context[Any]
) -> Entry | Refusal:
    link = _link(raw, site)
    base = (raw.get("title_detail") or raw.get("summary_detail") or {}).get("base") or site
    body = _body(raw, link or base, {_said(one, "description") for one in media})
    title = one_line(_text(raw.get("title_detail"))) or one_line(body.text, 80)
    guid = str(raw.get("id") or "").strip()
    if not title:
        named = f' id "{one_line(guid, 80)}"' if guid else ""
        return Refusal(place=place + named, reason="has neither title nor text")
    published = _date(raw, ("published", "created"), ctx)
    updated = _date(raw, ("updated",), ctx)
    return Entry(
        place=f'{place} "{one_line(title, 60)}"',
        guid=guid,
        link=link,
        title=title,
        summary=teaser(_text(raw.get("summary_detail")), title, body.text),
        text=body.text,
        html=body.html,
        stated_at=published or updated,
        updated_at=updated,
        expires_at=_date(raw, ("expired",), ctx),
        categories=_categories(raw),
        images=_pictures(raw, link or base, media, body.markup),
        language=body.language or language,
    )


def _body(raw: Mapping[str, Any], base: str, captions: set[str]) -> Body:
    """feedparser puts the captions of Media RSS among the contents; they are known from the tree, and left out."""
    details = [d for d in raw.get("content") or () if " ".join((d.get("value") or "").split()) not in captions]
    if detail := raw.get("summary_detail"):
        details.append(detail)
    best = Body(markup="", html="", text="", language="")
    for detail in details:
        value = detail.get("value") or ""
        if _is_plain(detail):
            text, markup = fold(value), ""
        else:
            text, markup = plain(value), value
        if len(text) > len(best.text) or (markup and not best.markup and not best.text):
            html = sanitise(value, detail.get("base") or base) if markup else paragraphs(value)
            best = Body(markup=markup, html=html, text=text, language=detail.get("language") or "")
    return best


def _is_plain(detail: Mapping[str, Any]) -> bool:
    return (detail.get("type") or "") == "text/plain"


def _text(detail: Mapping[str, Any] | None) -> str:
    value = (detail or {}).get("value") or ""
    return fold(value) if _is_plain(detail or {}) else plain(value)


def _link(raw: Mapping[str, Any], site: str) -> str | None:
    links = [one.get("href") for one in raw.get("links") or () if one.get("rel", "alternate") == "alternate"]
    guid = raw.get("id") if raw.get("guidislink") else None
    return next((url for one in (raw.get("link"), *links, guid) if (url := web_url(one, site))), None)


def _date(raw: dict[str, Any], names: Sequence[str], ctx: Context[Any]) -> Any:
    # dict.get, since feedparser's own get passes off one date as another.
    found = (read_date(dict.get(raw, name), ctx, dict.get(raw, f"{name}_parsed")) for name in names)
    return next((moment for moment in found if moment), None)


def _categories(raw: Mapping[str, Any]) -> list[str]:
    names = (one_line(fold(tag.get("label") or tag.get("term") or ""), 80) for tag in raw.get("tags") or ())
    return [name for name in names if name and not name.startswith(("http://", "https://"))]


def _pictures(raw: Mapping[str, Any], base: str, media: Sequence[Element], markup: str) -> list[Picture]:
    found: list[Picture | None] = [_from_media(one, base) for one in media]
    for one in raw.get("media_content") or ():
        if is_picture(one.get("type"), one.get("medium"), one.get("url")):
            found.append(picture(one.get("url"), base, width=one.get("width"), height=one.get("height")))
    for one in raw.get("links") or ():
        if one.get("rel") == "enclosure" and is_picture(one.get("type"), None, one.get("href")):
            found.append(picture(one.get("href"), base, alt=one.get("title")))
    found.append(picture((raw.get("image") or {}).get("href"), base))
    found += pictures_in(markup, base)
    if not any(found):
        found += [
            picture(one.get("url"), base, width=one.get("width"), height=one.get("height"))
            for one in raw.get("media_thumbnail") or ()
        ]
    return distinct(found)


def _from_media(one: Element, base: str) -> Picture | None:
    """media:content with what is said of it: feedparser loses which caption belongs to which picture."""
    if not is_picture(one.get("type"), one.get("medium"), one.get("url")):
        return None
    return picture(
        one.get("url"),
        base,
        alt=_said(one, "text") or _said(one, "title"),
        caption=_said(one, "description"),
        credit=_said(one, "credit"),
        width=one.get("width"),
        height=one.get("height"),
    )


def _said(one: Element, name: str) -> str:
    return next(
        (" ".join("".join(found.itertext()).split()) for ns in MEDIA if (found := one.find(ns + name)) is not None), ""
    )


def _media(document: Document, count: int) -> list[list[Element]]:
    """The media:content of each entry, by the order of entries; nothing where the tree and feedparser disagree."""
    items = (
        []
        if document.root is None
        else [
            one
            for one in document.root.iter()
            if isinstance(one.tag, str) and one.tag.rpartition("}")[2] in ("item", "entry")
        ]
    )
    if len(items) != count:
        return [[] for _ in range(count)]
    return [[one for ns in MEDIA for one in item.iter(ns + "content")] for item in items]
