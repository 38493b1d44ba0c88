"""From the coordinate systems of German geodata to WGS 84 degrees: UTM (ETRS89, WGS 84) and Web Mercator.

UTM by the series of Krüger to the fourth order of the third flattening (Karney 2011, equation 36): below a millimetre
inside a zone. ETRS89 and WGS 84 differ by less than a metre and are taken as one. Gauß-Krüger (DHDN) would need a
change of datum and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import asin, atan, atan2, cos, cosh, degrees, exp, isfinite, pi, sin, sinh

from allmende.errors import FeedError

Point = tuple[float, float]
_A, _N = 6_378_137.0, 0.001679220395  # GRS 80: semi-major axis, third flattening
_RADIUS = _A / (1 + _N) * (1 + _N**2 / 4 + _N**4 / 64)
_BETA = (
    _N / 2 - 2 / 3 * _N**2 + 37 / 96 * _N**3 - 1 / 360 * _N**4,
    1 / 48 * _N**2 + 1 / 15 * _N**3 - 437 / 1440 * _N**4,
    17 / 480 * _N**3 - 37 / 840 * _N**4,
    4397 / 161280 * _N**4,
)
_DELTA = (
    2 * _N - 2 / 3 * _N**2 - 2 * _N**3 + 116 / 45 * _N**4,
    7 / 3 * _N**2 - 8 / 5 * _N**3 - 227 / 45 * _N**4,
    56 / 15 * _N**3 - 136 / 35 * _N**4,
    4279 / 630 * _N**4,
)
_DEGREES = {4326, 4258, 4979, 84}
_ZONE_IN_EASTING = {4647: 32, 5650: 33}
_MERCATOR = {3857, 900913, 102100}
_HELP = "supported are EPSG:4326, 4258, 25828–25838, 326xx, 4647, 5650 and 3857; have the feed exported in EPSG:4326"


def crs_code(name: str) -> int:
    """`urn:ogc:def:crs:EPSG::25832`, `EPSG:25832` or `…OGC:1.3:CRS84` → 25832, 84."""
    digits = re.findall(r"\d+", name)
    if not digits:
        raise FeedError(f"unknown coordinate system {name!r}; {_HELP}", place="crs")
    return int(digits[-1])


def to_wgs84(code: int) -> Callable[[float, float], Point]:
    """A function from (x, y) in the coordinate system of this EPSG number to (lat, lon) in degrees."""
    if code in _DEGREES:
        return lambda x, y: (y, x)
    if code in _MERCATOR:
        return lambda x, y: (degrees(2 * atan(exp(y / _A)) - pi / 2), degrees(x / _A))
    if code in _ZONE_IN_EASTING:
        zone = _ZONE_IN_EASTING[code]
        return lambda x, y: utm(x - zone * 1e6, y, zone)
    if 25828 <= code <= 25838:
        return lambda x, y: utm(x, y, code - 25800)
    if 32601 <= code <= 32660:
        return lambda x, y: utm(x, y, code - 32600)
    datum = "; Gauß-Krüger needs a change of datum" if 31466 <= code <= 31469 else ""
    raise FeedError(f"the coordinate system EPSG:{code} cannot be converted{datum}; {_HELP}", place="crs")


def utm(easting: float, northing: float, zone: int) -> Point:
    """Northern UTM metres → (lat, lon) in degrees."""
    xi, eta = northing / (0.9996 * _RADIUS), (easting - 500_000) / (0.9996 * _RADIUS)
    if not (isfinite(xi) and abs(eta) < 1):
        return (float("nan"), float("nan"))
    xi1 = xi - sum(b * sin(2 * j * xi) * cosh(2 * j * eta) for j, b in enumerate(_BETA, 1))
    eta1 = eta - sum(b * cos(2 * j * xi) * sinh(2 * j * eta) for j, b in enumerate(_BETA, 1))
    chi = asin(sin(xi1) / cosh(eta1))
    phi = chi + sum(d * sin(2 * j * chi) for j, d in enumerate(_DELTA, 1))
    lam = atan2(sinh(eta1), cos(xi1))
    return degrees(phi), zone * 6 - 183 + degrees(lam)
