"""Values on their way from the driver into the answer, worked out once for each that occurs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from allmende.db.direct.reader import moment

KEPT = 20_000
TRUTH: Mapping[Any, bool | None] = {0: False, 1: True, None: None}


class Kept(dict[Any, Any]):
    """Key → value, made when first asked for; forgets everything when it has grown too large."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: Any) -> Any:
        if len(self) >= KEPT:
            self.clear()
        value = self[key] = self.make(key)
        return value


class Steady(Kept):
    """What is made of the values of a row, for one city and language; see `computed(steady=True)`."""

    __slots__ = ()
    held = 0
    """How many values all of them have made, since they were last forgotten together."""

    def __missing__(self, key: Any) -> Any:
        Steady.held += 1
        return super().__missing__(key)


@lru_cache(maxsize=100)
def zone_times(zone: str) -> Kept:
    """Raw instant → text with the offset of this time zone."""
    tz = ZoneInfo(zone)

    def make(raw: Any) -> str | None:
        found = moment(raw)
        return None if found is None else found.astimezone(tz).isoformat()

    return Kept(make)


def day(raw: date | str | None) -> str | None:
    return raw.isoformat() if isinstance(raw, date) else raw


DAYS = Kept(day)
