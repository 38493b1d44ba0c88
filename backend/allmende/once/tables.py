"""Mutations that were done, so that one which is sent again gets its first answer again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class OnceKey(CityTable):
    """One idempotency key of one mutation. Neither the key nor the request is stored, and the answer is sealed."""

    __tablename__ = "once_key"
    __table_args__ = (Index("ix_once_key_created", "city", "created"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Fingerprint of the mutation and the client's key."""
    request: Mapped[str] = mapped_column(String(64))
    """Fingerprint of what was asked for, by a key that only the client has."""
    answer: Mapped[bytes] = mapped_column()
    """AES-GCM under a key derived from the client's."""
    created: Mapped[datetime] = mapped_column()
