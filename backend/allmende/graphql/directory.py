"""All cities in memory, ready to be searched by name and sorted by distance: 11,000 of them take a few milliseconds."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping
from itertools import accumulate, islice
from math import cos, inf, radians, sin
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
        self._rows: list[_Row] = [known.get(id(city)) or _row(city) for city in cities.by_slug.values()]
        self._rows.sort(key=itemgetter(0))
        self._keys = [row.key for row in self._rows]
        self._text = "\n".join(row.text for row in self._rows)
        self._ends = list(accumulate(len(row.text) + 1 for row in self._rows))
        self._from_south = sorted(self._rows, key=_height)
        self._heights = [_height(row) for row in self._from_south]

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
            found = self._nearest(search, near, first + 1, after)
        return found[:first], len(found) > first

    def _find(self, search: str, start: int = 0) -> Iterator[_Row]:
        """By name. The longest word is looked for in the text of all cities at once, the others where it is found."""
        asked = sorted((f" {word}" for word in words(search)), key=len, reverse=True)
        if not asked:
            yield from islice(self._rows, start, None)
            return
        position = self._ends[start - 1] if start else 0
        while (position := self._text.find(asked[0], position)) >= 0:
            index = bisect_right(self._ends, position)
            row = self._rows[index]
            if all(word in row.text for word in asked):
                yield row
            position = self._ends[index]

    def _nearest(self, search: str, near: tuple[float, float], count: int, after: Key | None) -> list[tuple[Key, City]]:
        """From the latitude asked for to the north and south, until nothing further off can be nearer.

        Sorts exactly like the distance: by the square of the straight line through the globe.
        """
        asked = [f" {word}" for word in words(search)]
        x, y, z = _point(*near)
        north = bisect_right(self._heights, z)
        south = north - 1
        best: list[tuple[Key, City]] = []
        while True:
            up = self._heights[north] - z if north < len(self._heights) else inf
            down = z - self._heights[south] if south >= 0 else inf
            step = min(up, down)
            if step == inf or (len(best) == count and step * step > best[-1][0][0]):
                return best
            row = self._from_south[north if up <= down else south]
            north, south = (north + 1, south) if up <= down else (north, south - 1)
            a, b, c = row.point
            key = ((a - x) ** 2 + (b - y) ** 2 + (c - z) ** 2, row.city.slug)
            if (after is None or key > after) and all(word in row.text for word in asked):
                insort(best, (key, row.city), key=itemgetter(0))
                del best[count:]


def _height(row: _Row) -> float:
    """How far north, on the globe's axis."""
    return row.point[2]


def _row(city: City) -> _Row:
    name = " ".join(words(city.name))
    text = " ".join(("", name, *words(f"{city.official_name} {city.kreis}"), city.slug, city.ags, city.ars))
    return _Row((name, city.slug), text, _point(city.area.lat, city.area.lon), city)


def _point(lat: float, lon: float) -> tuple[float, float, float]:
    """On a globe of radius 1."""
    flat = cos(radians(lat))
    return flat * cos(radians(lon)), flat * sin(radians(lon)), sin(radians(lat))
