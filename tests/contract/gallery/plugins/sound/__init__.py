"""The good example among the bad ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import strawberry
from allmende import (
    PUBLIC,
    CityModule,
    Context,
    Feed,
    FeedItem,
    Map,
    MapFeature,
    Plugin,
    Position,
    Reply,
    Route,
    field,
)


@strawberry.type(description="A thing with a date and a place.")
class SoundThing(FeedItem, MapFeature):
    pass


@strawberry.type(description="A good example.")
class Sound(CityModule):
    @field(visible=PUBLIC, description="Which city this is.")
    async def city(self) -> str:
        async with self.ctx.session():
            return self.ctx.city.slug

    @field(visible=PUBLIC, description="In the city's own words.")
    def greeting(self) -> str:
        return self.ctx.text("greeting", name=self.ctx.city.name)


async def load(ctx: Context[Any], *args: Any) -> Sequence[SoundThing]:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    return [
        SoundThing(
            id=strawberry.ID(ctx.city.slug),
            title=ctx.city.name,
            date=day,
            module="sound",
            position=Position(lat=ctx.city.area.lat, lon=ctx.city.area.lon),
        )
    ]


async def hello(ctx: Context[Any], *args: Any) -> Reply:
    return Reply(content=ctx.city.slug, media_type="text/plain")


plugin = Plugin(
    name="sound",
    city_field=Sound,
    feed=Feed(load=load, visible=PUBLIC),
    map=Map(load=load, visible=PUBLIC),
    types=(SoundThing,),
    routes=(Route(path="hello", handle=hello, visible=PUBLIC),),
)
