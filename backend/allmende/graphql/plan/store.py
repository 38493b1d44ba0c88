"""What plans keep from one answer to the next, by city and language, within bounds."""

from __future__ import annotations

from itertools import chain
from typing import Any

from msgspec import Struct

from allmende.city.model import City
from allmende.graphql.plan.fragments import Memory
from allmende.graphql.plan.lists import Keeping
from allmende.graphql.plan.values import Kept, Steady, zone_times

PLACES = 2_000
"""How many combinations of plan, city and language are kept, by all plans together."""
VALUES = 20_000
"""How many values of rows are kept by all of these."""


class Keep(Struct, eq=False):
    """What a plan keeps for one city in one language."""

    plan: object
    city: City
    zone: Kept
    modules: dict[str, list[Keeping]]
    """Response key of a module → what each of its lists keeps."""
    met: dict[Any, list[Kept]]
    """By the encoders of what modules meet in."""


class Store:
    """What all plans keep, by plan, city and language."""

    def __init__(self, rows: Memory) -> None:
        self.rows = rows
        self.places: dict[tuple[int, int, str], Keep] = {}

    def of(self, plan: object, city: City, language: str) -> Keep:
        kept = self.places.get((id(plan), id(city), language))
        if kept is None:
            if len(self.places) >= PLACES:
                self.clear()
            # It holds the plan and the city, so that no others can come to have the same ids.
            kept = Keep(plan, city, zone_times(city.timezone), {}, {})
            self.places[id(plan), id(city), language] = kept
        if Steady.held >= VALUES:
            self._forget_values()
        return kept

    def clear(self) -> None:
        """Forget everything."""
        self.places.clear()
        self.rows.clear()
        Steady.held = 0

    def _forget_values(self) -> None:
        """Those of single columns. Rows that were made of them have a bound of their own."""
        for place in self.places.values():
            for keeping in chain(*place.modules.values()):
                for values in keeping.steady:
                    values.clear()
            for values in chain(*place.met.values()):
                values.clear()
        Steady.held = 0
