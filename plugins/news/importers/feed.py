"""RSS and Atom in all their versions, read by feedparser; what its model loses is taken from the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from allmende import Batch, Context, FeedError, Payload, Refusal, lazily
from msgspec import Struct

from ..config import FeedSource, NewsConfig
from .dates import read_date
from .document import read_document
from .entry import Entry, make_batch
from .markup import fold, one_line, paragraphs, plain, sanitise, teaser, web_url
from .media import Media, take_media
from .pictures import Picture, distinct, is_picture, picture, pictures_in

if TYPE_CHECKING:
    import feedparser
else:
    feedparser = lazily("feedparser")


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
    content, media = take_media(document)
    parsed = feedparser.parse(
        BytesIO(content),
        response_headers={"content-location": payload.name, "content-type": "application/xml; charset=utf-8"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    if document.root is None and not parsed.entries:
        raise FeedError(f"the XML is broken, and no entry can be read: {document.fault}", place=document.place)
    if len(media) != len(parsed.entries):  # the two parsers disagree on what an entry is: whose media, nobody knows
        media = [[] for _ in parsed.entries]
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
    raw: dict[str, Any], place: str, site: str, language: str, media: Sequence[Media], ctx: Context[Any]
) -> Entry | Refusal:
    link = _link(raw, site)
    base = (raw.get("title_detail") or raw.get("summary_detail") or {}).get("base") or site
    body = _body(raw, link or base)
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


def _body(raw: Mapping[str, Any], base: str) -> Body:
    best = Body(markup="", html="", text="", language="")
    for detail in (*(raw.get("content") or ()), *filter(None, [raw.get("summary_detail")])):
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


def _pictures(raw: Mapping[str, Any], base: str, media: Sequence[Media], markup: str) -> list[Picture]:
    found: list[Picture | None] = [one.picture(base) for one in media]
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
