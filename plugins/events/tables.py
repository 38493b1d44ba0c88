"""Events, and the dates on which they take place: every date is a row, so that reading needs no recurrence rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allmende import FeedTable
from sqlalchemy import ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship


class Event(FeedTable):
    """What takes place, once or often."""

    __tablename__ = "events_event"
    __table_args__ = (
        Index("ix_events_event_place", "city", "lat", "lon"),
        Index("ix_events_event_last", "city", "last"),
    )

    title: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(16), default="")
    translations: Mapped[dict[str, Any] | None]
    """Language → `title`, `text`, `html` in it, where the town hall has written them; what is missing is not there."""
    categories: Mapped[str] = mapped_column(Text, default="")
    """Framed by line breaks ("\\nMusik\\nKinder\\n"), so that both databases can look for one and group by all."""
    free: Mapped[bool | None]
    price: Mapped[str | None] = mapped_column(String(200))
    organizer: Mapped[str | None] = mapped_column(String(300))
    """An organisation; names of persons are not imported."""
    url: Mapped[str | None] = mapped_column(Text)
    image: Mapped[dict[str, Any] | None]
    venue_name: Mapped[str | None] = mapped_column(String(300))
    venue_address: Mapped[str | None] = mapped_column(Text)
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    last: Mapped[datetime]
    """When its last known date is over. What is over stays for a while, even when the feed has dropped it."""


class Occurrence(FeedTable):
    """One date of an event; its id is the id of the event as citizens see it."""

    __tablename__ = "events_occurrence"
    __table_args__ = (
        ForeignKeyConstraint(["city", "parent"], ["events_event.city", "events_event.id"], ondelete="CASCADE"),
        # `until` last: what is over is passed by in the index, without a look at its row.
        Index("ix_events_occurrence_start", "city", "start", "id", "until"),
        Index("ix_events_occurrence_parent", "city", "parent", "start"),
    )

    parent: Mapped[str] = mapped_column(String(32))
    start: Mapped[datetime]
    end: Mapped[datetime | None]
    """Exclusive; None where the organiser gave none."""
    until: Mapped[datetime]
    """When it stops being shown as upcoming: the end, or two hours after the start."""
    all_day: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(String(16), default="scheduled")
    """scheduled, cancelled, moved or postponed."""
    moved_from: Mapped[datetime | None]

    event: Mapped[Event] = relationship(viewonly=True, lazy="raise")
