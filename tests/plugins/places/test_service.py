"""Distance, boxes and search on both databases, compared with brute force."""

from __future__ import annotations

import random
from math import asin, atan2, cos, degrees, radians, sin
from typing import Any

import pytest
from allmende import BBox, around, distance
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.places import service

from .conftest import make_row

LAT, LON = 51.96, 7.63


def scattered(count: int = 400) -> list[Any]:
    """Places in and around a city, some of them at the very same spot."""
    dice = random.Random(7)
    spots = [(round(dice.uniform(51.8, 52.1), 5), round(dice.uniform(7.4, 7.8), 5)) for _ in range(count)]
    spots += spots[:20]
    return [
        make_row(f"p{n}", lat, lon, category="amt" if n % 3 else "park", opening_hours="24/7" if n % 5 == 0 else "")
        for n, (lat, lon) in enumerate(spots)
    ]


async def near(ctx: Any, lat: float, lon: float, **wanted: Any) -> Any:
    asked = service.near((lat, lon), **wanted)
    assert asked is not None
    return await asked.scalars(ctx)


async def test_near_is_what_brute_force_finds(make_ctx: Any, store: Any) -> None:
    """Same places, same order, same metres: from inside, from the edge and from far away; in at most two statements."""
    rows = scattered()
    await store(rows)
    positions = {row.id: (row.lat, row.lon) for row in rows}
    ctx = make_ctx()
    dice = random.Random(8)
    points = [(dice.uniform(51.7, 52.2), dice.uniform(7.3, 7.9)) for _ in range(25)] + [(-33.9, 151.2), (90.0, 0.0)]
    for lat, lon in points:
        for first, metres in ((5, None), (30, 3000.0), (10, 700.0), (400, 8000.0)):
            with ctx.database.count() as statements:
                found = await near(ctx, lat, lon, first=first, metres=metres)
            assert len(statements) <= 2
            exact = sorted((distance(lat, lon, *spot), id) for id, spot in positions.items())
            wanted = [far for far, _ in exact if metres is None or far <= metres][:first]
            assert [distance(lat, lon, row.lat, row.lon) for row in found] == pytest.approx(wanted, abs=0.01)
            assert len({row.id for row in found}) == len(found)


async def test_near_leaves_out_the_corner_of_the_box(make_ctx: Any, store: Any) -> None:
    """A place in the corner of the box around a circle is farther away than one on its edge."""
    await store([make_row("corner", LAT + 0.0085, LON + 0.0137), make_row("edge", LAT + 0.0089, LON)])
    found = await near(make_ctx(), LAT, LON, first=5, metres=1000.0)
    assert [row.key for row in found] == ["edge"]


async def test_near_finds_only_what_is_open(make_ctx: Any, store: Any) -> None:
    """It is Monday noon. What has no hours, or hours that nobody understands, is neither open nor closed."""
    await store(
        [
            make_row("closed", LAT, LON, opening_hours="Tu 10:00-18:00"),
            make_row("unknown", LAT + 0.001, LON),
            make_row("words", LAT + 0.001, LON, opening_hours="nach Vereinbarung"),
            make_row("open", LAT + 0.05, LON, opening_hours="Mo 10:00-18:00"),
            make_row("always", LAT + 0.06, LON, opening_hours="24/7"),
        ]
    )
    ctx = make_ctx()
    found = await service.near_in_state(ctx, (LAT, LON), True, first=5)
    assert [row.key for row in found] == ["open", "always"]
    found = await service.near_in_state(ctx, (LAT, LON), False, first=5)
    assert [row.key for row in found] == ["closed"]


async def test_near_sees_only_its_city_and_category(make_ctx: Any, store: Any) -> None:
    await store([make_row("park", LAT, LON), make_row("amt", LAT + 0.1, LON, category="amt")])
    await store([make_row("elsewhere", LAT, LON)], slug="nachbarstadt")
    found = await near(make_ctx(), LAT, LON, first=5, category="amt")
    assert [row.key for row in found] == ["amt"]
    found = await near(make_ctx("nachbarstadt"), LAT, LON, first=5)
    assert [row.key for row in found] == ["elsewhere"]
    assert service.near((LAT, LON), first=0) is None


async def test_box_never_returns_what_lies_outside(make_ctx: Any, store: Any) -> None:
    rows = scattered(150)
    await store(rows)
    ctx = make_ctx()
    dice = random.Random(9)
    for _ in range(40):
        south, north = sorted(dice.uniform(51.75, 52.15) for _ in range(2))
        west, east = sorted(dice.uniform(7.35, 7.85) for _ in range(2))
        box = BBox(south=south, west=west, north=north, east=east)
        found = await service.in_box(box, 1000).scalars(ctx)
        assert {row.id for row in found} == {row.id for row in rows if box.contains(row.lat, row.lon)}
        capped = await service.in_box(box, 7, "amt").scalars(ctx)
        assert len(capped) <= 7
        assert all(row.category == "amt" and box.contains(row.lat, row.lon) for row in capped)


@settings(max_examples=200, deadline=None)
@given(lat=st.floats(-85, 85), lon=st.floats(-170, 170), metres=st.floats(1, service.BOXED), turn=st.floats(0, 360))
def test_box_of_a_circle_holds_the_whole_circle(lat: float, lon: float, metres: float, turn: float) -> None:
    """Any point on the circle's edge lies in the box by which the index narrows down."""
    phi, lam, d, t = radians(lat), radians(lon), metres / 6_371_008.8, radians(turn)
    phi2 = asin(sin(phi) * cos(d) + cos(phi) * sin(d) * cos(t))
    lam2 = lam + atan2(sin(t) * sin(d) * cos(phi), cos(d) - sin(phi) * sin(phi2))
    assert around(lat, lon, metres * 1.01).contains(degrees(phi2), degrees(lam2))


async def test_search_finds_by_name_category_and_address(make_ctx: Any, store: Any) -> None:
    await store(
        [
            make_row("1", LAT, LON, name="Wienburgpark", words="Grünfläche Park"),
            make_row("2", LAT, LON, name="Bürgerbüro", category="amt", words="Amt Office", address="Parkweg 3"),
            make_row("3", LAT, LON, name="Bauamt", category="amt"),
        ]
    )
    ctx = make_ctx()
    assert [row.name for row in await service.search(ctx, "grünflä", 5)] == ["Wienburgpark"]
    assert {row.name for row in await service.search(ctx, "park", 5)} == {"Wienburgpark", "Bürgerbüro"}
    assert [row.name for row in await service.search(ctx, "park", 5, "amt")] == ["Bürgerbüro"]
    assert await service.search(ctx, "schwimmbad", 5) == []


async def test_counts_are_by_category(make_ctx: Any, store: Any) -> None:
    await store([make_row("1", LAT, LON), make_row("2", LAT, LON), make_row("3", LAT, LON, category="other")])
    assert await service.counts(make_ctx()) == {"park": 2, "other": 1}
