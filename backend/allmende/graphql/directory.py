"""All cities in memory, ready to be searched by name and sorted by distance: 11,000 of them take a few milliseconds."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, chain, islice
from math import cos, floor, inf, radians, sin
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from allmende.city.model import City
from allmende.search.fold import words

CELL = 0.0025
"""Edge of the cells by which the nearest are found, in radii of the globe: 16 km."""
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
    cell: tuple[int, int, int]
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
        self._cells: dict[tuple[int, int, int], list[_Row]] = {}
        for row in self._rows:
            self._cells.setdefault(row.cell, []).append(row)

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
        """Sorts exactly like the distance: by the square of the straight line through the globe."""
        x, y, z = _point(*near)
        asked = [f" {word}" for word in words(search)]
        # What few cities have in their names is found faster by name than by looking at all the cities in between.
        rare = any(self._text.count(word) < len(self._rows) / 50 for word in asked)
        best: list[tuple[Key, City]] = []
        for rows, reach in [(self._find(search), inf)] if rare else self._rings(x, y, z):
            for row in rows:
                if asked and not all(word in row.text for word in asked):
                    continue
                a, b, c = row.point
                key = ((a - x) ** 2 + (b - y) ** 2 + (c - z) ** 2, row.city.slug)
                if (after is None or key > after) and (len(best) < count or key < best[-1][0]):
                    insort(best, (key, row.city), key=itemgetter(0))
                    del best[count:]
            if len(best) == count and best[-1][0][0] <= reach * reach:
                break
        return best

    def _rings(self, x: float, y: float, z: float) -> Iterator[tuple[Iterable[_Row], float]]:
        """The cities from a point outwards, ring by ring of cells, and how near those of further rings can be."""
        i, j, k = _cell((x, y, z))
        seen = -1
        while (2 * seen + 3) ** 3 < len(self._cells):  # else it is less work to look at each cell that there is
            seen += 1
            side = range(-seen, seen + 1)
            ring = ((i + u, j + v, k + w) for u in side for v in side for w in side if seen in (abs(u), abs(v), abs(w)))
            yield chain.from_iterable(self._cells.get(cell, ()) for cell in ring), seen * CELL
        rest = (rows for (a, b, c), rows in self._cells.items() if max(abs(a - i), abs(b - j), abs(c - k)) > seen)
        yield chain.from_iterable(rest), inf


def _cell(point: tuple[float, float, float]) -> tuple[int, int, int]:
    a, b, c = point
    return floor(a / CELL), floor(b / CELL), floor(c / CELL)


def _row(city: City) -> _Row:
    name = " ".join(words(city.name))
    text = " ".join(("", name, *words(f"{city.official_name} {city.kreis}"), city.slug, city.ags, city.ars))
    point = _point(city.area.lat, city.area.lon)
    return _Row((name, city.slug), text, point, _cell(point), city)


def _point(lat: float, lon: float) -> tuple[float, float, float]:
    """On a globe of radius 1."""
    flat = cos(radians(lat))
    return flat * cos(radians(lon)), flat * sin(radians(lon)), sin(radians(lat))
