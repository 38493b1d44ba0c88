"""Reports that are passed on to the town hall's own Open311 server: the outbox, and what became of each."""

from __future__ import annotations

from datetime import datetime

from allmende import CityTable
from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column


class Passed(CityTable):
    """One report to be passed on, written in the transaction that opens its case."""

    __tablename__ = "reports_passed"
    __table_args__ = (
        Index("ix_reports_passed_due", "city", "state", "due"),
        Index("ix_reports_passed_remote", "city", "remote_id"),
    )

    case_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """`waiting`, `sending` (the other side may have it), `sent`, `closed` (there, too) or `given_up`."""
    due: Mapped[datetime] = mapped_column()
    """When to do the next thing: to send it, to look for it, to ask how it is."""
    attempts: Mapped[int] = mapped_column(default=0)
    remote_id: Mapped[str] = mapped_column(String(200), default="")
    """The service_request_id that the other server gave it."""
    token: Mapped[str] = mapped_column(String(200), default="")
    """What the other server gave instead, as long as there is no id."""
    remote_status: Mapped[str] = mapped_column(String(500), default="")
    """Status and notes as last mirrored."""
    photos: Mapped[int] = mapped_column(default=0)
    """How many photos were passed on."""
    remote_media: Mapped[str] = mapped_column(Text, default="")
    """Addresses of the photos that the other side has shown so far, one a line."""
    reason: Mapped[str] = mapped_column(String(300), default="")
    """Why the last attempt failed."""
