"""What is kept of parking: the car parks as they are now, and the readings of the last hour."""

from __future__ import annotations

from datetime import datetime

from allmende import CityTable, FeedTable
from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column


class CarPark(FeedTable):
    """One car park, with its last known number of free spaces."""

    __tablename__ = "parking_carpark"
    __table_args__ = (
        Index("ix_parking_carpark_name", "city", "name", "id"),
        Index("ix_parking_carpark_position", "city", "lat", "lon"),
    )

    name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(500))
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    capacity: Mapped[int | None]
    free: Mapped[int | None]
    trend: Mapped[int | None]
    """-1 fewer, 0 as many, 1 more free spaces, where the feed itself says so."""
    closed: Mapped[bool]
    broken: Mapped[bool]
    updated_at: Mapped[datetime | None]
    """When `free` was measured."""
    hours: Mapped[str] = mapped_column(Text)
    height: Mapped[float | None]
    """Metres."""
    url: Mapped[str] = mapped_column(String(1000))


class Reading(CityTable):
    """How many spaces were free at a moment; from these comes the trend where the feed has none."""

    __tablename__ = "parking_reading"
    __table_args__ = (Index("ix_parking_reading_at", "city", "at"),)

    carpark: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    free: Mapped[int]
