"""What is kept of requests to be erased: what was done, and of whom as long as something is left to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class Erasure(CityTable):
    """One request. The account is forgotten as soon as nothing of it is left."""

    __tablename__ = "privacy_erasure"
    __table_args__ = (Index("ix_privacy_erasure_next_try", "city", "next_try"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    parts: Mapped[list[dict[str, Any]]]
    tries: Mapped[int]
    next_try: Mapped[datetime | None]
