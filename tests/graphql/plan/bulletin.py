"""A fictional plugin whose fields are declared, so that plans answer them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from allmende import (
    PUBLIC,
    CityModule,
    Context,
    InputError,
    Plugin,
    Position,
    Prepared,
    column,
    computed,
    part,
    prepared,
    row,
    rows,
)
from sqlalchemy import Select, select

from ..gazette import GazetteNotice


@prepared
def newest(first: int) -> Select[Any]:
    return select(GazetteNotice).order_by(GazetteNotice.published.desc(), GazetteNotice.id).limit(first)


@prepared
def one(id: Any) -> Select[Any]:
    return select(GazetteNotice).where(GazetteNotice.id == id)


@prepared
def of_another_city(city: Any) -> Select[Any]:
    return select(GazetteNotice).where(GazetteNotice.city == city)


def loud(ctx: Context[Any], title: str) -> str:
    if title == "Broken":
        raise RuntimeError("secret detail")
    return title.upper() if title != "Nothing" else None  # type: ignore[return-value]


@strawberry.type(description="A notice.")
class BulletinNotice:
    ctx: strawberry.Private[Context[Any]]
    row: strawberry.Private[GazetteNotice]

    id: strawberry.ID = column(GazetteNotice.id, description="Its id.")
    title: str = column(GazetteNotice.title, description="Its title.")
    published: datetime = column(GazetteNotice.published, description="When it was published.")
    rank: int | None = column(GazetteNotice.rank, description="Its rank.")
    position: Position = part(Position, lat=GazetteNotice.lat, lon=GazetteNotice.lon, description="Where.")
    loud: str = computed(loud, GazetteNotice.title, description="Its title, shouted.")

    @strawberry.field(description="Not declared.")
    def quiet(self) -> str:
        return str(self.row.title).lower()


@strawberry.type(description="The bulletin.")
class Bulletin(CityModule):
    @rows(BulletinNotice, visible=PUBLIC, description="The newest.")
    def notices(self, first: int = 10) -> Prepared:
        if first < 0:
            raise InputError("first: is negative")
        return newest(first=first)

    @row(BulletinNotice, visible=PUBLIC, description="One.")
    def notice(self, id: strawberry.ID) -> Prepared:
        return one(id=str(id))

    @rows(BulletinNotice, visible=PUBLIC, description="Tries to see another city's.")
    def stolen(self, city: str) -> Prepared:
        return of_another_city(city=city)

    @rows(BulletinNotice, visible=PUBLIC, description="Raises what is no Exception.")
    def exits(self) -> Prepared:
        raise SystemExit(3)


BULLETIN = Plugin(name="bulletin", tables=(), city_field=Bulletin, types=(BulletinNotice,))
