"""Open event streams and what runs on them. No rows of a city: a stream may ask for several."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import Base

_NEW = text("state <> 'running'")
"""Few of the rows, and the only ones that are ever looked for."""


class RelayStream(Base):
    """An app is connected to the worker `holder`."""

    __tablename__ = "relay_stream"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the token that the app has."""
    holder: Mapped[str] = mapped_column(String(32))
    opened: Mapped[datetime] = mapped_column()


class RelayOperation(Base):
    """An operation that an app has asked for on its stream, and that has not ended."""

    __tablename__ = "relay_operation"
    __table_args__ = (
        Index("ix_relay_operation_new", "token", sqlite_where=_NEW, postgresql_where=_NEW),
        Index("ix_relay_operation_created", "created"),
    )

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    """waiting, running, or ended: by the app, and the holder has not heard of it yet."""
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """What was asked, and by whom: sealed, and empty from when the holder has it."""
    created: Mapped[datetime] = mapped_column()
