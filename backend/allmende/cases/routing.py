"""Which department a new case goes to, and until when: by the city's rules, which are data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import Struct

from allmende.casekind import CaseKind, CaseRule
from allmende.city.model import City
from allmende.context import Context
from allmende.later import lazily

if TYPE_CHECKING:
    import shapely
    from shapely import geometry
else:
    shapely, geometry = lazily("shapely"), lazily("shapely.geometry")

log = structlog.get_logger(__name__)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Route(Struct, frozen=True, kw_only=True):
    """Where a case goes. No department means that nobody is responsible yet; the inbox shows it to everybody."""

    department: str = ""
    deadline: datetime | None = None


async def rules_of(kind: CaseKind, ctx: Context[Any]) -> Sequence[CaseRule]:
    """For `route`, in an event loop: what reads areas is loaded in a thread, the first time that there are some."""
    rules = kind.rules(ctx) if kind.rules else ()
    if [rule for rule in rules if rule.area]:
        await asyncio.to_thread(getattr, shapely, "union_all")
    return rules


def route(
    city: City, rules: Sequence[CaseRule], *, category: str, position: tuple[float, float] | None, at: datetime
) -> Route:
    """What the first rule that fits says; `position` is (lat, lon)."""
    for rule in rules:
        if _fits(city, rule, category, position, at):
            hours = rule.deadline_hours
            return Route(department=rule.department, deadline=at + timedelta(hours=hours) if hours else None)
    return Route()


def _fits(city: City, rule: CaseRule, category: str, position: tuple[float, float] | None, at: datetime) -> bool:
    if rule.category and category not in rule.category:
        return False
    if rule.weekdays and _DAYS[at.astimezone(city.tz).weekday()] not in rule.weekdays:
        return False
    if rule.between and not _between(rule.between, at.astimezone(city.tz).time()):
        return False
    return not rule.area or (position is not None and inside(Path(city.folder), rule.area, *position))


def _between(span: str, at: time) -> bool:
    begin, _, end = span.partition("-")
    first, last = time.fromisoformat(begin), time.fromisoformat(end)
    return first <= at < last if first <= last else at >= first or at < last


def inside(folder: Path, area: str, lat: float, lon: float) -> bool:
    """Whether the point lies in the area; a file that cannot be read holds nothing, and the log says so."""
    path = folder / area
    try:
        found = _area(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("case_area_unreadable", file=str(path), error=f"{type(error).__name__}: {error}"[:200])
        return False
    return bool(found.covers(shapely.Point(lon, lat)))


def rings(city: City, tolerance: float) -> list[list[tuple[float, float]]]:
    """The city's outline as rings of (lat, lon), simplified by at most `tolerance` degrees; none where it has none."""
    path = Path(city.folder) / city.area.outline
    try:
        found = _area(path, path.stat().st_mtime_ns).simplify(tolerance)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("city_outline_unreadable", file=str(path), error=f"{type(error).__name__}: {error}"[:200])
        return []
    polygons = [part for part in getattr(found, "geoms", [found]) if part.geom_type == "Polygon"]
    return [[(lat, lon) for lon, lat, *_ in ring.coords] for one in polygons for ring in (one.exterior, *one.interiors)]


@lru_cache(maxsize=512)
def _area(path: Path, changed: int) -> Any:
    """All polygons of a GeoJSON file (RFC 7946) as one."""
    data = json.loads(path.read_bytes())
    parts = data["features"] if data.get("type") == "FeatureCollection" else [data]
    return shapely.union_all([geometry.shape(part.get("geometry", part)) for part in parts])
