"""schema.org Events in JSON, JSON-LD or a page's JSON-LD scripts, and NGSI-LD Events, which use the same words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from allmende import Batch, Context, FeedError, Payload, Refusal

from ..config import EventsConfig, SchemaOrgSource
from .drafts import Draft, Moment, fingerprint, make_batch, midnight
from .prose import one_line, prose, web_address
from .schedule import Unreadable, read_moment, scheduled
from .schema_org_parts import is_free, name_of, picture, price_of, spoken, text_of, values_of, venue_of

_SCRIPT = re.compile(r"<script[^>]*application/ld\+json[^>]*>(.*?)</script>", re.IGNORECASE | re.DOTALL)
_PREFIX = re.compile(r"^(?:https?://schema\.org/|schema:)")
_KINDS = {"Festival", "Hackathon", "EventSeries"}
_STATUS = {"EventCancelled": "cancelled", "EventPostponed": "postponed", "EventRescheduled": "moved"}
DEPTH = 8
"""How deep lists may be nested in each other."""


def read(payload: Payload, source: SchemaOrgSource, ctx: Context[EventsConfig]) -> Batch:
    """All events of the document: one, a list, an @graph or an ItemList. Refused ones are named by their place."""
    refused: list[Refusal] = []
    drafts: list[Draft] = []
    found = 0
    for root, document in _documents(payload.text()):
        for place, raw in _events(document, root, 0):
            found += 1
            item = spoken(raw, ctx.city.language)
            title = one_line(text_of(item.get("name") or item.get("title") or item.get("headline")))
            place = f'{place} "{title}"' if title else place
            try:
                drafts.append(_draft(item, title, place, ctx, refused))
            except Unreadable as error:
                refused.append(Refusal(place=place, reason=str(error)))
        if not found and isinstance(document, list) and not document:
            refused.append(Refusal(place=root, reason="the list is empty: there are no events in it"))
            found = 1
    if not found:
        raise FeedError("there is no object with the @type Event in it", place="the file")
    return make_batch(drafts, refused, source, ctx)


def _documents(text: str) -> Iterator[tuple[str, Any]]:
    scripts = _SCRIPT.findall(text) if text.lstrip().startswith("<") else [text]
    if not scripts:
        raise FeedError("the page holds no <script type=application/ld+json>", place="the file")
    for number, script in enumerate(scripts):
        root = "$" if len(scripts) == 1 else f"script {number + 1} $"
        try:
            yield root, json.loads(script)
        except (json.JSONDecodeError, RecursionError) as error:
            line = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else root
            raise FeedError(f"this is not JSON: {error}", place=line) from error


def _events(node: Any, place: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events inside lists, @graph, ItemList and mainEntity, in the order of the document."""
    if depth > DEPTH:
        return
    if isinstance(node, list):
        for number, child in enumerate(node):
            yield from _events(child, f"{place}[{number}]", depth + 1)
    elif isinstance(node, dict):
        item = {_PREFIX.sub("", str(key)): value for key, value in node.items()}
        kinds = [_PREFIX.sub("", str(kind)) for kind in values_of(item.get("@type") or item.get("type"))]
        if any(kind.endswith("Event") or kind in _KINDS for kind in kinds):
            yield place, {key: _ngsi_value(value) for key, value in item.items()}
        for key in ("@graph", "itemListElement", "item", "mainEntity", "subEvent", "event", "events"):
            if isinstance(item.get(key), list | dict):
                yield from _events(item[key], f"{place}.{key}", depth + 1)


def _ngsi_value(value: Any) -> Any:
    """NGSI's normalised form wraps each value: {"type": "Text", "value": …}."""
    return value["value"] if isinstance(value, dict) and "value" in value and "type" in value else value


def _draft(item: dict[str, Any], title: str, place: str, ctx: Context[EventsConfig], refused: list[Refusal]) -> Draft:
    if not title:
        raise Unreadable("has no name")
    venue = venue_of(item, ctx.city.area.bbox)
    if venue.swapped:
        refused.append(Refusal(place=place, reason="latitude and longitude were the wrong way round, and are swapped"))
    identity = item.get("@id") or item.get("identifier") or item.get("id") or ""
    start = item.get("startDate") or ""
    moments = _moments(item, ctx)
    text, rich = prose(text_of(item.get("description")))
    return Draft(
        place=place,
        key=identity if isinstance(identity, str) and identity else fingerprint(title, venue.name, start),
        title=title,
        moments=moments,
        text=text,
        html=rich,
        language=_language(item.get("inLanguage")),
        categories=_categories(item),
        free=is_free(item),
        price=price_of(item),
        organizer=_organizer(item.get("organizer") or item.get("offeredBy")),
        url=web_address(html.unescape(str(item.get("url") or item.get("webSite") or ""))),
        image=picture(item.get("image") or item.get("contentURL")),
        venue_name=venue.name,
        venue_address=venue.address,
        lat=venue.lat,
        lon=venue.lon,
    )


def _moments(item: dict[str, Any], ctx: Context[EventsConfig]) -> list[Moment]:
    words = [_PREFIX.sub("", str(word)) for word in values_of(item.get("eventStatus"))]
    status = next((_STATUS[word] for word in words if word in _STATUS), "scheduled")
    schedules = [schedule for schedule in values_of(item.get("eventSchedule")) if isinstance(schedule, dict)]
    if schedules:
        return [moment for schedule in schedules for moment in scheduled(schedule, status, ctx)]
    start = read_moment(item.get("startDate"), "startDate")
    if start is None:
        raise Unreadable("has neither startDate nor eventSchedule")
    end = read_moment(item.get("endDate"), "endDate")
    before = read_moment(next(iter(values_of(item.get("previousStartDate"))), None), "previousStartDate")
    begins, ends = _instant(start, ctx), None
    if end is not None:
        ends = _instant(end, ctx) if isinstance(end, datetime) else midnight(end + timedelta(days=1), ctx)
        if ends < begins:
            raise Unreadable(f"endDate {item.get('endDate')!r} is before startDate {item.get('startDate')!r}")
    elif not isinstance(start, datetime):
        ends = midnight(start + timedelta(days=1), ctx)
    return [
        Moment(
            start=begins,
            end=ends if ends != begins else None,
            all_day=not isinstance(start, datetime),
            status=status,
            moved_from=_instant(before, ctx).astimezone(UTC) if before and status == "moved" else None,
        )
    ]


def _instant(moment: date | datetime, ctx: Context[EventsConfig]) -> datetime:
    return ctx.localize(moment) if isinstance(moment, datetime) else midnight(moment, ctx)


def _categories(item: dict[str, Any]) -> list[str]:
    found = [*values_of(item.get("keywords")), *values_of(item.get("category")), *values_of(item.get("about"))]
    names = [name_of(value) if isinstance(value, dict) else str(value) for value in found]
    return [one_line(part) for name in names if name for part in name.split(",")]


def _organizer(value: Any) -> str | None:
    """Organisations only: whoever is not said to be one may be a person, whose name is not ours to publish."""
    for organizer in values_of(value):
        if isinstance(organizer, dict):
            kind = _PREFIX.sub("", str(organizer.get("@type") or organizer.get("type") or ""))
            if kind and kind != "Person":
                return name_of(organizer)
    return None


def _language(value: Any) -> str:
    first = next(iter(values_of(value)), "")
    tag = first.get("alternateName", "") if isinstance(first, dict) else str(first)
    return tag.partition("-")[0].lower() if re.fullmatch(r"[A-Za-z]{2,3}(-\w+)*", tag) else ""
