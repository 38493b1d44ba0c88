"""Readers are told apart only as far as an answer was: by language, host or release of the app, or not at all.

What a question's answers looked at is remembered with the question. Looking at the same things and finding the same,
an answer comes out the same: so readers for whom these are equal share one.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from msgspec import Struct

from allmende.city.switches import is_off
from allmende.footprint import Footprint
from allmende.graphql.languages import choose


class Reader(Struct, frozen=True):
    """What of a request's headers an answer may look at."""

    accept_language: str = ""
    host: str = ""
    app_version: str = ""


class Shape(Struct, frozen=True):
    """What the answers to one question have looked at so far."""

    languages: frozenset[str] = frozenset()
    """Cities of which the language was taken from Accept-Language."""
    switched: frozenset[str] = frozenset()
    """Cities that have modules off for some releases of the app."""
    host: bool = False
    slots: tuple[int, ...] = ()
    """Counters of the board that were of interest last time."""

    def variant(self, reader: Reader, cities: Any) -> Hashable:
        """Equal for readers that get the same answer."""
        if not (self.languages or self.switched or self.host):
            return None
        by_slug = cities.by_slug
        home = cities.by_host.get(reader.host) if self.host else None
        return (
            home.slug if home else None,
            *(_language(by_slug.get(slug), reader) for slug in sorted(self.languages)),
            *(_off(by_slug.get(slug), reader) for slug in sorted(self.switched)),
        )

    @property
    def vary(self) -> str:
        """The header Vary: Accept decides the media type, Origin who may read it; no token is shown this."""
        names = ["Accept", "Authorization", "Origin"]
        names += ["Accept-Language"] if self.languages else []
        names += ["App-Version"] if self.switched else []
        return ", ".join(names + (["Host"] if self.host else []))

    def with_(self, made: Footprint, cities: Any, slots: tuple[int, ...]) -> Shape:
        """The shape that covers this answer too."""
        switched = {slug for slug in made.cities if _switches(cities.by_slug.get(slug))}
        return Shape(self.languages | made.languages, self.switched | switched, self.host or made.host, slots)


def _language(city: Any, reader: Reader) -> str | None:
    return choose(city.languages, None, reader.accept_language) if city else None


def _off(city: Any, reader: Reader) -> tuple[str, ...] | None:
    return tuple(name for name in _switches(city) if is_off(city, name, reader.app_version)) if city else None


def _switches(city: Any) -> list[str]:
    """Modules that are off for some releases of the app."""
    if city is None:
        return []
    return [name for name, switch in city.modules.items() if switch.off and switch.app_versions]
