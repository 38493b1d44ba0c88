"""What is kept of the news: one row per item, and one per category of an item, so that both can be asked by index."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allmende import FeedTable, UtcDateTime
from sqlalchemy import Computed, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column


class Item(FeedTable):
    """One piece of news, cleaned."""

    __tablename__ = "news_item"
    __table_args__ = (
        Index("ix_news_item_published", "city", "published_at", "id"),
        Index("ix_news_item_language", "city", "language", "published_at"),
        Index("ix_news_item_same", "city", "same", "id"),
    )

    title: Mapped[str] = mapped_column(String(300))
    summary: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(String(2048))
    same: Mapped[str | None] = mapped_column(String(32))
    """A fingerprint of address, title and language, by which what several sources have in common is shown once."""
    language: Mapped[str] = mapped_column(String(8))
    """Primary language subtag: `de`, never `de-DE`."""
    stated_at: Mapped[datetime | None]
    """The date of publication that the feed gives, if it gives one that can be."""
    updated_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    published_at: Mapped[datetime] = mapped_column(
        UtcDateTime(),
        Computed(
            "CASE WHEN stated_at IS NULL OR stated_at > fetched_at THEN fetched_at ELSE stated_at END", persisted=True
        ),
        nullable=False,
    )
    """What readers see and lists are ordered by: the stated date; without one, or with one that had not come yet,
    when the item was first seen. The database computes it, so that reading a feed twice gives the same rows."""
    categories: Mapped[list[str]]
    images: Mapped[list[dict[str, Any]]]
    """As `Picture` has it; the first is the one to show in lists."""


class ItemCategory(FeedTable):
    """One category of one item; the item's own list has the same, for showing."""

    __tablename__ = "news_category"
    __table_args__ = (
        Index("ix_news_category_name", "city", "name", "parent"),
        Index("ix_news_category_parent", "city", "parent"),
    )

    parent: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(80))
