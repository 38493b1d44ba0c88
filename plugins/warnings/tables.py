"""One row for each warning: its chain of messages (alert, updates, cancellation) is one warning."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allmende import FeedTable
from sqlalchemy import JSON, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

SEVERITIES = ("unknown", "minor", "moderate", "severe", "extreme")
"""CAP's, from the least; the place in it is what is stored, so that the worst comes first."""


class CityWarning(FeedTable):
    __tablename__ = "warnings_warning"
    __table_args__ = (
        Index("ix_warnings_warning_sent", "city", "over", "sent", "id"),
        Index("ix_warnings_warning_position", "city", "lat", "lon"),
    )

    headline: Mapped[str] = mapped_column(String(500))
    """In the city's own language, for the search."""
    text: Mapped[str] = mapped_column(Text)
    texts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Language (`de`, `tr`) → event, headline, description, instruction: plain text."""
    severity: Mapped[int] = mapped_column(SmallInteger)
    urgency: Mapped[str] = mapped_column(String(16))
    certainty: Mapped[str] = mapped_column(String(16))
    categories: Mapped[list[str]]
    """CAP's (`met`, `health`), in small letters."""
    over: Mapped[bool]
    """Lifted: this is an all-clear."""
    silent: Mapped[bool]
    """The sender does not want anybody to be told by push."""
    sent: Mapped[datetime]
    """Of the latest message."""
    first_sent: Mapped[datetime]
    """Of the first message that was seen."""
    starts: Mapped[datetime | None]
    expires: Mapped[datetime | None]
    """None where the sender gives no end, or one that cannot be meant (the year 3021)."""
    sender: Mapped[str] = mapped_column(String(300))
    web: Mapped[str] = mapped_column(String(2048))
    contact: Mapped[str] = mapped_column(String(1000))
    areas: Mapped[list[str]]
    polygons: Mapped[list[Any]] = mapped_column(JSON)
    """Rings of [latitude, longitude], those near the city."""
    lat: Mapped[float]
    lon: Mapped[float]
    """Inside of the polygons, otherwise the city's centre."""
    messages: Mapped[list[str]]
    """Identifiers of the chain that are known, by which its next message is recognised."""
    version: Mapped[str] = mapped_column(String(32))
    """Changes with what a citizen has to know, and with nothing else: an update may repeat all of it."""
