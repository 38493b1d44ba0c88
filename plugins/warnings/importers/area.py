"""Where an alert applies: codes of municipalities (exact), otherwise polygons against the city's box."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from allmende import City, lazily

from .alert import AlertArea

if TYPE_CHECKING:
    import shapely
else:
    shapely = lazily("shapely")

_LEVELS = (2, 3, 5, 9, 12)
"""Digits of a Regionalschlüssel that name a Land, Regierungsbezirk, Kreis, Verband, municipality."""
_NOT_A_PLACE = {"polygonal event area"}
_KIND = re.compile(r"^(Gemeinde|Stadt|Kreis|Kreis und Stadt|Landkreis|Hansestadt|Markt|Land|Freistaat) ")
KM = 111.2
"""Kilometres of a degree of latitude."""


def make_area(
    names: str, codes: Iterable[tuple[str, str]], polygons: Iterable[str], circles: Iterable[str] = ()
) -> AlertArea:
    """From `areaDesc`, (valueName, value) pairs and coordinates. ValueError where a polygon cannot be read."""
    ars, ags = set(), set()
    for scheme, value in codes:
        for code in value.replace(",", " ").split():
            if scheme == "WARNCELLID" and len(code) == 9:
                ags.add(code[1:6] if code.endswith("000") and code[0] in "19" else code[1:])
            elif scheme in ("ARS", "SHN", "warnVerwaltungsbereiche", "Regionalschlüssel") and len(code) == 12:
                ars.add(beginning(code))
            elif scheme == "AGS" and len(code) in (5, 8):
                ags.add(code)
    listed = names.removeprefix("Bundesland:").split(",") if "," in names else [names]
    found = [part.strip().rstrip(".") for part in listed]
    return AlertArea(
        names=tuple(name for name in found if name and name not in _NOT_A_PLACE),
        codes=frozenset(ars),
        communes=frozenset(ags),
        shapes=(*map(_polygon, filter(None, polygons)), *map(_circle, filter(None, circles))),
    )


def beginning(ars: str) -> str:
    """What all Regionalschlüssel of an area begin with: 12 digits are padded with zeros."""
    length = len(ars.rstrip("0"))
    return ars[: next((level for level in _LEVELS if level >= length), 12)]


def meets(areas: Sequence[AlertArea], city: City) -> bool:
    """Whether the city lies in one of them. Where municipalities are named, the polygon only draws them."""
    if any(area.codes or area.communes for area in areas):
        return any(
            any(city.ars.startswith(code) for code in area.codes)
            or not area.communes.isdisjoint((city.ags, city.ags[:5]))
            for area in areas
        )
    shapes = [shape for area in areas for shape in area.shapes]
    if shapes:
        ours = territory(city)
        return any(shape.intersects(ours) for shape in shapes)
    return any(_KIND.sub("", name) == city.name for area in areas for name in area.names)


def territory(city: City) -> Any:
    around = city.area.bbox
    return shapely.box(around.west, around.south, around.east, around.north)


def rings(areas: Sequence[AlertArea], city: City) -> tuple[list[list[list[float]]], tuple[float, float]]:
    """The outlines near the city, in degrees that are good for 100 m, and a point of the city that lies inside."""
    ours, point = territory(city), None
    found: list[list[list[float]]] = []
    for area in areas:
        for shape in area.shapes:
            if len(found) < 20 and shape.intersects(ours):
                outline = shape.simplify(0.001)
                found.append([[round(y, 4), round(x, 4)] for x, y in outline.exterior.coords][:500])
                point = point or shape.intersection(ours).representative_point()
    centre = shapely.Point(city.area.lon, city.area.lat)
    if point is None or any(shape.contains(centre) for area in areas for shape in area.shapes):
        point = centre
    return found, (point.y, point.x)


def _polygon(text: str) -> Any:
    points = [pair.split(",") for pair in text.split()]
    shape = shapely.Polygon([(float(lon), float(lat)) for lat, lon in points])
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
        parts = [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, shapely.Polygon)]
        if not parts:
            raise ValueError("a polygon without an area")
        shape = max(parts, key=lambda part: float(part.area))
    return shape


def _circle(text: str) -> Any:
    """`lat,lon radius`, in kilometres; a polygon that is wide enough."""
    centre, _, radius = text.strip().partition(" ")
    lat, lon = (float(part) for part in centre.split(","))
    return shapely.Point(lon, lat).buffer(max(float(radius), 0.1) / KM / 0.6)
