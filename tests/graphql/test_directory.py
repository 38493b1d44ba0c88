"""The quick ways to the cities give what the slow and obvious ones give."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from allmende.city.geo import distance
from allmende.city.model import Area, BBox, City
from allmende.graphql.directory import Directory
from allmende.testing import make_city
from hypothesis import given
from hypothesis import strategies as st

NAMES = ("Ahaus", "Ahlen", "Bad Salzuflen", "Beckum", "Bergkamen", "Übach", "Salzkotten", "Bad Berg")


def city(number: int, name: str, lat: float, lon: float) -> City:
    area = Area(lat=lat, lon=lon, bbox=BBox(south=lat, west=lon, north=lat, east=lon))
    return make_city(f"c{number}", name=name, ags=f"{number:08}", ars=f"{number:012}", area=area)


def directory(found: list[City], before: Directory | None = None) -> Directory:
    cities: Any = SimpleNamespace(by_slug={one.slug: one for one in found}, by_host={}, unavailable={})
    return Directory(cities, before)


degrees = st.tuples(st.sampled_from(NAMES), st.floats(47, 55), st.floats(6, 15))
many = st.lists(degrees, max_size=40).map(lambda rows: [city(number, *row) for number, row in enumerate(rows)])
words = st.sampled_from(["", "b", "bad", "bad b", "salz", "ub", "c1", "0000", "nowhere", "berg bad"])


@given(many, st.floats(47, 55), st.floats(6, 15), st.integers(0, 12), words)
def test_the_nearest_are_those_of_a_full_sort_page_by_page(
    found: list[City], lat: float, lon: float, first: int, search: str
) -> None:
    whole = directory(found)
    matching = {one.slug for _, one in whole.page(search, None, 99, None)[0]}
    expected = sorted(
        (one for one in found if one.slug in matching),
        key=lambda one: (round(distance(lat, lon, one.area.lat, one.area.lon), 3), one.slug),
    )
    got: list[City] = []
    after, more = None, True
    while more and first:
        page, more = whole.page(search, (lat, lon), first, after)
        got += [one for _, one in page]
        after = page[-1][0] if page else None
    assert len(got) == (len(expected) if first else 0)
    assert [round(distance(lat, lon, one.area.lat, one.area.lon), 1) for one in got] == [
        round(distance(lat, lon, one.area.lat, one.area.lon), 1) for one in expected[: len(got)]
    ]


def test_the_nearest_among_very_many_are_those_of_a_full_sort_wherever_one_asks() -> None:
    chance = random.Random(20261126)
    crowd = [city(n, chance.choice(NAMES), chance.uniform(50, 52), chance.uniform(7, 10)) for n in range(3000)]
    far = [city(3000 + n, "Ahlen", chance.uniform(-90, 90), chance.uniform(-180, 180)) for n in range(300)]
    whole = directory([*crowd, *far])
    for lat, lon in [(51, 8.5), (50, 7), (89.9, 0), (-90, 12), (0, 180), (-16.5, -179.9), (51.3, 8.2)]:
        for search in ("", "bad", "c3001"):
            got: list[str] = []
            after, more = None, True
            while more and len(got) < 60:
                page, more = whole.page(search, (lat, lon), 17, after)
                got += [one.slug for _, one in page]
                after = page[-1][0]
            assert more or search
            matching = [one for _, one in whole.page(search, None, 9999, None)[0]]
            matching.sort(key=lambda one: distance(lat, lon, one.area.lat, one.area.lon))
            assert got == [one.slug for one in matching[: len(got)]]


@given(many, words, st.integers(1, 5))
def test_a_search_finds_what_looking_at_each_city_finds(found: list[City], search: str, first: int) -> None:
    whole = directory(found)
    rows = [row for row in whole._rows if all(f" {word}" in row.text for word in search.split())]
    got: list[City] = []
    after, more = None, True
    while more:
        page, more = whole.page(search, None, first, after)
        got += [one for _, one in page]
        after = page[-1][0] if page else None
    assert [one.slug for one in got] == [row.city.slug for row in rows]
    assert whole.count(search) == len(rows)


@given(many, many)
def test_a_directory_made_from_the_one_before_is_as_if_made_anew(before: list[City], found: list[City]) -> None:
    kept = [*before[::2], *(one for one in found if one.slug not in {other.slug for other in before[::2]})]
    again, anew = directory(kept, directory(before)), directory(kept)
    assert again.page("", None, 99, None) == anew.page("", None, 99, None)
    assert again.page("", (50, 8), 99, None) == anew.page("", (50, 8), 99, None)
