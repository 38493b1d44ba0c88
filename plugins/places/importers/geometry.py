"""A point that stands for a geometry: the point itself, or one that lies on the line or inside the area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from allmende import lazily

from .records import number

if TYPE_CHECKING:
    import shapely
    from shapely import geometry as shapes
else:
    shapely, shapes = lazily("shapely"), lazily("shapely.geometry")


class NoPoint(ValueError):
    """The geometry gives no point; the message says why."""


def point_of(geometry: Any) -> tuple[float, float]:
    """x and y of a GeoJSON geometry. Raises NoPoint."""
    if geometry is None:
        raise NoPoint("no geometry")
    if not isinstance(geometry, Mapping):
        raise NoPoint("the geometry is not an object")
    if geometry.get("type") == "Point":
        return pair(geometry.get("coordinates"))
    try:
        return _inside(shapes.shape(_numbers(geometry)))
    except NoPoint:
        raise
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise NoPoint(f"the {geometry.get('type') or 'geometry'} cannot be read ({error})") from error


def pair(coordinates: Any) -> tuple[float, float]:
    """The first two of a list of coordinates, as numbers. Raises NoPoint."""
    if not isinstance(coordinates, list | tuple) or len(coordinates) < 2:
        raise NoPoint("no coordinates")
    x, y = number(coordinates[0]), number(coordinates[1])
    if x is None or y is None:
        raise NoPoint(f"the coordinates {coordinates[0]!r}, {coordinates[1]!r} are not numbers")
    return x, y


def point_of_text(text: str) -> tuple[float, float]:
    """x and y of WKT or hexadecimal (E)WKB. Raises NoPoint."""
    try:
        if text[:2] in ("00", "01"):
            return _inside(shapely.from_wkb(text))
        return _inside(shapely.from_wkt(text.partition(";")[2] if text.startswith("SRID=") else text))
    except NoPoint:
        raise
    except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
        raise NoPoint(f"{text[:40]!r} is neither WKT nor WKB") from error


def _inside(geometry: Any) -> tuple[float, float]:
    if geometry is None or geometry.is_empty:
        raise NoPoint("the geometry is empty")
    point = geometry.representative_point()
    return point.x, point.y


def _numbers(value: Any) -> Any:
    """Coordinates that are text become numbers, at any depth."""
    if isinstance(value, Mapping):
        return {k: _numbers(v) if k in ("coordinates", "geometries") else v for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, str):
        found = number(value)
        if found is None:
            raise NoPoint(f"{value!r} is not a number")
        return found
    return value
