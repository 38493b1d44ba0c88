"""The start page's map: cities as dots on the outlines of the Länder, as one inline SVG without any outside load."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sqrt

from msgspec import Struct, structs

from allmende.city.model import City

SQUEEZE = cos(radians(51))
"""East-west scale of the plate carrée at the latitude of Germany's middle."""
LABELS = 40
"""With more cities than this, the dots stay without names: they would only cover each other."""
LINKS = 400
"""With more cities than this, the dots are one path, which no longer leads anywhere but is small and quick."""


Box = tuple[float, float, float, float]
"""West, north, east, south."""


class Side(Struct, frozen=True, kw_only=True):
    """One way to put a name beside its dot."""

    anchor: str
    dx: float
    dy: float
    box: Box


class Dot(Struct, frozen=True, kw_only=True):
    """One city on the map, in the map's own units; `anchor` and `dx`, `dy` place its name."""

    city: City
    x: float
    y: float
    r: float
    dx: float = 0
    dy: float = 0
    anchor: str = ""


class Chart(Struct, frozen=True, kw_only=True):
    """The visible part of the map and what lies on it."""

    x: float
    y: float
    width: float
    height: float
    font: float
    dots: tuple[Dot, ...]
    swarm: str = ""
    """All cities as one SVG path of round dots, where they are too many for links."""


def chart(cities: Sequence[City]) -> Chart:
    """The map that just holds these cities, at least 150 km wide, all of Germany when there are none."""
    spots = [(city.area.lon * SQUEEZE, -city.area.lat, city) for city in cities]
    if not spots:
        return Chart(x=3.6, y=-55.2, width=6, height=8.1, font=0.2, dots=())
    west, east = min(x for x, _, _ in spots), max(x for x, _, _ in spots)
    north, south = min(y for _, y, _ in spots), max(y for _, y, _ in spots)
    height = max((south - north) * 1.5, (east - west) * 1.1, 1.4)
    width = max((east - west) * 1.7, height * 1.15)
    x, y = (west + east - width) / 2, (north + south - height) / 2
    font = height / 22
    view = Chart(x=x, y=y, width=width, height=height, font=font, dots=())
    if len(spots) > LINKS:
        return structs.replace(view, swarm="".join(f"M{px:.3f} {py:.3f}h0" for px, py, _ in spots))
    dots = [Dot(city=city, x=px, y=py, r=_radius(city, font, len(spots))) for px, py, city in spots]
    return structs.replace(view, dots=_label(dots, font) if len(dots) <= LABELS else tuple(dots))


def _radius(city: City, font: float, cities: int) -> float:
    """The dot's area grows with the population, within limits."""
    scale = 1.0 if cities <= LABELS else 0.3
    return font * scale * (0.25 + sqrt(min((city.area.population or 0) / 600_000, 1.0)) * 0.45)


def _label(dots: list[Dot], font: float) -> tuple[Dot, ...]:
    """Give each dot the first free side for its name; where none is free, the right one."""
    taken = [(d.x - d.r, d.y - d.r, d.x + d.r, d.y + d.r) for d in dots]
    placed = []
    for dot in sorted(dots, key=lambda d: -d.r):
        sides = _sides(dot, font)
        side = next((s for s in sides if not any(_overlap(s.box, box) for box in taken)), sides[0])
        taken.append(side.box)
        placed.append(structs.replace(dot, anchor=side.anchor, dx=side.dx, dy=side.dy))
    return tuple(placed)


def _sides(dot: Dot, font: float) -> list[Side]:
    """Right, left, above, below."""
    length, gap = len(dot.city.name) * font * 0.58, dot.r + font * 0.3
    places = (
        ("start", gap, font * 0.35, (gap, -font / 2, gap + length, font / 2)),
        ("end", -gap, font * 0.35, (-gap - length, -font / 2, -gap, font / 2)),
        ("middle", 0.0, -gap, (-length / 2, -gap - font, length / 2, -gap)),
        ("middle", 0.0, gap + font * 0.8, (-length / 2, gap, length / 2, gap + font)),
    )
    return [
        Side(anchor=anchor, dx=dx, dy=dy, box=(dot.x + west, dot.y + north, dot.x + east, dot.y + south))
        for anchor, dx, dy, (west, north, east, south) in places
    ]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
