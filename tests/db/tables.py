"""Tables that exist for the tests of the database room only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from allmende.db.table import Base, CityTable
from sqlalchemy import JSON, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship


class Note(CityTable):
    __tablename__ = "dbtest_note"
    __table_args__ = (Index("ix_dbtest_note_title", "city", "title"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    title: Mapped[str]
    tags: Mapped[list[Tag]] = relationship(lazy="raise", back_populates="note")


class Tag(CityTable):
    __tablename__ = "dbtest_tag"
    __table_args__ = (ForeignKeyConstraint(["city", "note_id"], ["dbtest_note.city", "dbtest_note.id"]),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    note_id: Mapped[str] = mapped_column(String(32))
    name: Mapped[str]
    note: Mapped[Note] = relationship(lazy="raise", back_populates="tags")


class Kinds(CityTable):
    """A column of each kind that rows are told in, each of which may be nothing."""

    __tablename__ = "dbtest_kinds"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    text: Mapped[str | None]
    number: Mapped[int | None]
    measure: Mapped[float | None]
    switch: Mapped[bool | None]
    at: Mapped[datetime | None]
    day: Mapped[date | None]
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    raw: Mapped[bytes | None]


class Shared(Base):
    """A table of the core that belongs to no city."""

    __tablename__ = "dbtest_shared"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
