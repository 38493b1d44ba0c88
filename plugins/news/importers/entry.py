"""The common form of an entry, whichever format it came in, and what becomes of it: rows, or a reason why not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from allmende import Batch, Context, FeedTable, Payload, Refusal, stable_id
from msgspec import Struct, structs, to_builtins
from sqlalchemy import ColumnElement, and_, false, or_

from ..config import NewsConfig, NewsSource
from ..tables import Item, ItemCategory
from .pictures import Picture

MAX_CATEGORIES = 20


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of a feed: texts are cleaned, addresses absolute, dates aware or None."""

    place: str
    guid: str
    link: str | None
    title: str
    summary: str
    text: str
    html: str
    stated_at: datetime | None
    updated_at: datetime | None
    expires_at: datetime | None
    categories: Sequence[str]
    images: Sequence[Picture]
    language: str


def make_batch(
    entries: Sequence[Entry],
    refused: Sequence[Refusal],
    payload: Payload,
    source: NewsSource,
    ctx: Context[NewsConfig],
    *,
    damaged: bool = False,
) -> Batch:
    """The rows of these entries, in the feed's order. Nothing is deleted because of a damaged or an empty feed."""
    refusals = list(refused)
    keys = _keys(entries, source)
    chosen: dict[str, Entry] = {}
    for key, entry in zip(keys, entries, strict=True):
        other = chosen.get(key)
        if other is None:
            chosen[key] = entry
            continue
        newer, older = (entry, other) if _stamp(entry) > _stamp(other) else (other, entry)
        chosen[key] = newer
        refusals.append(Refusal(place=older.place, reason=f"is the same item as {newer.place}, which is kept"))
    keep = _keep(source, ctx)
    rows: list[FeedTable] = []
    outdated: list[str] = []
    for key, entry in chosen.items():
        expires_at = _expiry(entry, keep)
        if expires_at is not None and expires_at <= payload.fetched_at:
            outdated.append(entry.place)
            continue
        rows += _rows(key, structs.replace(entry, expires_at=expires_at), source, ctx)
    if outdated:
        days = f" (keep_days = {keep.days})" if keep else ""
        refusals.append(Refusal(place=_several(outdated), reason=f"is older than news is kept{days}, or has expired"))
    if not entries and not refusals:
        refusals.append(Refusal(place="the feed", reason="is sound, but has no entries"))
    return Batch(
        rows=rows, refused=refusals, within=_within(list(chosen.values()), payload, source, keep, damaged=damaged)
    )


def _rows(key: str, entry: Entry, source: NewsSource, ctx: Context[NewsConfig]) -> list[FeedTable]:
    categories = _categories(entry, source)
    language = (source.language or entry.language or ctx.city.language).partition("-")[0].lower()
    item = Item(
        key=key,
        title=entry.title,
        summary=entry.summary,
        text=entry.text,
        html=entry.html,
        url=entry.link,
        same=_digest("\x1f".join((entry.link, entry.title, language)))[1:] if entry.link else None,
        language=language,
        stated_at=entry.stated_at,
        updated_at=entry.updated_at,
        expires_at=entry.expires_at,
        categories=categories,
        images=[to_builtins(picture) for picture in entry.images],
    )
    parent = stable_id(ctx.city.slug, source.id, Item, key)
    return [item, *(ItemCategory(key=f"{parent}/{name}", parent=parent, name=name) for name in categories)]


def _keys(entries: Sequence[Entry], source: NewsSource) -> list[str]:
    """A key per entry: id, else link, else a fingerprint. An id that stands for several pages identifies nothing."""
    pages: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.guid and entry.link:
            pages[entry.guid].add(entry.link)
    links = Counter(entry.link for entry in entries)
    keys = []
    for entry in entries:
        candidates = {
            "guid": entry.guid if len(pages[entry.guid]) < 2 else "",
            "link": entry.link if links[entry.link] == 1 or source.identity == "link" else "",
        }
        wanted = {"guid": ("guid", "link"), "link": ("link",), "title": ()}[source.identity]
        found = next((value for name in wanted if (value := candidates[name])), None) or _fingerprint(entry)
        keys.append(found if len(found) <= 400 else _digest(found))
    return keys


def _fingerprint(entry: Entry) -> str:
    when = entry.stated_at.isoformat() if entry.stated_at else ""
    return _digest("\x1f".join((entry.title, when, entry.link or "")))


def _digest(text: str) -> str:
    return "#" + blake2b(text.encode(), digest_size=16).hexdigest()


def _stamp(entry: Entry) -> float:
    moment = entry.updated_at or entry.stated_at
    return moment.timestamp() if moment else 0.0


def _categories(entry: Entry, source: NewsSource) -> list[str]:
    names = {name.casefold(): wanted for name, wanted in source.categories.items()}
    found = [source.category, *(names.get(name.casefold(), name) for name in entry.categories)]
    unique = {name.casefold(): name[:80] for name in reversed(found) if name}
    return list(reversed(unique.values()))[:MAX_CATEGORIES]


def _keep(source: NewsSource, ctx: Context[NewsConfig]) -> timedelta | None:
    days = ctx.config.keep_days if source.keep_days is None else source.keep_days
    return timedelta(days=days) if days else None


def _expiry(entry: Entry, keep: timedelta | None) -> datetime | None:
    ends = [entry.expires_at] if entry.expires_at else []
    if keep and (moment := entry.stated_at or entry.updated_at):
        ends.append(moment + keep)
    return min(ends, default=None)


def _within(
    entries: Sequence[Entry], payload: Payload, source: NewsSource, keep: timedelta | None, *, damaged: bool
) -> ColumnElement[bool] | None:
    """What may be deleted: what has expired, and what is newer than the oldest entry that the feed shows.

    That needs a feed in order of publication or of change. Where the order is another one, an older item may be
    missing although it still holds, so that only expired items go.
    """
    gone: list[ColumnElement[bool]] = [Item.expires_at <= payload.fetched_at]
    if keep:
        gone.append(and_(Item.expires_at.is_(None), Item.fetched_at <= payload.fetched_at - keep))
    if damaged or not entries:
        return or_(*gone)
    if source.complete:
        return None
    for column, moments in (
        (Item.stated_at, [entry.stated_at for entry in entries]),
        (Item.updated_at, [entry.updated_at for entry in entries]),
    ):
        dated = [moment for moment in moments if moment]
        if len(dated) == len(entries) and dated == sorted(dated, reverse=True):
            return or_(*gone, column > dated[-1])
    return or_(*gone, false())


def _several(places: Sequence[str]) -> str:
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return places[0] + more
