"""What a city configures for its calendar of events: sources, how far rules are expanded, names of venues."""

from __future__ import annotations

from typing import Annotated, Literal

from allmende import Config, LocalText, Source, Strict
from msgspec import Meta, field

Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]


class Venue(Strict, frozen=True, kw_only=True):
    """Where a venue lies that feeds mention by name only."""

    address: str = ""
    lat: Latitude
    lon: Longitude


class EventSource(Source, frozen=True, kw_only=True):
    """What all kinds of sources share."""

    category: str = ""
    """Category of entries that name none."""
    rename: dict[str, str] = field(default_factory=dict)
    """Category as the feed writes it → category as the city uses it; an empty text drops it."""
    free: bool | None = None
    """Whether admission is free, for entries that do not say."""


class IcalSource(EventSource, frozen=True, kw_only=True, tag="ical"):
    """A calendar by RFC 5545."""

    ids: Literal["feed", "content"] = "feed"
    """`content` where UIDs say nothing: entries are known by title, place and first start. Where the feed makes up new
    UIDs each time, an entry is known again by title, place and one of its dates without being told so."""


class SchemaOrgSource(EventSource, frozen=True, kw_only=True, tag="schema-org"):
    """schema.org Events in JSON or JSON-LD (also NGSI-LD Events of the Smart Data Models)."""


class MarketsSource(EventSource, frozen=True, kw_only=True, tag="markets"):
    """GeoJSON of weekly markets with OSM opening hours, as wo-ist-markt.de publishes it."""

    category: str = "market"
    free: bool | None = True
    event_title: str = "{title}"
    """How a market is called: `Wochenmarkt {title}`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{title}" not in self.event_title:
            raise ValueError("event_title must contain {title}")


class EventsConfig(Config, frozen=True, kw_only=True):
    """cities/<slug>/plugins/events.toml"""

    sources: tuple[IcalSource | SchemaOrgSource | MarketsSource, ...] = ()
    horizon_days: Annotated[int, Meta(ge=7, le=1100)] = 400
    """How far ahead repeating entries are expanded."""
    past_days: Annotated[int, Meta(ge=0, le=366)] = 31
    """How long past dates stay."""
    max_occurrences: Annotated[int, Meta(ge=1, le=5000)] = 1000
    """Most dates that one entry may have; further ones are reported and left out."""
    venues: dict[str, Venue] = field(default_factory=dict)
    """Name of a venue as feeds write it → where it is."""
    categories: dict[str, LocalText] = field(default_factory=dict)
    """Category → what citizens read."""
    free_categories: tuple[str, ...] = ("kostenlos", "Eintritt frei", "free")
    """Categories that mean free admission; they are not shown as categories."""
