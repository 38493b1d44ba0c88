"""All cities in memory, ready to be searched by name and sorted by distance: 11,000 of them take a few milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nsmallest
from math import cos, radians
from typing import Protocol

from allmende.city.model import City
from allmende.search.fold import words

Key = tuple[float | str, str]


class Cities(Protocol):
    """The part of `city.load.Cities` that the API needs."""

    @property
    def by_slug(self) -> Mapping[str, City]: ...
    @property
    def by_host(self) -> Mapping[str, City]: ...
    @property
    def unavailable(self) -> Mapping[str, tuple[str, ...]]: ...


class Directory:
    """The cities of one load, sorted by folded name."""

    def __init__(self, cities: Cities) -> None:
        self.cities = cities
        rows = []
        for city in cities.by_slug.values():
            folded = " ".join(words(city.name))
            searched = " ".join(
                ("", folded, *words(f"{city.official_name} {city.kreis}"), city.slug, city.ags, city.ars)
            )
            rows.append(((folded, city.slug), searched, city))
        self._rows = sorted(rows, key=lambda row: row[0])

    def find(self, search: str = "") -> list[tuple[Key, City]]:
        """Cities in which each word of the search begins a word of the name, the Kreis, or a key; by name."""
        asked = [f" {word}" for word in words(search)]
        return [(key, city) for key, text, city in self._rows if all(word in text for word in asked)]

    def page(
        self, search: str, near: tuple[float, float] | None, first: int, after: Key | None
    ) -> tuple[list[tuple[Key, City]], bool]:
        """Up to `first` cities after the key, by name or by distance, and whether there are more."""
        found: Iterable[tuple[Key, City]] = self.find(search)
        if near is not None:
            found = [((_closeness(near, city), city.slug), city) for _, city in found]
        if after is not None:
            found = (item for item in found if item[0] > after)
        best = nsmallest(first + 1, found, key=lambda item: item[0])
        return best[:first], len(best) > first


def _closeness(near: tuple[float, float], city: City) -> float:
    """Sorts like the distance, at a tenth of the price of the exact one (squared, equirectangular)."""
    dlat = city.area.lat - near[0]
    dlon = (city.area.lon - near[1] + 180) % 360 - 180
    dlon *= cos(radians((city.area.lat + near[0]) / 2))
    return dlat * dlat + dlon * dlon
