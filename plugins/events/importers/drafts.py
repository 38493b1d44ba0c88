"""What all kinds of feeds are first read into, and how that becomes rows: keys, window, venues, categories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any

from allmende import Batch, Context, Refusal, stable_id
from msgspec import Struct

from ..config import EventsConfig, EventSource
from ..tables import Event, Occurrence

UNKNOWN_END = timedelta(hours=2)
"""How long an entry without an end is shown as running."""
FAR = timedelta(days=60)


class Moment(Struct, frozen=True, kw_only=True):
    """One date of an entry."""

    start: datetime
    end: datetime | None = None
    all_day: bool = False
    status: str = "scheduled"
    moved_from: datetime | None = None
    key: str = ""
    """What tells it from the other dates of the entry, even after it was moved."""

    @property
    def until(self) -> datetime:
        return self.end or self.start + UNKNOWN_END


class Draft(Struct, frozen=True, kw_only=True):
    """One entry of a feed, read but not yet matched with the city's configuration."""

    place: str
    key: str
    title: str
    moments: Sequence[Moment]
    text: str = ""
    html: str | None = None
    language: str = ""
    categories: Sequence[str] = ()
    free: bool | None = None
    price: str | None = None
    organizer: str | None = None
    url: str | None = None
    image: dict[str, Any] | None = None
    venue_name: str | None = None
    venue_address: str | None = None
    lat: float | None = None
    lon: float | None = None
    series: str = ""
    """Key of the entry that its dates belong to by their own keys, where it was taken out of a series."""


class Window(Struct, frozen=True, kw_only=True):
    """The dates that are kept: some days back, and as far ahead as rules are expanded."""

    begin: datetime
    end: datetime


def window(ctx: Context[EventsConfig]) -> Window:
    """The window around the context's present, on the city's midnights."""
    days = (ctx.today - timedelta(days=ctx.config.past_days), ctx.today + timedelta(days=ctx.config.horizon_days))
    return Window(begin=midnight(days[0], ctx), end=midnight(days[1], ctx))


def midnight(day: date, ctx: Context[Any]) -> datetime:
    return ctx.localize(datetime.combine(day, time()))


def fingerprint(*parts: object) -> str:
    """A key for an entry without a dependable id, from what makes it itself."""
    return blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=16).hexdigest()


def _short(key: str) -> str:
    return key if len(key) <= 400 else fingerprint(key)


def make_batch(
    drafts: Iterable[Draft], refused: list[Refusal], source: EventSource, ctx: Context[EventsConfig]
) -> Batch:
    """Rows of all drafts. Entries that are over, twice in the feed, or without a date are named as refusals."""
    kept = window(ctx)
    events: dict[str, Event] = {}
    occurrences: dict[str, Occurrence] = {}
    over: list[str] = []
    for draft in drafts:
        moments = sorted((m for m in draft.moments if m.until >= kept.begin), key=lambda m: m.start)
        if not draft.moments:
            refused.append(Refusal(place=draft.place, reason="gives no date in the time that is kept"))
            continue
        if not moments:
            over.append(draft.place)
            continue
        key = _short(draft.key)
        if key in events:
            refused.append(
                Refusal(place=draft.place, reason=f"the same entry ({draft.title!r}) stands in the feed twice")
            )
            continue
        if len(moments) > ctx.config.max_occurrences:
            reason = (
                f"has {len(moments)} dates; only the first {ctx.config.max_occurrences} are taken (max_occurrences)"
            )
            refused.append(Refusal(place=draft.place, reason=reason))
            moments = moments[: ctx.config.max_occurrences]
        last = settled(max(moment.until for moment in moments), ctx)
        events[key] = _event(draft, key, last, source, ctx.config)
        parent = stable_id(ctx.city.slug, source.id, Event, key)
        for moment in moments:
            row = occurrence(moment, f"{_short(draft.series) or key} {moment.key}".strip(), parent)
            occurrences.setdefault(row.key, row)
    if over:
        place = over[0] if len(over) == 1 else f"{len(over)} entries, the first {over[0]}"
        refused.append(Refusal(place=place, reason=f"is over since before {kept.begin:%Y-%m-%d} (past_days)"))
    return Batch(rows=[*events.values(), *occurrences.values()], refused=refused, within=Event.last >= ctx.now)


def _event(draft: Draft, key: str, last: datetime, source: EventSource, config: EventsConfig) -> Event:
    names = [source.rename.get(name, name) for name in (clean.strip() for clean in draft.categories) if name]
    means_free = {name.casefold() for name in config.free_categories}
    free = True if any(name.casefold() in means_free for name in names) else draft.free
    shown = list(dict.fromkeys(name for name in names if name and name.casefold() not in means_free))
    shown = shown or ([source.category] if source.category else [])
    venue = known_venue(draft, config)
    return Event(
        key=key,
        title=draft.title[:300],
        text=draft.text,
        html=draft.html,
        language=draft.language or source.language,
        categories="\n" + "\n".join(shown) + "\n" if shown else "",
        free=source.free if free is None else free,
        price=draft.price,
        organizer=draft.organizer,
        url=draft.url,
        image=draft.image,
        venue_name=draft.venue_name[:300] if draft.venue_name else None,
        last=last,
        **venue,
    )


def settled(last: datetime, ctx: Context[EventsConfig]) -> datetime:
    """The last date; far ahead, the end of its month, so that an endless rule does not change its event every day."""
    if last - ctx.now < FAR:
        return last
    return midnight(date(last.year + last.month // 12, last.month % 12 + 1, 1), ctx)


def known_venue(draft: Draft, config: EventsConfig) -> dict[str, Any]:
    """Address and position: from the feed, else from the venue of that name in the city's configuration."""
    known = {name.casefold(): venue for name, venue in config.venues.items()}.get((draft.venue_name or "").casefold())
    has_position = draft.lat is not None and draft.lon is not None
    return {
        "venue_address": draft.venue_address or (known.address if known else None) or None,
        "lat": draft.lat if has_position else known.lat if known else None,
        "lon": draft.lon if has_position else known.lon if known else None,
    }


def occurrence(moment: Moment, key: str, parent: str) -> Occurrence:
    return Occurrence(
        key=key,
        parent=parent,
        start=moment.start,
        end=moment.end,
        until=moment.until,
        all_day=moment.all_day,
        status=moment.status,
        moved_from=moment.moved_from,
    )
