"""Distances on the globe, in metres."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

from allmende.city.model import BBox

EARTH = 6_371_008.8
"""Mean radius in metres (IUGG)."""


def distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in metres between two points in WGS 84 degrees (haversine)."""
    a = (
        sin(radians(lat2 - lat1) / 2) ** 2
        + cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH * asin(min(1.0, sqrt(a)))


def around(lat: float, lon: float, metres: float) -> BBox:
    """The smallest box that holds the circle of this radius; for an index to narrow down a distance search."""
    dlat = min(metres / 111_195.0, 90.0)
    dlon = min(metres / (111_195.0 * max(cos(radians(lat)), 0.01)), 180.0)
    return BBox(
        south=max(lat - dlat, -90.0),
        west=max(lon - dlon, -180.0),
        north=min(lat + dlat, 90.0),
        east=min(lon + dlon, 180.0),
    )
