"""The map of the start page shows every city, and no name covers another."""

from __future__ import annotations

from allmende.city.model import Area, BBox, City
from allmende.pages.chart import LABELS, LINKS, chart
from allmende.testing import make_city
from hypothesis import given
from hypothesis import strategies as st


def at(slug: str, lat: float, lon: float, population: int = 30_000) -> City:
    box = BBox(south=lat - 0.01, west=lon - 0.01, north=lat + 0.01, east=lon + 0.01)
    return make_city(slug, area=Area(lat=lat, lon=lon, bbox=box, population=population))


@given(st.lists(st.tuples(st.floats(47.3, 55), st.floats(6, 15)), min_size=1, max_size=12))
def test_every_city_lies_on_the_visible_part(spots: list[tuple[float, float]]) -> None:
    made = chart([at(f"ort-{i}", lat, lon) for i, (lat, lon) in enumerate(spots)])
    assert len(made.dots) == len(spots)
    assert all(made.x <= dot.x <= made.x + made.width for dot in made.dots)
    assert all(made.y <= dot.y <= made.y + made.height for dot in made.dots)


def test_two_neighbours_get_their_names_on_different_sides() -> None:
    left, right = chart([at("westdorf", 51.85, 8.28), at("ostdorf", 51.9, 8.38)]).dots
    assert (left.anchor, left.dx > 0) != (right.anchor, right.dx > 0)


def test_many_cities_are_dots_without_names() -> None:
    made = chart([at(f"ort-{i}", 48 + i / 20, 8) for i in range(LABELS + 1)])
    assert {dot.anchor for dot in made.dots} == {""}


def test_very_many_cities_are_one_path() -> None:
    made = chart([at(f"ort-{i}", 48 + i / 100, 8) for i in range(LINKS + 1)])
    assert (made.dots, made.swarm.count("M")) == ((), LINKS + 1)


def test_no_city_gives_the_whole_country() -> None:
    assert chart([]).dots == ()
