"""A fictional plugin whose fields are declared, so that plans answer them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from allmende import (
    PUBLIC,
    SIGNED_IN,
    CityModule,
    Context,
    InputError,
    Plugin,
    Position,
    Prepared,
    check_first,
    children,
    column,
    computed,
    field,
    listed,
    paged,
    part,
    prepared,
    row,
    rows,
    same,
    together,
)
from sqlalchemy import Select, func, select

from ..gazette import GazetteNotice

ORDER: Any = ((GazetteNotice.rank, "asc"), (GazetteNotice.published, "desc"), (GazetteNotice.id, "asc"))


@prepared
def newest(first: int) -> Select[Any]:
    return select(GazetteNotice).order_by(GazetteNotice.published.desc(), GazetteNotice.id).limit(first)


@prepared
def one(id: Any) -> Select[Any]:
    return select(GazetteNotice).where(GazetteNotice.id == id)


@prepared
def ranked(least: Any, first: int) -> Select[Any]:
    chosen = select(GazetteNotice).where(GazetteNotice.rank >= least)
    return chosen.order_by(GazetteNotice.rank, GazetteNotice.id).limit(first)


@prepared
def every(least: Any) -> Select[Any]:
    return select(GazetteNotice) if least is None else select(GazetteNotice).where(GazetteNotice.rank >= least)


@prepared
def sharing_ranks(ranks: Any, first: int) -> Select[Any]:
    place = func.row_number().over(partition_by=GazetteNotice.rank, order_by=GazetteNotice.title)
    placed = select(GazetteNotice.id.label("id"), place.label("place")).where(GazetteNotice.rank.in_(ranks)).subquery()
    chosen = select(GazetteNotice).join(placed, placed.c.id == GazetteNotice.id).where(placed.c.place <= first)
    return chosen.order_by(GazetteNotice.title)


@prepared
def of_another_city(city: Any) -> Select[Any]:
    return select(GazetteNotice).where(GazetteNotice.city == city)


def loud(ctx: Context[Any], title: str) -> str:
    if title == "Broken":
        raise RuntimeError("secret detail")
    return title.upper() if title != "Nothing" else None  # type: ignore[return-value]


def slow(ctx: Context[Any], title: str) -> str:
    return "-".join(title)


def apart(ctx: Context[Any], since: int | None, rank: int | None) -> int | None:
    return None if since is None or rank is None else rank - since


@strawberry.type(description="A notice of the same rank.")
class BulletinPeer:
    ctx: strawberry.Private[Context[Any]]
    row: strawberry.Private[GazetteNotice]

    title: str = column(GazetteNotice.title, description="Its title.")
    least: strawberry.Private[int | None] = None
    slow: str = computed(slow, GazetteNotice.title, steady=True, description="Its title, drawled.")
    apart: int | None = computed(apart, GazetteNotice.rank, given="least", description="From the rank asked for.")


def peers(ctx: Context[Any], parents: Sequence[int], first: int = 2) -> Prepared:
    check_first(first, 5)
    return sharing_ranks(ranks=parents, first=first)


async def crowds(ctx: Context[Any], found: Sequence[GazetteNotice]) -> dict[int | None, int]:
    """Of each rank among these, how many there are."""
    ranks = [each.rank for each in found]
    counts = select(GazetteNotice.rank, func.count()).where(GazetteNotice.rank.in_(ranks)).group_by(GazetteNotice.rank)
    async with ctx.session() as session:
        return {row[0]: row[1] for row in await session.execute(counts)}


@strawberry.type(description="A notice.")
class BulletinNotice:
    ctx: strawberry.Private[Context[Any]]
    row: strawberry.Private[GazetteNotice]
    least: strawberry.Private[int | None] = None

    id: strawberry.ID = column(GazetteNotice.id, description="Its id.")
    title: str = column(GazetteNotice.title, description="Its title.")
    published: datetime = column(GazetteNotice.published, description="When it was published.")
    rank: int | None = column(GazetteNotice.rank, description="Its rank.")
    position: Position = part(Position, lat=GazetteNotice.lat, lon=GazetteNotice.lon, description="Where.")
    apart: int | None = computed(apart, GazetteNotice.rank, given="least", description="From the rank asked for.")
    loud: str = computed(loud, GazetteNotice.title, description="Its title, shouted.")
    slow: str = computed(slow, GazetteNotice.title, steady=True, description="Its title, drawled.")

    peers: list[BulletinPeer] = children(
        peers, BulletinPeer, of=GazetteNotice.rank, by=GazetteNotice.rank, description="Those of the same rank."
    )
    peer: BulletinPeer = same(BulletinPeer, description="The notice among its peers.")

    @strawberry.field(description="How many are of its rank.")
    async def crowd(self) -> int:
        return (await together(self, crowds)).get(self.row.rank, 0)

    @strawberry.field(description="Not declared.")
    def quiet(self) -> str:
        return str(self.row.title).lower()


@strawberry.type(description="How many there are.")
class BulletinCount:
    total: int = strawberry.field(description="How many.")


@strawberry.type(description="The bulletin.")
class Bulletin(CityModule):
    @rows(BulletinNotice, visible=PUBLIC, description="The newest.")
    def notices(self, first: int = 10) -> Prepared:
        if first < 0:
            raise InputError("first: is negative")
        return newest(first=first)

    @rows(BulletinNotice, once=(GazetteNotice.rank,), visible=PUBLIC, description="The newest of each rank.")
    def of_ranks(self, first: int = 10) -> Prepared:
        return newest(first=first)

    @row(BulletinNotice, visible=PUBLIC, description="One.")
    def notice(self, id: strawberry.ID) -> Prepared:
        return one(id=str(id))

    @rows(BulletinNotice, visible=PUBLIC, description="From a rank on; all of them where those are too few.")
    def ranked(self, least: int, first: int = 2) -> Prepared:
        found = ranked(least=least, first=first).or_else(ranked(least=0, first=first), enough=first)
        return found.sharing(least=least)

    @paged(BulletinNotice, order=ORDER, cap=5, visible=PUBLIC, description="All, in pages.")
    def all(self, first: int = 2, after: str | None = None, least: int | None = None) -> Prepared:
        return every(least=least).sharing(least=least)

    @field(visible=PUBLIC, description="Worked out by a method.")
    async def count(self) -> BulletinCount:
        return BulletinCount(total=len(await every(least=None).tuples(self.ctx, GazetteNotice.id)))

    @field(visible=PUBLIC, description="Read by the method itself.")
    async def read(self) -> list[BulletinNotice]:
        return listed(BulletinNotice, self.ctx, await newest(first=9).scalars(self.ctx), least=1)

    @field(visible=SIGNED_IN, description="Not for everybody.")
    def secret(self) -> str | None:
        return "secret"

    @field(visible=SIGNED_IN, description="Not for everybody.")
    async def later_secret(self) -> str | None:
        return "secret"

    @rows(BulletinNotice, visible=PUBLIC, description="Tries to see another city's.")
    def stolen(self, city: str) -> Prepared:
        return of_another_city(city=city)

    @rows(BulletinNotice, visible=PUBLIC, description="Raises what is no Exception.")
    def exits(self) -> Prepared:
        raise SystemExit(3)


BULLETIN = Plugin(name="bulletin", tables=(), city_field=Bulletin, types=(BulletinNotice,))
