"""Weekly markets as GeoJSON with OSM opening hours: every opening in the window becomes a date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import holidays
import msgspec
from allmende import Batch, Context, FeedError, Payload, Refusal
from opening_hours import OpeningHours, ParserError, State  # type: ignore[attr-defined]  # its stubs lack the error

from ..config import EventsConfig, MarketsSource
from .drafts import Draft, Moment, fingerprint, make_batch, window
from .prose import one_line, split_address, web_address

_DAY = r"(?:Mo|Tu|We|Th|Fr|Sa|Su|PH|SH)"
_DAY_LIST = re.compile(rf"({_DAY}),\s+(?={_DAY}\b)")
_CLOSED_ON_HOLIDAYS = re.compile(r"\bPH\b[\w,\s\[\]-]*?\s(?:off|closed)\b")


def read(payload: Payload, source: MarketsSource, ctx: Context[EventsConfig]) -> Batch:
    """One event per market. Markets without readable opening hours are refused, with what the feed says instead."""
    try:
        data = msgspec.json.decode(payload.text())
    except msgspec.DecodeError as error:
        raise FeedError(f"this is not JSON: {error}", place="the file") from error
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list):
        raise FeedError("a GeoJSON FeatureCollection is expected, with a list `features`", place="the file")
    refused: list[Refusal] = []
    if not features:
        refused.append(Refusal(place="features", reason="the list is empty: there are no markets in it"))
    drafts = []
    for number, feature in enumerate(features):
        place = f"features[{number}]"
        try:
            drafts.append(_draft(feature, place, source, ctx))
        except _Unusable as error:
            refused.append(Refusal(place=f"{place} {error.title}".strip(), reason=error.reason))
    return make_batch(drafts, refused, source, ctx)


class _Unusable(Exception):
    def __init__(self, reason: str, title: str = "") -> None:
        super().__init__(reason)
        self.reason, self.title = reason, f'"{title}"' if title else ""


def _draft(feature: Any, place: str, source: MarketsSource, ctx: Context[EventsConfig]) -> Draft:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        raise _Unusable("a feature with properties is expected")
    title, address = split_address(str(properties.get("title") or properties.get("name") or ""))
    location = one_line(properties.get("location") or "")
    title = title or location
    if not title:
        raise _Unusable("has neither title nor location")
    hours = properties.get("opening_hours")
    if not isinstance(hours, str) or not hours.strip():
        said = properties.get("opening_hours_unclassified")
        raise _Unusable("opening_hours is missing" + (f"; the feed says {said!r}" if said else ""), title)
    lat, lon = _position(feature.get("geometry"), title)
    return Draft(
        place=f'{place} "{title}"',
        key=str(feature.get("id") or "") or fingerprint(title, location),
        title=source.event_title.format(title=title),
        moments=_openings(hours, title, ctx),
        text=one_line(properties.get("description") or ""),
        url=address or web_address(properties.get("url") or properties.get("website")),
        venue_name=location or title,
        lat=lat,
        lon=lon,
    )


def _position(geometry: Any, title: str) -> tuple[float, float]:
    """(lat, lon) of a GeoJSON point, whose coordinates may be strings."""
    try:
        lon, lat = (float(value) for value in geometry["coordinates"][:2])
    except (TypeError, KeyError, ValueError) as error:
        raise _Unusable("geometry must be a Point with two numbers [lon, lat]", title) from error
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise _Unusable(f"lat {lat}, lon {lon} is no place on earth", title)
    return lat, lon


def _openings(hours: str, title: str, ctx: Context[EventsConfig]) -> list[Moment]:
    """All openings in the window. `We, Fr 07:00-13:00` means both days here, although OSM reads `We` as a whole day."""
    written = _DAY_LIST.sub(r"\1,", hours.strip())
    closed = _holidays(ctx) if _CLOSED_ON_HOLIDAYS.search(written) else {}
    try:
        country = ctx.city.subdivision.partition("-")[0] or None
        parsed = OpeningHours(written, timezone=ctx.city.tz, country=country, auto_country=False, auto_timezone=False)
    except (ParserError, SyntaxError, ValueError) as error:
        line = next((part for part in str(error).splitlines() if "expected" in part), "unknown syntax")
        raise _Unusable(f"opening_hours {hours!r} cannot be read:{line[:120]}", title) from error
    kept = window(ctx)
    moments = [
        Moment(start=start, end=end, key=f"{start:%Y-%m-%dT%H:%M}")
        for start, end, state, _ in parsed.intervals(kept.begin, kept.end)
        if state == State.OPEN and end is not None and start.date() not in closed
    ]
    if not moments:
        raise _Unusable(f"opening_hours {hours!r} never open in the time that is kept", title)
    return moments


def _holidays(ctx: Context[EventsConfig]) -> Mapping[date, str]:
    """Public holidays where the city lies, by its ISO 3166-2 code (`DE-NW`)."""
    country, _, subdivision = ctx.city.subdivision.partition("-")
    if not country:
        return {}
    kept = window(ctx)
    years = range(kept.begin.year, kept.end.year + 1)
    return holidays.country_holidays(country, subdiv=subdivision or None, years=years)
