"""The inbox as a map: the city's outline, a scale, and the cases as dots; many in one place are one dot that opens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import cos, hypot, radians
from typing import Any

from litestar import Response
from msgspec import Struct

from allmende.cases import Case
from allmende.cases.routing import rings
from allmende.city.geo import around, distance
from allmende.city.model import BBox
from allmende.desk.cases import inbox, reading
from allmende.desk.cases.reading import Row
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.errors import InputError

MOST, LISTED = 500, 100
"""Cases on one map, the newest; and how many of them the list beside it shows."""
WIDTH, LOWEST, HIGHEST = 900.0, 420.0, 760.0
"""Size of the drawing in its own units; its height follows the shape of what it shows."""
MERGED = 34.0
"""Dots that are nearer than this to each other are drawn as one, in units of the drawing."""
NARROWEST = 250
"""Metres from the middle to the edge at which the map opens no further."""
STEPS = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
"""Lengths of the scale, in metres."""


class Dot(Struct, kw_only=True):
    """One case, or several that lie together."""

    x: float
    y: float
    rows: list[Row]

    @property
    def late(self) -> int:
        return sum(row.overdue for row in self.rows)

    @property
    def r(self) -> float:
        return 11 if len(self.rows) == 1 else 15 + min(len(self.rows), 100) / 10


class View(Struct, frozen=True, kw_only=True):
    """Which part of the world the drawing shows (plate carrée, true to scale in its middle)."""

    box: BBox
    height: float

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        x = (lon - self.box.west) / (self.box.east - self.box.west) * WIDTH
        return round(x, 1), round((self.box.north - lat) / (self.box.north - self.box.south) * self.height, 1)

    @property
    def scale(self) -> tuple[int, float]:
        """Metres, and how long they are in the drawing: about a sixth of its width."""
        middle = (self.box.south + self.box.north) / 2
        metres = distance(middle, self.box.west, middle, self.box.east)
        length = max((step for step in STEPS if step <= metres / 5), default=STEPS[0])
        return length, round(length / metres * WIDTH, 1)


def view(box: BBox) -> View:
    """The drawing that holds this box, with some room around it."""
    squeeze = max(cos(radians((box.south + box.north) / 2)), 0.01)
    wide, high = (box.east - box.west) * squeeze * 1.06, (box.north - box.south) * 1.06
    height = min(max(WIDTH * high / wide, LOWEST), HIGHEST)
    wide, high = max(wide, high * WIDTH / height), max(high, wide * height / WIDTH)
    lat, lon = (box.south + box.north) / 2, (box.west + box.east) / 2
    east, north = wide / squeeze / 2, high / 2
    return View(box=BBox(south=lat - north, west=lon - east, north=lat + north, east=lon + east), height=round(height))


def asked(desk: Desk) -> BBox | None:
    """The part that was opened, `box=south,west,north,east`; None for the whole city."""
    given = desk.asked("box")
    if not given:
        return None
    try:
        south, west, north, east = (float(part) for part in given.split(","))
    except ValueError:
        raise InputError("box: is not south,west,north,east in degrees") from None
    if not (-90 <= south < north <= 90 and -180 <= west < east <= 180):
        raise InputError("box: is not south,west,north,east in degrees")
    return BBox(south=south, west=west, north=north, east=east)


def gathered(rows: Sequence[Row], view: View) -> list[Dot]:
    """The dots, those that would cover each other as one."""
    dots: list[Dot] = []
    for row in rows:
        x, y = view.at(row.case.lat or 0, row.case.lon or 0)
        x, y = min(max(x, 14), WIDTH - 14), min(max(y, 14), view.height - 14)  # outside of the city: at the edge
        near = next((dot for dot in dots if hypot(dot.x - x, dot.y - y) < MERGED), None)
        if near:
            near.rows.append(row)
        else:
            dots.append(Dot(x=x, y=y, rows=[row]))
    return dots


def opened(dot: Dot, shown: BBox) -> str:
    """The box that shows the cases of this dot apart; empty where the map does not open any further."""
    lats, lons = [row.case.lat or 0 for row in dot.rows], [row.case.lon or 0 for row in dot.rows]
    lat, lon = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    least = around(lat, lon, NARROWEST)
    box = BBox(
        south=min(*lats, least.south), west=min(*lons, least.west), north=max(*lats, least.north),
        east=max(*lons, least.east),
    )  # fmt: skip
    then = view(box).box
    narrower = then.east - then.west < (shown.east - shown.west) * 0.8
    return f"{box.south:.5f},{box.west:.5f},{box.north:.5f},{box.east:.5f}" if narrower else ""


async def show(desk: Desk) -> Response[Any]:
    part, area = asked(desk), desk.city.area
    drawn = view(part or area.bbox)
    statement = inbox.chosen(desk).where(Case.lat.is_not(None), Case.lon.is_not(None))
    if part:
        seen = drawn.box
        statement = statement.where(Case.lat.between(seen.south, seen.north), Case.lon.between(seen.west, seen.east))
    async with desk.session() as session:
        found = (await session.scalars(statement.order_by(*inbox.LATEST).limit(MOST))).all()
    rows = reading.rows(desk, found, await reading.names(desk))
    across = drawn.box.east - drawn.box.west
    outline = await asyncio.to_thread(rings, desk.city, across / WIDTH) if area.outline else []
    corners = [(area.bbox.south, area.bbox.west), (area.bbox.north, area.bbox.east)]
    return desk.page(
        "cases/map.html",
        dots=[(dot, opened(dot, drawn.box) if len(dot.rows) > 1 else "") for dot in gathered(rows, drawn)],
        rows=rows,
        listed=LISTED,
        full=len(rows) == MOST,
        part=part is not None,
        width=WIDTH,
        height=drawn.height,
        scale=drawn.scale,
        outline=["M" + " ".join(f"{x},{y}" for x, y in (drawn.at(*at) for at in ring)) + "Z" for ring in outline],
        frame=[drawn.at(*corner) for corner in corners],
        **await inbox.filters(desk),
    )


PAGES = (Page(path="cases-map", show=show),)
