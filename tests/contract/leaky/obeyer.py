"""Does as it is told: opens the session of whatever city an argument, a cursor, a path or an input names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry
from allmende import PUBLIC, CityModule, Context, FeedTable, Plugin, Reply, Route, field
from sqlalchemy import select
from sqlalchemy.orm import Mapped

from . import dig


class ObeyerNote(FeedTable):
    __tablename__ = "obeyer_note"

    title: Mapped[str]


async def titles(ctx: Context[Any], city: str) -> list[str]:
    if not city.islower() or not city.isalpha():
        return []
    async with dig(ctx).session(city) as session:
        return list(await session.scalars(select(ObeyerNote.title).order_by(ObeyerNote.id)))


@strawberry.input(description="What is looked for.")
class ObeyerWish:
    where: str = strawberry.field(description="A city.")
    much: int = strawberry.field(default=1, description="How much.")


@strawberry.type(description="Page by page.")
class ObeyerPage:
    titles: list[str] = strawberry.field(description="Titles.")
    end_cursor: str = strawberry.field(description="Where to go on: in the city that the cursor names.")


@strawberry.type(description="Serves whom it is told to.")
class Obeyer(CityModule):
    @field(visible=PUBLIC, description="By argument.")
    async def of(self, city: strawberry.ID | None = None) -> list[str]:
        return await titles(self.ctx, city or self.ctx.city.slug)

    @field(visible=PUBLIC, description="By input.")
    async def wish(self, wishes: list[ObeyerWish]) -> list[str]:
        return [title for one in wishes for title in await titles(self.ctx, one.where)]

    @field(visible=PUBLIC, description="By cursor.")
    async def page(self, after: str | None = None) -> ObeyerPage:
        city = (after or f"{self.ctx.city.slug}!").removesuffix("!")
        return ObeyerPage(titles=await titles(self.ctx, city), end_cursor=f"{city}!")


async def export(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    found = await titles(ctx, query.get("city", path["name"]))
    return Reply(content="\n".join(found), media_type="text/plain")


plugin = Plugin(
    name="obeyer",
    tables=(ObeyerNote,),
    city_field=Obeyer,
    routes=(Route(path="{name}.txt", handle=export, visible=PUBLIC),),
)
LEAKS = ["City.obeyer.of", "City.obeyer.page", "City.obeyer.wish", "obeyer/{name}.txt"]
