"""A fictional plugin that does everything a plugin may do, and a few that fail in every way there is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import strawberry
from allmende import (
    PUBLIC,
    BBox,
    CityModule,
    Config,
    Connection,
    Context,
    Feed,
    FeedItem,
    FeedTable,
    Image,
    InputError,
    Map,
    MapFeature,
    Plugin,
    Position,
    Search,
    SearchHit,
    field,
    paginate,
    stable_id,
)
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.graphql.compose import Composed, compose
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.request import Services
from allmende.plugin import Manifest
from allmende.registry import Installed, Registry
from allmende.search.index import index_rows
from allmende.testing import NOON, make_city
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column


class GazetteNotice(FeedTable):
    __tablename__ = "gazette_notice"

    title: Mapped[str]
    text: Mapped[str] = mapped_column(default="")
    published: Mapped[datetime]
    rank: Mapped[int | None]
    lat: Mapped[float] = mapped_column(default=51.9)
    lon: Mapped[float] = mapped_column(default=7.6)


@strawberry.type(name="GazetteNotice", description="A notice.")
class Notice(FeedItem, SearchHit, MapFeature):
    broken: strawberry.Private[bool] = False

    @strawberry.field(description="Fails where the notice is broken.")
    def body(self) -> str:
        if self.broken:
            raise RuntimeError("secret detail")
        return "…"


def notice(row: GazetteNotice) -> Notice:
    return Notice(
        id=strawberry.ID(row.id),
        title=row.title,
        date=row.published,
        module="gazette",
        position=Position(lat=row.lat, lon=row.lon),
        broken=row.title == "Broken",
    )


@strawberry.type(description="The gazette, and every way to fail.")
class Gazette(CityModule):
    @field(visible=PUBLIC, description="Notices, newest first.")
    async def notices(self, first: int = 10, after: str | None = None) -> Connection[Notice]:
        order: list[tuple[Any, Literal["asc", "desc"]]] = [(GazetteNotice.published, "desc"), (GazetteNotice.id, "asc")]
        return await paginate(self.ctx, select(GazetteNotice), order=order, first=first, after=after, make=notice)

    @field(visible=PUBLIC, description="The language of the reader.")
    def language(self) -> str:
        return self.ctx.language

    @field(visible=PUBLIC, description="A day.")
    def day(self, on: date) -> date:
        return on + timedelta(days=1)

    @field(visible=PUBLIC, description="An instant.")
    def instant(self, at: datetime) -> datetime:
        return at

    @field(visible=PUBLIC, description="A time without a zone.")
    def naive(self) -> datetime:
        return datetime(2026, 1, 1)  # noqa: DTZ001 (what must be refused)

    @field(visible=PUBLIC, description="A picture.")
    def picture(self) -> Image | None:
        return None

    @field(visible=PUBLIC, description="Raises.")
    def crash(self) -> str:
        raise RuntimeError("secret detail")

    @field(visible=PUBLIC, description="Raises later.")
    async def crash_later(self) -> str:
        await asyncio.sleep(0)
        raise RuntimeError("secret detail")

    @field(visible=PUBLIC, description="Never answers.")
    async def hang(self) -> str:
        await asyncio.sleep(60)
        return "late"

    @field(visible=PUBLIC, description="Non-null, gives null.")
    def nothing(self) -> str:
        return None  # type: ignore[return-value]

    @field(visible=PUBLIC, description="A list, gives a number.")
    def number(self) -> list[str]:
        return 5  # type: ignore[return-value]

    @field(visible=PUBLIC, description="An object, gives text.")
    def text(self) -> Notice:
        return "text"  # type: ignore[return-value]

    @field(visible=PUBLIC, description="Refuses its argument.")
    def refuse(self) -> str:
        raise InputError("first: is too small")


async def load_notices(ctx: Context[Any], ids: Sequence[str]) -> list[Notice]:
    async with ctx.session() as session:
        return [notice(r) for r in await session.scalars(select(GazetteNotice).where(GazetteNotice.id.in_(ids)))]


async def load_feed(ctx: Context[Any], before: datetime | None, first: int) -> list[Notice]:
    statement = select(GazetteNotice).order_by(GazetteNotice.published.desc(), GazetteNotice.id).limit(first)
    if before is not None:
        statement = statement.where(GazetteNotice.published < before)
    async with ctx.session() as session:
        return [notice(row) for row in await session.scalars(statement)]


async def load_map(ctx: Context[Any], bbox: BBox, first: int) -> list[Notice]:
    statement = select(GazetteNotice).where(GazetteNotice.lat.between(bbox.south, bbox.north)).limit(first)
    async with ctx.session() as session:
        return [notice(row) for row in await session.scalars(statement)]


GAZETTE = Plugin(
    name="gazette",
    tables=(GazetteNotice,),
    city_field=Gazette,
    search=(Search(table=GazetteNotice, title="title", text=("text",), load=load_notices, visible=PUBLIC),),
    feed=Feed(load=load_feed, visible=PUBLIC),
    map=Map(load=load_map, visible=PUBLIC),
    types=(Notice,),
)


@strawberry.type(description="A second, sound module.")
class Tower(CityModule):
    @field(visible=PUBLIC, description="Always there.")
    def height(self) -> int:
        return 42


async def _raise(*_: Any) -> list[Any]:
    raise RuntimeError("secret detail")


async def _hang(*_: Any) -> list[Any]:
    await asyncio.sleep(60)
    return []


async def _rubbish(*_: Any) -> list[Any]:
    return [{"title": "no object"}]


def bad(name: str, load: Any) -> Plugin:
    """A plugin of which nothing works."""
    return Plugin(name=name, feed=Feed(load=load, visible=PUBLIC), map=Map(load=load, visible=PUBLIC))


def install(*plugins: Plugin) -> Registry:
    manifest = Manifest(
        title={"de": "Titel", "en": "Title"}, summary="Sum.", owner="us", licence="EUPL-1.2", api=1, version="1"
    )
    folder = Path(__file__).parent
    made = {p.name: Installed(plugin=p, manifest=manifest, folder=folder, texts={}) for p in plugins}
    return Registry(plugins=MappingProxyType(made))


class Towns(Struct, frozen=True):
    """Cities that were not read from files."""

    by_slug: dict[str, City]
    by_host: dict[str, City] = {}
    unavailable: dict[str, tuple[str, ...]] = {}


SOUND = (GAZETTE, Plugin(name="tower", city_field=Tower))


@lru_cache(maxsize=16)
def compose_sound(*plugins: Plugin) -> Composed:
    """The schema of the sound plugins and these; most tests want the same one."""
    return compose(install(*SOUND, *plugins))


def make_engine(database: Database, *plugins: Plugin, **options: Any) -> Engine:
    """An engine with two towns: `oben` has every plugin on, `unten` none."""
    composed = compose_sound(*plugins)
    on = {name: Config() for name in composed.registry.plugins}
    oben = make_city("oben", plugins=on, hosts=("oben.example",), languages=("de", "en"))
    unten = make_city("unten", name="Untermüllberg")
    towns = Towns({"oben": oben, "unten": unten}, {"oben.example": oben})
    services = Services(composed.registry, database, lambda: towns, clock=lambda: NOON, **options)
    return Engine(composed, services)


async def ask(engine: Engine, query: str, **options: Any) -> dict[str, Any]:
    return (await engine.execute(Operation(query=query, **options))).body


async def publish(database: Database, city: str, *notices: dict[str, Any]) -> list[str]:
    """Write notices and index them, as an import would."""
    rows = [
        GazetteNotice(
            **{"published": datetime(2026, 11, 1, tzinfo=UTC), **values},
            id=stable_id(city, "desk", GazetteNotice, str(values["title"]) + str(number)),
            source="desk",
            key=str(number),
            fetched_at=NOON,
        )
        for number, values in enumerate(notices)
    ]
    entries = [{"id": row.id, "title": row.title, "text": row.text or ""} for row in rows]
    async with database.transaction(city) as session:
        session.add_all(rows)
        await session.flush()
        await index_rows(session, plugin="gazette", table=GazetteNotice, rows=entries, deleted=[])
    return [row.id for row in rows]
