"""Reports in the city's register of cases: opened, found, followed, moderated. One or two statements for any list."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
from allmende import BBox, CityTable, Context, Denied, InputError, NotFound, Prepared, around, cases, distance, prepared
from msgspec import Struct
from sqlalchemy import Select, or_

from .config import Category, ReportsConfig
from .fields import check_fields
from .kind import DEFECT, KIND, PrivatePart, PublicPart
from .tables import Passed

Ctx = Context[ReportsConfig]
NEAR, MOST = 2_000.0, 500
"""Metres within which the nearest reports are looked for, and how many are looked at for that."""
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{2,}")


class Report(Struct, frozen=True, kw_only=True):
    """What somebody wants to report."""

    category: str
    lat: float
    lon: float
    text: str
    address: str = ""
    fields: Mapping[str, str] = {}
    photos: tuple[str, ...] = ()
    """Ids of uploads."""
    name: str = ""
    email: str = ""
    phone: str = ""
    media_url: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """A published report, with its pictures."""

    case: cases.Case
    pictures: Sequence[cases.Picture] = ()

    @property
    def public(self) -> PublicPart:
        return public_part(self.case.public)


async def create(ctx: Ctx, report: Report, key: str) -> cases.Submitted:
    """Open a case for the report; with the same key, the first answer comes again."""
    category = find_category(ctx, report.category)
    await check_place(ctx, report.lat, report.lon)
    public, private = check_fields(category, report.fields)
    if not any(one.isprintable() and not one.isspace() for one in report.text):  # some characters nobody sees
        raise InputError("text: is empty; say what is wrong")
    _check_contact(ctx, report)
    if ctx.reader.kind == "anonymous" and not ctx.config.anonymous_per_hour:
        raise Denied("this city takes reports with a token of a device or a citizen only", code="UNAUTHENTICATED")
    draft = cases.Draft(
        title=ctx.in_language(ctx.city.language).pick(category.name),
        category=category.id,
        lat=report.lat,
        lon=report.lon,
        address=report.address,
        files=report.photos,
        public=PublicPart(text=report.text.strip(), fields=public),
        private=PrivatePart(
            fields=private, name=report.name, email=report.email, phone=report.phone, media_url=report.media_url
        ),
        published=ctx.config.moderation == "after",
    )

    def also(case: cases.Case) -> Iterator[CityTable]:
        if report.media_url:
            looked_at, known = ctx.config.moderation == "after", ctx.reader.kind == "service"
            yield cases.to_fetch(ctx, case, report.media_url, shown=looked_at, trusted=known)
        if passes_on(ctx.config, category.id):
            yield Passed(case_id=case.id, due=ctx.clock())

    most = ctx.config.anonymous_per_hour
    return await cases.open_case(ctx, DEFECT, draft, key=key, anonymous_per_hour=most, also=also)


async def follow(ctx: Ctx, id: str, key: str) -> cases.Submitted:
    """ "Me too": the report, and a receipt with which its public part is followed."""
    async with ctx.transaction() as session:
        case = await session.scalar(shown(ctx).where(cases.Case.id == id))
        if case is None:
            raise NotFound(f"report: there is no report {id[:40]!r}")
        return await cases.follow(session, ctx, case, key=key)


async def moderate(
    ctx: Ctx, id: str, *, published: bool, text: str | None, hide: Sequence[str], show: Sequence[str] = ()
) -> cases.Case:
    """Let everybody see the report or not, in other words and with fewer (or again more) pictures where need be."""
    if text is not None and not (text := text.strip()):
        raise InputError("text: is empty; to keep the citizen's words, leave it out, and to hide them, do not publish")
    async with ctx.transaction() as session:
        case = await cases.find(session, id=id)
        if case is None or case.kind != KIND:
            raise NotFound(f"report: there is no report {id[:40]!r}")
        if text is not None or hide or show:
            public = msgspec.convert(case.public, PublicPart)
            private = msgspec.convert(case.private, PrivatePart)
            if text is not None and text != public.text:
                private = msgspec.structs.replace(private, original=private.original or public.text)
                public = msgspec.structs.replace(public, text=text)
            await cases.revise(session, ctx, DEFECT, case, public=public, private=private, hide=hide, reveal=show)
        await cases.publish(session, ctx, case, published)
        return case


def shown(ctx: Ctx, category: str | None = None, open: bool | None = None) -> Select[cases.Case]:
    """The published reports: open ones, and closed ones for as long as the city shows them."""
    statement = cases.public(kinds=[KIND], categories=[category] if category else (), open=open)
    return statement.where(or_(cases.Case.open, cases.Case.closed >= _since(ctx)))


def _since(ctx: Ctx) -> datetime:
    return datetime.combine(ctx.today - timedelta(days=ctx.config.shown_days), time(), ctx.city.tz).astimezone(UTC)


async def near(ctx: Ctx, lat: float, lon: float, first: int, metres: float, category: str | None) -> list[cases.Case]:
    """The nearest published reports, nearest first."""
    box = around(lat, lon, metres)
    statement = inside(shown(ctx, category), box).order_by(cases.Case.created.desc(), cases.Case.id).limit(MOST)
    async with ctx.session() as session:
        found = [(distance(lat, lon, case.lat or 0, case.lon or 0), case) for case in await session.scalars(statement)]
    nearest = sorted((one for one in found if one[0] <= metres), key=lambda one: (one[0], one[1].id))
    return [case for _, case in nearest[:first]]


async def duplicates(ctx: Ctx, lat: float, lon: float, category: str, first: int) -> list[cases.Case]:
    """Open published reports of the category so near that they may be the same."""
    await check_place(ctx, lat, lon)
    found = find_category(ctx, category)
    if not found.distance:
        return []
    async with ctx.session() as session:
        pairs = await cases.nearby(session, lat, lon, found.distance, first, kinds=[KIND], categories=[found.id])
    return [case for _, case in pairs]


def on_map(ctx: Ctx, box: BBox, first: int) -> Prepared:
    """Published reports inside the box, newest first."""
    return _on_map(since=_since(ctx), south=box.south, north=box.north, west=box.west, east=box.east, first=first)


@prepared
def _on_map(since: Any, south: Any, north: Any, west: Any, east: Any, first: int) -> Select[Any]:
    published = cases.public().where(cases.Case.kind == KIND, or_(cases.Case.open, cases.Case.closed >= since))
    box = (cases.Case.lat.between(south, north), cases.Case.lon.between(west, east))
    return published.where(*box).order_by(cases.Case.created.desc(), cases.Case.id).limit(first)


async def one(ctx: Ctx, id: str) -> cases.Case | None:
    async with ctx.session() as session:
        found: cases.Case | None = await session.scalar(shown(ctx).where(cases.Case.id == id).limit(1))
        return found


async def load(ctx: Ctx, statement: Select[cases.Case]) -> list[Seen]:
    """The reports of this statement with their pictures: two statements."""
    async with ctx.session() as session:
        found = (await session.scalars(statement)).all()
        pictures = await cases.pictures(session, ctx, found)
        return [Seen(case=case, pictures=pictures[case.id]) for case in found]


async def pictures(ctx: Ctx, found: Sequence[cases.Case]) -> dict[str, list[cases.Picture]]:
    """The pictures of these reports, by id: one statement."""
    async with ctx.session() as session:
        return await cases.pictures(session, ctx, found)


def public_part(public: Mapping[str, Any]) -> PublicPart:
    """What everybody sees of a report, as it lies in the register."""
    return msgspec.convert(public, PublicPart)


async def updates(ctx: Ctx, id: str) -> list[tuple[cases.CaseEvent, str | None, list[cases.Picture]]]:
    """What everybody may know of the report's history, with the pictures that came with each part of it."""
    async with ctx.session() as session:
        case = await session.scalar(shown(ctx).where(cases.Case.id == id))
        if case is None:
            return []
        pictures = {one.id: one for one in (await cases.pictures(session, ctx, [case]))[case.id]}
        return [
            (event, text, [pictures[file] for file in event.facts.get("files", ()) if file in pictures])
            for event, text in await cases.events(session, case, ["public"])
        ]


def inside(statement: Select[cases.Case], box: BBox) -> Select[cases.Case]:
    return statement.where(cases.Case.lat.between(box.south, box.north), cases.Case.lon.between(box.west, box.east))


def find_category(ctx: Ctx, id: str) -> Category:
    """InputError that names the categories there are."""
    category = ctx.config.category(id)
    if category is None:
        known = ", ".join(one.id for one in ctx.config.categories) or "there are none"
        raise InputError(f"category: {id[:60]!r} is none of this city's ({known})")
    return category


def check_globe(lat: float, lon: float) -> None:
    """InputError for what is no place on the globe."""
    for name, value, limit in (("lat", lat, 90), ("lon", lon, 180)):
        if not -limit <= value <= limit:  # nor does NaN lie anywhere
            raise InputError(f"{name}: {value} is not between -{limit} and {limit} degrees")


async def check_place(ctx: Ctx, lat: float, lon: float) -> None:
    """InputError where it is no place on the globe (BAD_INPUT), or not in the city's area (OUTSIDE)."""
    city = ctx.city
    area = ctx.config.area or city.area.outline
    within = city.area.bbox.contains(lat, lon)
    if within and area:  # in a thread: the file is read there, and what reads it is loaded, the first time
        within = await asyncio.to_thread(cases.inside, Path(city.folder), area, lat, lon)
    if not within:
        check_globe(lat, lon)
        raise InputError(f"lat, lon: {lat}, {lon} is not in the area of {city.name}", code="OUTSIDE")


def passes_on(config: ReportsConfig, category: str) -> bool:
    """Whether reports of this category go to the town hall's own Open311 server."""
    return config.forward is not None and category in (config.forward.categories or (category,))


def _check_contact(ctx: Ctx, report: Report) -> None:
    if ctx.config.contact == "required" and not report.email:
        raise InputError("email: is needed in this city")
    if not (report.name or report.email or report.phone):
        return
    if ctx.config.contact == "no":
        raise InputError("name, email, phone: this city does not want to know them")
    for name, text in (("name", report.name), ("email", report.email), ("phone", report.phone)):
        if len(text) > 200:
            raise InputError(f"{name}: at most 200 characters are possible", code="TOO_LONG")
    if report.email and not _EMAIL.fullmatch(report.email):
        raise InputError("email: is no e-mail address; name@example.org is expected")
