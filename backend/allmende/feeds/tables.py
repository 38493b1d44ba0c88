"""What is remembered of each source: its state, its latest runs, and payloads that a person has to decide about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class Leased:
    """Columns of something that at most one process works on at a time, when it is due.

    A lease ends by itself at `lease_until`, so that a process that was killed blocks nothing for long.
    """

    next_run: Mapped[datetime | None] = mapped_column(default=None)
    """When it is due again; None means now."""
    lease_by: Mapped[str] = mapped_column(String(32), default="")
    lease_until: Mapped[datetime | None] = mapped_column(default=None)


class FeedSource(Leased, CityTable):
    """The state of one configured source."""

    __tablename__ = "feeds_source"

    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    """pending, fresh, failed or quarantined; `stale` follows from `stale_at` and the clock."""
    reason: Mapped[str] = mapped_column(String(500), default="")
    last_attempt: Mapped[datetime | None] = mapped_column(default=None)
    last_success: Mapped[datetime | None] = mapped_column(default=None)
    """When the source was last seen to be as it is here, changed or not."""
    stale_at: Mapped[datetime | None] = mapped_column(default=None)
    valid_until: Mapped[datetime | None] = mapped_column(default=None)
    """From then on the data itself is known to be out of date."""
    items: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    """In a row, since the last success."""
    etag: Mapped[str] = mapped_column(String(250), default="")
    last_modified: Mapped[str] = mapped_column(String(60), default="")
    content_hash: Mapped[str] = mapped_column(String(32), default="")
    reading: Mapped[str] = mapped_column(String(32), default="")
    """Fingerprint of the circumstances of the last reading: an unchanged payload is read anew under other ones."""


class FeedRun(CityTable):
    """One import that was tried; the latest few of each source are kept."""

    __tablename__ = "feeds_run"
    __table_args__ = (Index("ix_feeds_run_source", "city", "plugin", "source", "started"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(64))
    started: Mapped[datetime] = mapped_column()
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(500), default="")
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """The first of them, each with place and reason; then remarks about what is there all the same (`imported`)."""


class FeedQuarantine(CityTable):
    """A payload that was not applied because it would remove suspiciously much; at most one per source."""

    __tablename__ = "feeds_quarantine"

    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), default="pending")
    """pending, or rejected: kept so that the same payload does not ask again."""
    created: Mapped[datetime] = mapped_column()
    reason: Mapped[str] = mapped_column(String(500))
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_hash: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(Text, default="")
    media_type: Mapped[str] = mapped_column(String(200), default="")
    encoding: Mapped[str] = mapped_column(String(64), default="")
    fetched_at: Mapped[datetime] = mapped_column()


class FeedUpload(CityTable):
    """A file that an editor has uploaded for a source; at most one per source is the current one."""

    __tablename__ = "feeds_upload"
    __table_args__ = (Index("ix_feeds_upload_source", "city", "plugin", "source", "state"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="preview")
    """preview: somebody looks at what it would change; current: the source consists of it instead of being fetched."""
    created: Mapped[datetime] = mapped_column()
    by: Mapped[str] = mapped_column(String(200), default="")
    """Name of who uploaded it."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_hash: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(200), default="")
    media_type: Mapped[str] = mapped_column(String(200), default="")
    encoding: Mapped[str] = mapped_column(String(64), default="")
