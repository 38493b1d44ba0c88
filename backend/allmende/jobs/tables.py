"""What is remembered of each plugin's job in each city."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable
from allmende.feeds.tables import Leased


class JobState(Leased, CityTable):
    """The state of one job of one plugin in one city."""

    __tablename__ = "jobs_job"

    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    """pending, done, failed (will be tried again soon) or dead (all retries failed; next try by schedule)."""
    reason: Mapped[str] = mapped_column(String(500), default="")
    last_attempt: Mapped[datetime | None] = mapped_column(default=None)
    last_success: Mapped[datetime | None] = mapped_column(default=None)
    failures: Mapped[int] = mapped_column(default=0)
    """In a row, since the last success."""
