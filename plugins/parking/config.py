"""What a city sets for parking."""

from __future__ import annotations

from typing import Annotated

from allmende import Config, Source, Strict
from msgspec import Meta


class Fields(Strict, frozen=True, kw_only=True):
    """Which property or column of the feed holds what; `a|b` takes the first that is there and not empty."""

    id: str = "id"
    """Where the feed has none, a car park is recognised by its name."""
    name: str = "name"
    kind: str = "type"
    """Garage, underground, surface …, as the feed says it."""
    address: str = "address"
    capacity: str = "capacity|total"
    free: str = "free"
    trend: str = "trend"
    """-1, 0 or 1, or words; without it the trend is taken from the readings of the last half hour."""
    status: str = "status"
    """Open, closed or out of order, in the words of `open`, `closed` and `broken`."""
    updated: str = "updated"
    """When the number of free spaces was measured; without it, when it was fetched."""
    hours: str = "opening_hours"
    height: str = "max_height"
    """Metres: `2.05`, `1,90 m`; 0 means that there is no limit known."""
    url: str = "public_url|url"
    lat: str = "lat"
    lon: str = "lon"
    wkt: str = ""
    """A column with `POINT (7.6 51.9)`, instead of lat and lon."""


class ParkingSource(Source, frozen=True, kw_only=True):
    """What all kinds of feed have in common."""

    fields: Fields = Fields()
    skip_kinds: tuple[str, ...] = ("city",)
    """Kinds that are no car park (a feature that stands for the city itself)."""
    closed: tuple[str, ...] = ("closed", "geschlossen", "zu")
    """Words of `status` (or of a boolean property) that mean closed."""
    broken: tuple[str, ...] = ("störung", "gestört", "out of order", "unknown")
    """Words of `status` that mean that the numbers cannot be trusted now."""
    everywhere: bool = False
    """Also take car parks outside the city's box (a region's feed, for commuters)."""


class GeoJsonSource(ParkingSource, frozen=True, kw_only=True, tag="geojson"):
    """Points (RFC 7946); coordinates in another system are converted if the `crs` member names it."""


class CsvSource(ParkingSource, frozen=True, kw_only=True, tag="csv"):
    """A table with a header line."""

    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ";"


class DatexSource(ParkingSource, frozen=True, kw_only=True, tag="datex2"):
    """DATEX II parking publications (CEN/TS 16157-6): tables of car parks, with status where there is one."""


class ParkingConfig(Config, frozen=True, kw_only=True):
    """cities/<slug>/plugins/parking.toml."""

    sources: tuple[GeoJsonSource | CsvSource | DatexSource, ...] = ()
    stale_minutes: Annotated[int, Meta(ge=1, le=1440)] = 20
    """Free spaces that were measured longer ago are marked as stale."""
