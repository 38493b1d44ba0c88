"""Streets, the ranges of their house numbers, and the dates of the districts that these belong to."""

from __future__ import annotations

import datetime as dt

from allmende import FeedTable
from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column


class WasteStreet(FeedTable):
    """A street, as people name it."""

    __tablename__ = "waste_street"
    __table_args__ = (Index("ix_waste_street_folded", "city", "folded"),)

    name: Mapped[str] = mapped_column(String(200))
    place: Mapped[str] = mapped_column(String(200), default="")
    """Part of the city, where the name occurs more than once."""
    folded: Mapped[str] = mapped_column(String(200))
    """The name as it is searched for (names.fold)."""

    @property
    def label(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name


class WasteRange(FeedTable):
    """A range of a street's house numbers, with the districts and tours that come there."""

    __tablename__ = "waste_range"
    __table_args__ = (Index("ix_waste_range_parent", "city", "parent"),)

    parent: Mapped[str] = mapped_column(String(32))
    """Id of the street."""
    numbers: Mapped[str] = mapped_column(String(200), default="")
    """The numbers as the city writes them; empty for the whole street."""
    spans: Mapped[str] = mapped_column(String(400), default="")
    """The same in canonical form (numbers.parse_spans)."""
    districts: Mapped[list[str]]


class WastePickup(FeedTable):
    """One fraction, collected on one day in one district."""

    __tablename__ = "waste_pickup"
    __table_args__ = (Index("ix_waste_pickup_district_date", "city", "district", "date"),)

    district: Mapped[str] = mapped_column(String(100), default="")
    """District, tour or colour; empty for the whole city."""
    date: Mapped[dt.date]
    fraction: Mapped[str] = mapped_column(String(32))
    """Id in the configuration or the catalogue."""
    note: Mapped[str] = mapped_column(String(200), default="")
    """What distinguishes it: rhythm, size of the bin, a remark."""
    shifted_from: Mapped[dt.date | None] = mapped_column(default=None)
    """The regular day, where a public holiday moved the pickup."""


def pickup(
    district: str, day: dt.date, fraction: str, note: str = "", shifted_from: dt.date | None = None
) -> WastePickup:
    """A row whose key is what makes it that pickup, since the UIDs of real calendars are random."""
    key = "|".join((day.isoformat(), fraction, note, district))
    return WastePickup(
        key=key[:512], district=district, date=day, fraction=fraction, note=note[:200], shifted_from=shifted_from
    )
