"""iCalendar (RFC 5545, 7986): entries, rules, exceptions and overrides become events with dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from allmende import Batch, Context, Payload, Refusal
from icalendar import Calendar
from msgspec.structs import replace
from x_wr_timezone import to_standard

from ..config import EventsConfig, IcalSource
from .drafts import Draft, Moment, fingerprint, make_batch, midnight, window
from .ical_blocks import Entry, Vevent, read_entries
from .prose import one_line, prose, web_address

_VITAL = {"DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID"}
_STATUS = {"CANCELLED": "cancelled"}
_TOO_OFTEN = {"SECONDLY", "MINUTELY"}
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)


def read(payload: Payload, source: IcalSource, ctx: Context[EventsConfig]) -> Batch:
    """All entries with dates in the window. What cannot be used is refused by UID, or by line where there is none."""
    refused: list[Refusal] = []
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in read_entries(payload.text(), refused):
        problem = _problem(entry, refused)
        if problem:
            refused.append(Refusal(place=entry.place, reason=problem))
        else:
            groups[entry.uid or f"line {entry.line}"].append(entry)
    drafts: list[Draft] = []
    for group in groups.values():
        try:
            drafts.extend(_read_group(group, source, ctx, refused))
        except _UNREADABLE as error:
            refused.append(Refusal(place=group[0].place, reason=f"its dates cannot be worked out: {error}"))
    return make_batch(drafts, refused, source, ctx)


def _problem(entry: Entry, refused: list[Refusal]) -> str | None:
    """Why the entry cannot be used; broken properties that it can do without are only reported."""
    event = entry.event
    for name, message in event.errors:
        if name in _VITAL:
            return f"{name} cannot be read: {message}"
        if name:
            event.pop(name, None)
        refused.append(Refusal(place=entry.place, reason=f"left out of the entry: {name or 'a line'}: {message}"))
    if "DTSTART" not in event:
        return f"has no DTSTART (line {entry.line})"
    for name in _VITAL & set(event.keys()):
        if isinstance(event[name], list):
            return f"{name} is given {len(event[name])} times"
    if str(event.get("CLASS", "PUBLIC")).upper() in ("PRIVATE", "CONFIDENTIAL"):
        return "is marked as private (CLASS) and therefore not shown"
    frequency = event["RRULE"].get("FREQ", [""])[0] if "RRULE" in event else ""
    if frequency in _TOO_OFTEN:
        return f"repeats {frequency.lower()}, which is too often for an event"
    if not one_line(event.get("SUMMARY", "")):
        return "has no SUMMARY"
    zone = event["DTSTART"].params.get("TZID")
    if zone and isinstance(event["DTSTART"].dt, datetime) and event["DTSTART"].dt.tzinfo is None:
        reason = f"TZID {zone!r} is unknown; its times are taken as the city's"
        refused.append(Refusal(place=entry.place, reason=reason))
    return None


def _read_group(
    group: list[Entry], source: IcalSource, ctx: Context[EventsConfig], refused: list[Refusal]
) -> Iterator[Draft]:
    """The drafts of all VEVENTs with one UID: a master with its overrides; or several masters, each for itself."""
    masters = [entry for entry in group if "RECURRENCE-ID" not in entry.event]
    overrides = [entry for entry in group if "RECURRENCE-ID" in entry.event]
    if len(masters) > 1:
        masters = _newest(masters, refused)
    for number, master in enumerate(masters):
        own = overrides if number == 0 else []
        key = _key(master, source, again=number > 0)
        moments, apart = _dates(master, own, ctx)
        yield _draft(master, key, moments, ctx)
        yield from (_apart(entry, key, original, dates, ctx) for entry, original, dates in apart)
    if not masters:
        for entry in overrides:
            original = _instant(entry.event["RECURRENCE-ID"].dt, entry.zone, ctx)
            yield _apart(entry, _key(entry, source), original, [_moment(entry.event, entry.zone, ctx, original)], ctx)


def _apart(entry: Entry, series: str, original: datetime, moments: list[Moment], ctx: Context[EventsConfig]) -> Draft:
    """An override that is an event of its own; its dates keep the ids that they had in the series."""
    return replace(_draft(entry, f"{series} {_utc(original)}", moments, ctx), series=series)


def _newest(masters: list[Entry], refused: list[Refusal]) -> list[Entry]:
    """Of several VEVENTs with the same UID and start, the one with the highest SEQUENCE."""
    best: dict[Any, Entry] = {}
    for entry in masters:
        start = entry.event["DTSTART"].dt
        held = best.get(start)
        if held is not None:
            refused.append(
                Refusal(place=f"{entry.place}, line {entry.line}", reason="the same UID and start once more")
            )
        if held is None or _sequence(entry.event) > _sequence(held.event):
            best[start] = entry
    return list(best.values())


def _sequence(event: Vevent) -> int:
    return int(event.get("SEQUENCE", 0))


def _key(entry: Entry, source: IcalSource, *, again: bool = False) -> str:
    event, start = entry.event, entry.event["DTSTART"].dt.isoformat()
    if source.ids == "content" or not entry.uid:
        return fingerprint(one_line(event["SUMMARY"]), one_line(event.get("LOCATION", "")), start)
    return f"{entry.uid} {start}" if again else entry.uid


def _dates(
    master: Entry, overrides: list[Entry], ctx: Context[EventsConfig]
) -> tuple[list[Moment], list[tuple[Entry, datetime, list[Moment]]]]:
    """(dates of the master, overrides that say something else than the master and so become events of their own)."""
    _include_last_day(master.event)
    for entry in overrides:
        _name_like(entry.event, master.event["DTSTART"].dt, master.zone, ctx)
    if not {"RRULE", "RDATE"} & set(master.event.keys()) and not overrides:
        return [_moment(master.event, master.zone, ctx)], []
    calendar = Calendar()
    for entry in (master, *overrides):
        calendar.add_component(entry.event)
    if master.zone and _zone(master.zone):
        calendar = to_standard(calendar, timezone=_zone(master.zone))
    kept = window(ctx)
    found = recurring_ical_events.of(calendar, keep_recurrence_attributes=True).between(kept.begin, kept.end)
    changed = {_instant(entry.event["RECURRENCE-ID"].dt, entry.zone, ctx): entry for entry in overrides}
    moments, apart = list[Moment](), dict[datetime, list[Moment]]()
    for event in found:
        named = _instant(event["RECURRENCE-ID"].dt, master.zone, ctx)
        override = changed.get(named)
        original = named if override is None else _original(event, override.event, named, master.zone, ctx)
        differs = override is not None and _content(override.event) != _content(master.event)
        (apart.setdefault(named, []) if differs else moments).append(_moment(event, master.zone, ctx, original))
    return moments, [(changed[named], named, dates) for named, dates in apart.items()]


def _original(event: Vevent, override: Vevent, named: datetime, zone: str, ctx: Context[EventsConfig]) -> datetime:
    """The instant of the series that a date stands for; those under RANGE=THISANDFUTURE all name the override's."""
    begin, start = (_instant(each["DTSTART"].dt, zone, ctx) for each in (override, event))
    if begin == start:
        return named
    walls = [ctx.localize(instant).replace(tzinfo=None) for instant in (start, begin, named)]
    return ctx.localize(walls[0] - (walls[1] - walls[2]))


def _name_like(override: Vevent, start: date | datetime, zone: str, ctx: Context[EventsConfig]) -> None:
    """RECURRENCE-ID as a day where the series has times, or the reverse, means that day's date (RFC 5545, 3.8.4.4)."""
    named = override["RECURRENCE-ID"]
    if isinstance(named.dt, datetime) == isinstance(start, datetime):
        return
    meant: date = ctx.localize(_instant(named.dt, zone, ctx)).date()
    if isinstance(start, datetime):
        meant = datetime.combine(meant, start.timetz())
    span = {"RANGE": named.params["RANGE"]} if "RANGE" in named.params else None
    override.pop("RECURRENCE-ID")
    override.add("RECURRENCE-ID", meant, parameters=span)


def _include_last_day(event: Vevent) -> None:
    """UNTIL as a day, in a rule with times, means the whole day (which RFC 5545 forbids, and many calendars write)."""
    start, until = event["DTSTART"].dt, event["RRULE"].get("UNTIL", [None])[0] if "RRULE" in event else None
    if isinstance(start, datetime) and until is not None and not isinstance(until, datetime):
        last = datetime.combine(until, time.max.replace(microsecond=0), tzinfo=start.tzinfo)
        event["RRULE"]["UNTIL"] = [last.astimezone(UTC) if start.tzinfo else last]


def _content(event: Vevent) -> tuple[str, ...]:
    texts = (str(event.get(name, "")) for name in ("SUMMARY", "DESCRIPTION", "LOCATION", "URL"))
    return (*texts, str(_position(event)))


def _moment(event: Vevent, zone: str, ctx: Context[EventsConfig], original: datetime | None = None) -> Moment:
    """A date; `original` is when it was to begin by the rule, None where it is not one of several."""
    begin = event["DTSTART"].dt
    start = _instant(begin, zone, ctx)
    moved = original is not None and original != start
    return Moment(
        start=start,
        end=_end(event, begin, zone, ctx),
        all_day=not isinstance(begin, datetime),
        status=_STATUS.get(str(event.get("STATUS", "")).upper(), "moved" if moved else "scheduled"),
        moved_from=original if moved else None,
        key="" if original is None else _utc(original),
    )


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


def _end(event: Vevent, begin: date | datetime, zone: str, ctx: Context[EventsConfig]) -> datetime | None:
    """The exclusive end; a day-long entry without one lasts a day, another has none (RFC 5545, 3.6.1)."""
    start = _instant(begin, zone, ctx)
    if "DTEND" in event:
        end = _instant(event["DTEND"].dt, zone, ctx)
    elif "DURATION" in event:
        length: timedelta = event["DURATION"].dt
        end = _instant(begin + length, zone, ctx)
    else:
        end = start
    if end < start:
        raise ValueError(f"it ends ({end:%Y-%m-%d %H:%M}) before it begins ({start:%Y-%m-%d %H:%M})")
    if end == start:
        return None if isinstance(begin, datetime) else _instant(begin + timedelta(days=1), zone, ctx)
    return end


def _instant(moment: date | datetime, zone: str, ctx: Context[EventsConfig]) -> datetime:
    """Days begin at the city's midnight; floating times are those of X-WR-TIMEZONE, else of the city."""
    if not isinstance(moment, datetime):
        return midnight(moment, ctx)
    if moment.tzinfo is None and _zone(zone):
        return moment.replace(tzinfo=_zone(zone))
    return ctx.localize(moment)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def _draft(entry: Entry, key: str, moments: Iterable[Moment], ctx: Context[EventsConfig]) -> Draft:
    event = entry.event
    rich = event.get("X-ALT-DESC")
    is_html = rich is not None and "html" in str(rich.params.get("FMTTYPE", "text/html"))
    text, html = prose(str(rich if is_html else event.get("DESCRIPTION", "")))
    name, _, address = one_line(str(event.get("LOCATION", "")).replace("\n", ", ")).partition(",")
    lat, lon = _position(event)
    return Draft(
        place=entry.place,
        key=key,
        title=one_line(event["SUMMARY"]),
        moments=list(moments),
        text=text,
        html=html,
        language=str(event["SUMMARY"].params.get("LANGUAGE", "")).partition("-")[0],
        categories=[one_line(category) for category in event.categories],
        free=True if str(event.get("X-COST-TYPE", "")).lower() == "free" else None,
        price=one_line(event.get("X-COST", "")) or None,
        url=web_address(event.get("URL")),
        image=_image(event),
        venue_name=name.strip() or None,
        venue_address=address.strip() or None,
        lat=lat,
        lon=lon,
    )


def _position(event: Vevent) -> tuple[float | None, float | None]:
    geo = event.get("GEO")
    if geo is None or isinstance(geo, list):
        return None, None
    lat, lon = float(geo.latitude), float(geo.longitude)
    return (lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else (None, None)


def _image(event: Vevent) -> dict[str, Any] | None:
    """IMAGE (RFC 7986), or an ATTACH that says that it is a picture."""
    for name in ("IMAGE", "ATTACH"):
        values = event.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            address = web_address(value)
            if address and (name == "IMAGE" or str(value.params.get("FMTTYPE", "")).startswith("image/")):
                return {"url": address, "alt": ""}
    return None
