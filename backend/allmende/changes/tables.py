"""The log of changes: one row per item, however often it changes, and one row per city that counts versions."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class ChangesCity(CityTable):
    """The version of a city's content. Its row is locked until the commit, so versions become visible in order."""

    __tablename__ = "changes_city"

    version: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[str] = mapped_column(String(12), default=lambda: uuid4().hex[:12])
    """Of this log: a cursor of another one (of a database that was set up anew) means nothing here."""
    pruned: Mapped[int] = mapped_column(BigInteger, default=0)
    """The newest version of which a tombstone has been forgotten."""
    pruned_at: Mapped[datetime] = mapped_column()


class ChangesItem(CityTable):
    """When one item has last changed, or that it is gone."""

    __tablename__ = "changes_item"
    __table_args__ = (Index("ix_changes_item_version", "city", "version", "id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    """Name of the table that the row is, or was, in."""
    version: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column()
