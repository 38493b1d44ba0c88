"""UTM is compared with a published point, and with another formula (Snyder 1987) that runs in the other direction."""

from __future__ import annotations

from math import cos, radians, sin, sqrt, tan

import pytest
from allmende import FeedError
from allmende.city.projection import crs_code, to_wgs84
from hypothesis import given
from hypothesis import strategies as st


def snyder(lat: float, lon: float, zone: int) -> tuple[float, float]:
    """Easting and northing by USGS Professional Paper 1395, equations 8-9 to 8-13."""
    a, f, k0 = 6_378_137.0, 1 / 298.257222101, 0.9996
    e2 = f * (2 - f)
    ep2 = e2 / (1 - e2)
    phi, lam = radians(lat), radians(lon - (zone * 6 - 183))
    n, t, c = a / sqrt(1 - e2 * sin(phi) ** 2), tan(phi) ** 2, ep2 * cos(phi) ** 2
    big = cos(phi) * lam
    m = a * (
        (1 - e2 / 4 - 3 * e2**2 / 64 - 5 * e2**3 / 256) * phi
        - (3 * e2 / 8 + 3 * e2**2 / 32 + 45 * e2**3 / 1024) * sin(2 * phi)
        + (15 * e2**2 / 256 + 45 * e2**3 / 1024) * sin(4 * phi)
        - (35 * e2**3 / 3072) * sin(6 * phi)
    )
    x = k0 * n * (big + (1 - t + c) * big**3 / 6 + (5 - 18 * t + t**2 + 72 * c - 58 * ep2) * big**5 / 120)
    y = k0 * (
        m
        + n
        * tan(phi)
        * (
            big**2 / 2
            + (5 - t + 9 * c + 4 * c**2) * big**4 / 24
            + (61 - 58 * t + t**2 + 600 * c - 330 * ep2) * big**6 / 720
        )
    )
    return x + 500_000, y


def test_utm_agrees_with_the_point_in_the_manual_of_proj() -> None:
    lat, lon = to_wgs84(25832)(691875.632, 6098907.825)
    assert (round(lat, 7), round(lon, 7)) == (55.0, 12.0)


@given(lat=st.floats(47, 55.1), lon=st.floats(6, 15))
def test_utm_agrees_with_snyder_in_germany_to_two_centimetres(lat: float, lon: float) -> None:
    zone = 32 if lon < 12 else 33
    back = to_wgs84(25800 + zone)(*snyder(lat, lon, zone))
    assert back == pytest.approx((lat, lon), abs=2e-7)


def test_zone_in_the_easting_and_mercator_are_understood() -> None:
    assert to_wgs84(4647)(32_691_875.632, 6098907.825) == pytest.approx((55.0, 12.0), abs=1e-7)
    assert to_wgs84(3857)(1335833.89, 7361866.11) == pytest.approx((55.0, 12.0), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("urn:ogc:def:crs:EPSG::25832", 25832),
        ("EPSG:4326", 4326),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", 84),
        ("http://www.opengis.net/def/crs/EPSG/0/25833", 25833),
    ],
)
def test_crs_code_reads_the_ways_of_writing(name: str, code: int) -> None:
    assert crs_code(name) == code


def test_gauss_krueger_is_refused_with_the_way_out() -> None:
    with pytest.raises(FeedError, match=r"crs: .*EPSG:31467.*change of datum.*exported in EPSG:4326"):
        to_wgs84(31467)
