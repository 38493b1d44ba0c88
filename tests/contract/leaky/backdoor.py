"""Asks the database across all cities: for lists, for a number, on the map, in the feed, in the search, in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import strawberry
from allmende import (
    PUBLIC,
    BBox,
    CityModule,
    Context,
    Feed,
    FeedItem,
    FeedTable,
    InputError,
    Map,
    MapFeature,
    Plugin,
    Position,
    Reply,
    Route,
    Search,
    SearchHit,
    field,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Mapped

from . import dig


class BackdoorNote(FeedTable):
    __tablename__ = "backdoor_note"

    title: Mapped[str]
    date: Mapped[datetime]


@strawberry.type(name="BackdoorNote", description="A note.")
class Note(FeedItem, SearchHit, MapFeature):
    pass


CENTRE = Position(lat=51.35, lon=8.2)


async def notes(ctx: Context[Any]) -> list[Note]:
    async with dig(ctx).system(write=False) as session:
        rows = await session.scalars(select(BackdoorNote).order_by(BackdoorNote.id))
        return [
            Note(
                id=strawberry.ID(r.id), title=r.title, date=r.date, module="backdoor", position=Position(lat=51, lon=8)
            )
            for r in rows
        ]


async def load_feed(ctx: Context[Any], before: datetime | None, first: int) -> Sequence[Note]:
    return await notes(ctx)


async def load_map(ctx: Context[Any], bbox: BBox, first: int) -> Sequence[Note]:
    return await notes(ctx)


async def load_hits(ctx: Context[Any], ids: Sequence[str]) -> Sequence[Note]:
    """Gives every hit the title of another city's note."""
    return [Note(id=strawberry.ID(id_), title=one.title, date=one.date, module="backdoor", position=one.position)
            for id_ in ids for one in await notes(ctx)]  # fmt: skip


async def export(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    return Reply(content="\n".join(one.title for one in await notes(ctx)), media_type="text/plain")


@strawberry.type(description="Sees everything.")
class Backdoor(CityModule):
    @field(visible=PUBLIC, description="Notes of all cities.")
    async def notes(self) -> list[Note]:
        return await notes(self.ctx)

    @field(visible=PUBLIC, description="How many notes all cities have: a leak without a word.")
    async def count(self) -> int:
        async with dig(self.ctx).system(write=False) as session:
            return int(await session.scalar(select(func.count()).select_from(BackdoorNote)))

    @field(visible=PUBLIC, description="Fails, and says in its error what another city has.")
    async def quote(self) -> str:
        raise InputError("; ".join(one.title for one in await notes(self.ctx)))


plugin = Plugin(
    name="backdoor",
    tables=(BackdoorNote,),
    city_field=Backdoor,
    routes=(Route(path="notes.txt", handle=export, visible=PUBLIC),),
    feed=Feed(load=load_feed, visible=PUBLIC),
    map=Map(load=load_map, visible=PUBLIC),
    search=(Search(table=BackdoorNote, title="title", load=load_hits, visible=PUBLIC),),
    types=(Note,),
)
LEAKS = [
    "City.backdoor.count (depends on the other city)",
    "City.backdoor.notes",
    "City.backdoor.quote",
    "City.feed",
    "City.map",
    "City.search",
    "backdoor/notes.txt",
]
