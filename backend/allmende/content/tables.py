"""Drafts and their history, corrections of imported rows, and what goes from city to city."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class ContentItem(CityTable):
    """One thing that editors work on: its newest values, which need not be those that citizens see."""

    __tablename__ = "content_item"
    __table_args__ = (
        Index("ix_content_item_updated", "city", "plugin", "kind", "updated_at", "id"),
        Index("ix_content_item_state", "city", "state", "publish_at"),
        Index("ix_content_item_expire", "city", "expire_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    """Name of the ContentType."""
    state: Mapped[str] = mapped_column(String(16), default="draft")
    """Of the newest values: draft, review, scheduled, published or archived."""
    title: Mapped[str] = mapped_column(String(300))
    folded: Mapped[str] = mapped_column(Text)
    """The words of all texts, folded as the search folds them: what editors find it by."""
    values: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    """Of the values; whoever saves says which one they have seen."""
    live: Mapped[int | None] = mapped_column(default=None)
    """The version that citizens see; None while they see none."""
    rows: Mapped[list[str]] = mapped_column(default=list)
    """Ids of the rows of the plugin's first table that show it."""
    publish_at: Mapped[datetime | None]
    expire_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    """When citizens first saw it."""
    renewed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(120))
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(120))


class ContentVersion(CityTable):
    """The values as they were once saved, by whom; never changed."""

    __tablename__ = "content_version"

    item: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(16))
    """created, saved, restored, received or taken."""
    title: Mapped[str] = mapped_column(String(300))
    values: Mapped[dict[str, Any]]


class ContentEvent(CityTable):
    """What was done with an item besides saving: submitted, published, scheduled, archived, offered, withdrawn …"""

    __tablename__ = "content_event"
    __table_args__ = (Index("ix_content_event_item", "city", "item", "at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    item: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    note: Mapped[str] = mapped_column(String(500), default="")


class ContentAutosave(CityTable):
    """What somebody has typed and not saved yet; one per item and editor (`new-…` for what was never saved)."""

    __tablename__ = "content_autosave"

    item: Mapped[str] = mapped_column(String(64), primary_key=True)
    editor: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int]
    """Of the item when it was opened."""
    form: Mapped[dict[str, Any]]
    """The fields of the form as they were typed."""
    at: Mapped[datetime]


class ContentOverlay(CityTable):
    """A local correction of one imported row, field by field; imports put it on top of what the source says."""

    __tablename__ = "content_overlay"
    __table_args__ = (Index("ix_content_overlay_source", "city", "plugin", "source"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Of the row that is corrected."""
    plugin: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    values: Mapped[dict[str, Any]]
    """Field → what the city says instead."""
    originals: Mapped[dict[str, Any]]
    """Field → what the source said when it was corrected."""
    current: Mapped[dict[str, Any]]
    """Field → what the source says now."""
    columns: Mapped[dict[str, Any]]
    """Column → what the source says now, to go back to it."""
    parts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Name of each table of parts that is corrected → the rows that the source has there now."""
    digest: Mapped[str] = mapped_column(String(32))
    """Of the row as the source gives it."""
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime | None]
    """When the source changed a corrected field since; None once somebody has looked at it."""
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(120))


class ContentOffer(CityTable):
    """An item that this city offers to others."""

    __tablename__ = "content_offer"

    item: Mapped[str] = mapped_column(String(32), primary_key=True)
    to: Mapped[list[str]]
    """Slugs of cities; `*` for all."""
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(120))


class ContentParcel(CityTable):
    """The outbox of sharing: an item of which the other cities do not yet know the newest state."""

    __tablename__ = "content_parcel"

    item: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime]


class ContentSubscription(CityTable):
    """What this city wants from another: all that it publishes of a type, or of one category."""

    __tablename__ = "content_subscription"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    origin: Mapped[str] = mapped_column(String(64))
    plugin: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    category: Mapped[str] = mapped_column(String(120))
    """Empty for all of them."""
    automatic: Mapped[bool]
    """Whether it is published here without anybody looking at it."""
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(120))


class ContentReceived(CityTable):
    """An item that another city offers here, and what became of it."""

    __tablename__ = "content_received"
    __table_args__ = (
        Index("ix_content_received_state", "city", "state", "changed_at"),
        Index("ix_content_received_local", "city", "local"),
        Index("ix_content_received_origin", "city", "origin", "item"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Follows from the origin and its item."""
    origin: Mapped[str] = mapped_column(String(64))
    item: Mapped[str] = mapped_column(String(32))
    plugin: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    """waiting, accepted, rejected, unlinked or withdrawn."""
    via: Mapped[str] = mapped_column(String(16))
    """offer or subscription: an offer can be taken back while the item stays published."""
    title: Mapped[str] = mapped_column(String(300))
    values: Mapped[dict[str, Any]]
    """As the origin shows them now."""
    version: Mapped[int]
    seen: Mapped[int] = mapped_column(default=0)
    """The version of the origin that somebody here has taken or rejected last."""
    taken: Mapped[dict[str, Any]]
    """The origin's values that were taken last: what tells its changes from ours."""
    local: Mapped[str] = mapped_column(String(32), default="")
    """The item here that was made of it."""
    at: Mapped[datetime]
    changed_at: Mapped[datetime]
