"""Places as they are stored: one row each, found by category, by box, and by distance."""

from __future__ import annotations

from math import cos, radians, sin
from typing import Any

from allmende import FeedTable
from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column


class PlacesPlace(FeedTable):
    """A point of interest. Empty strings and empty JSON stand for what the feed does not say."""

    __tablename__ = "places_place"
    __table_args__ = (
        Index("ix_places_place_category", "city", "category", "name", "id"),
        # With what a map shows, so that a box of places is answered by the index alone.
        Index("ix_places_place_name", "city", "name", "id", "category", "lat", "lon"),
        Index("ix_places_place_position", "city", "lat", "lon"),
    )

    name: Mapped[str] = mapped_column(String(300))
    category: Mapped[str] = mapped_column(String(64))
    words: Mapped[str] = mapped_column(Text)
    """Names of the category in all languages, so that a search for `Spielplatz` finds playgrounds."""
    text: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(String(300))
    lat: Mapped[float]
    lon: Mapped[float]
    x: Mapped[float]
    y: Mapped[float]
    z: Mapped[float]
    """The position as a unit vector: plain arithmetic on it orders by distance exactly, on every database."""
    opening_hours: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(String(100))
    website: Mapped[str] = mapped_column(String(2000))
    wheelchair: Mapped[str] = mapped_column(String(8))
    """yes, limited, no or unknown."""
    tags: Mapped[dict[str, Any]]
    """OSM accessibility tags → value."""
    facts: Mapped[list[dict[str, Any]]]
    """`label` and `value`, each a text or one text per language."""
    image: Mapped[dict[str, Any]]
    """`url`, `alt`, `credit`; empty where there is none."""
    language: Mapped[str] = mapped_column(String(16))
    translations: Mapped[dict[str, Any] | None]
    """Language → `name`, `text` in it, where the town hall has written them; what is missing is not there."""


def unit_vector(lat: float, lon: float) -> tuple[float, float, float]:
    """The point on a globe of radius 1, from degrees."""
    phi, lam = radians(lat), radians(lon)
    return cos(phi) * cos(lam), cos(phi) * sin(lam), sin(phi)
