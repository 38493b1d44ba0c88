"""Which host names this instance answers to, and the pages of which other sites may ask it (CORS)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from allmende.city.model import City

LONGEST_NAME = 300
"""Bytes of a Host header; names have 253 at most."""
LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]"))


class Cities(Protocol):
    """The part of `city.load.Cities` that the door needs."""

    @property
    def by_slug(self) -> Mapping[str, City]: ...
    @property
    def by_host(self) -> Mapping[str, City]: ...


class Hosts:
    """The names and origins of one load of the cities. `own` are the instance's further names, with commas."""

    def __init__(self, cities: Cities, own: str) -> None:
        self.cities = cities
        self.load = object()
        """Which load of them it is, for who would not keep all of it."""
        self.names = {name.strip().lower() for name in own.split(",") if name.strip()} | set(cities.by_host)
        self._of_city = {host: frozenset(city.cors) for host, city in cities.by_host.items()}
        self._of_all = frozenset(origin for city in cities.by_slug.values() for origin in city.cors)
        self.shares = bool(self._of_all)
        """Whether there is any page of another site that may ask."""

    def knows(self, name: str, *, local: bool) -> bool:
        """Whether a request for this name is answered; `local` are requests from this machine, and development."""
        return name in self.names or (local and name in LOOPBACK)

    def allows(self, name: str, origin: str) -> bool:
        """Whether pages of this origin may ask here: at a city's own name its origins, elsewhere those of all."""
        return origin in self._of_city.get(name, self._of_all)


@lru_cache(maxsize=1_000)
def host_name(header: bytes) -> str:
    """The name in a Host header, without the port; nobody's name where there is more (`name:80@evil.example`): others
    make addresses of it."""
    text = header.decode("latin-1").lower()
    name, end, port = text.partition("]") if text.startswith("[") else text.partition(":")
    if end == "]":
        name, port = name + end, port.removeprefix(":")
    return name if not port or (port.isascii() and port.isdigit()) else ""
