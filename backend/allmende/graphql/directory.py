"""All cities in memory, ready to be searched by name and sorted by distance: 11,000 of them take a few milliseconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from itertools import islice
from math import cos, radians, sin
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from allmende.city.model import City
from allmende.search.fold import words

Key = tuple[Any, str]
"""What the cities are sorted by (folded name, or closeness), then the slug."""


class Cities(Protocol):
    """The part of `city.load.Cities` that the API needs."""

    @property
    def by_slug(self) -> Mapping[str, City]: ...
    @property
    def by_host(self) -> Mapping[str, City]: ...
    @property
    def unavailable(self) -> Mapping[str, tuple[str, ...]]: ...


class _Row(NamedTuple):
    key: Key
    text: str
    """Everything that a search looks at, each word after a blank."""
    point: tuple[float, float, float]
    city: City


class Directory:
    """The cities of one load, sorted by folded name; what is the same as in the one `before` is taken from there."""

    def __init__(self, cities: Cities, before: Directory | None = None) -> None:
        self.cities = cities
        known = {id(row.city): row for row in before._rows} if before else {}
        self._rows = [known.get(id(city)) or _row(city) for city in cities.by_slug.values()]
        self._rows.sort(key=itemgetter(0))
        self._keys = [row.key for row in self._rows]

    def count(self, search: str = "") -> int:
        return sum(1 for _ in self._find(search))

    def page(
        self, search: str, near: tuple[float, float] | None, first: int, after: Key | None
    ) -> tuple[list[tuple[Key, City]], bool]:
        """Up to `first` cities after the key, by name or by distance, and whether there are more.

        Each word of the search begins a word of the name, the Kreis, or a key (slug, AGS, ARS).
        """
        if near is None:
            start = bisect_right(self._keys, after) if after is not None else 0
            found = [(row.key, row.city) for row in islice(self._find(search, start), first + 1)]
        else:
            found = nsmallest(first + 1, self._distances(search, near, after))
        return found[:first], len(found) > first

    def _find(self, search: str, start: int = 0) -> Iterator[_Row]:
        asked = [f" {word}" for word in words(search)]
        rows = islice(self._rows, start, None)
        return (row for row in rows if all(word in row.text for word in asked)) if asked else rows

    def _distances(self, search: str, near: tuple[float, float], after: Key | None) -> Iterator[tuple[Key, City]]:
        """Sorts exactly like the distance: by the square of the straight line through the globe."""
        x, y, z = _point(*near)
        for (_, slug), _, (a, b, c), city in self._find(search):
            key = ((a - x) ** 2 + (b - y) ** 2 + (c - z) ** 2, slug)
            if after is None or key > after:
                yield key, city


def _row(city: City) -> _Row:
    name = " ".join(words(city.name))
    text = " ".join(("", name, *words(f"{city.official_name} {city.kreis}"), city.slug, city.ags, city.ars))
    return _Row((name, city.slug), text, _point(city.area.lat, city.area.lon), city)


def _point(lat: float, lon: float) -> tuple[float, float, float]:
    """On a globe of radius 1."""
    flat = cos(radians(lat))
    return flat * cos(radians(lon)), flat * sin(radians(lon)), sin(radians(lat))
