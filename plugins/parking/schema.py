"""What apps can ask about parking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from allmende import PUBLIC, BBox, CityModule, Context, MapFeature, Position, SearchHit, check_first, field

from . import service
from .config import ParkingConfig
from .hours import open_now

First = Annotated[int, strawberry.argument(description="How many at most, up to 100.")]
Lat = Annotated[float, strawberry.argument(description="Latitude, degrees north.")]
Lon = Annotated[float, strawberry.argument(description="Longitude, degrees east.")]
Free = Annotated[bool, strawberry.argument(description="Only those that are known to have free spaces.")]


@strawberry.enum(description="Where the number of free spaces goes.")
class ParkingTrend(Enum):
    RISING = strawberry.enum_value("RISING", description="More spaces become free.")
    STEADY = strawberry.enum_value("STEADY", description="About as many as half an hour ago.")
    FALLING = strawberry.enum_value("FALLING", description="It is filling up.")


TRENDS = {1: ParkingTrend.RISING, 0: ParkingTrend.STEADY, -1: ParkingTrend.FALLING}


@strawberry.type(description="A car park, in lists, in the city's search and on its map.")
class ParkingCarPark(SearchHit):
    name: str = strawberry.field(description="What the signs call it.")
    kind: str = strawberry.field(description="Garage, surface …, in the words of the source; may be empty.")
    address: str = strawberry.field(description="Street, or how to get there; may be empty.")
    position: Position | None = strawberry.field(description="Where it is; null where the source does not say it.")
    distance: float | None = strawberry.field(description="Metres from where was asked; null otherwise.")
    capacity: int | None = strawberry.field(description="Spaces in all; null where not known.")
    free: int | None = strawberry.field(description="Free spaces when last measured; null where nobody counts.")
    trend: ParkingTrend | None = strawberry.field(description="Where it goes; null where that is not known.")
    stale: bool = strawberry.field(description="Whether `free` is too old, or the counter out of order.")
    updated_at: datetime | None = strawberry.field(description="When `free` was measured.")
    open: bool | None = strawberry.field(description="Open now; null where that is not known.")
    opening_hours: str = strawberry.field(description="As the source writes them; may be empty.")
    max_height: float | None = strawberry.field(description="Height limit in metres; null where none is known.")
    url: str | None = strawberry.field(description="Page with tariffs and more.")


@strawberry.type(description="A car park on the city's map.")
class ParkingPin(MapFeature):
    car_park: ParkingCarPark = strawberry.field(description="The car park.")


def car_park(found: service.Found, ctx: Context[ParkingConfig]) -> ParkingCarPark:
    row = found.row
    position = Position(lat=row.lat, lon=row.lon) if row.lat is not None and row.lon is not None else None
    return ParkingCarPark(
        id=strawberry.ID(row.id),
        title=row.name,
        module="parking",
        name=row.name,
        kind=row.kind,
        address=row.address,
        position=position,
        distance=found.distance,
        capacity=row.capacity,
        free=row.free,
        trend=None if found.trend is None else TRENDS[found.trend],
        stale=service.is_stale(row, ctx),
        updated_at=ctx.localize(row.updated_at) if row.updated_at else None,
        open=False if row.closed else open_now(row.hours, ctx),
        opening_hours=row.hours,
        max_height=row.height,
        url=row.url or None,
    )


async def search_hits(ctx: Context[ParkingConfig], ids: Sequence[str]) -> list[ParkingCarPark]:
    return [car_park(found, ctx) for found in await service.by_ids(ctx, ids)]


async def map_features(ctx: Context[Any], box: BBox, first: int) -> list[ParkingPin]:
    return [
        ParkingPin(
            id=strawberry.ID(found.row.id),
            title=found.row.name,
            module="parking",
            position=Position(lat=found.row.lat or 0, lon=found.row.lon or 0),
            car_park=car_park(found, ctx),
        )
        for found in await service.in_box(ctx, box, first)
    ]


@strawberry.type(description="Car parks of the city, with their free spaces.")
class Parking(CityModule):
    @field(visible=PUBLIC, description="Car parks by name.")
    async def car_parks(self, first: First = 50, free: Free = False) -> list[ParkingCarPark]:
        check_first(first)
        return [car_park(found, self.ctx) for found in await service.by_name(self.ctx, first, free)]

    @field(visible=PUBLIC, description="Car parks within twenty kilometres, the nearest first.")
    async def near(self, lat: Lat, lon: Lon, first: First = 5, free: Free = False) -> list[ParkingCarPark]:
        check_first(first)
        return [car_park(found, self.ctx) for found in await service.near(self.ctx, lat, lon, first, free)]

    @field(visible=PUBLIC, description="One car park; null where there is none of this id.")
    async def car_park(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> ParkingCarPark | None:
        found = await service.by_ids(self.ctx, [id])
        return car_park(found[0], self.ctx) if found else None
