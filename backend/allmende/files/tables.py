"""What was uploaded: what is known of each picture. The bytes lie in the store, see store.py."""

from __future__ import annotations

from datetime import datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class FileUpload(CityTable):
    """One uploaded picture, in its sizes."""

    __tablename__ = "file_upload"
    __table_args__ = (
        Index("ix_file_upload_owner", "city", "owner", "purpose"),
        Index("ix_file_upload_expires", "city", "expires"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """32 hexadecimal digits that nobody can guess: whoever has uploaded it, can claim it."""
    ready: Mapped[bool] = mapped_column(default=False)
    """Whether all bytes have arrived in the store."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what was uploaded."""
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    """Pixels of the largest size that is kept."""
    sizes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Name of each size → its bytes."""
    alt: Mapped[str] = mapped_column(String(500), default="")
    """What it shows, for those who cannot see it."""
    focal_x: Mapped[float] = mapped_column(default=0.5)
    focal_y: Mapped[float] = mapped_column(default=0.5)
    """What must stay visible when it is cropped: share of the width from the left, of the height from the top."""
    public: Mapped[bool] = mapped_column(default=False)
    """Whether everybody may fetch it; else only with a signed address."""
    purpose: Mapped[str] = mapped_column(String(40), default="")
    owner: Mapped[str] = mapped_column(String(80), default="")
    """What has claimed it: `case:<id>`, for instance. Empty until then."""
    secret: Mapped[str] = mapped_column(String(32), default=lambda: token_hex(16))
    """Signs the addresses under which it can be fetched while it is not public."""
    created: Mapped[datetime] = mapped_column()
    expires: Mapped[datetime | None] = mapped_column(default=None)
    """When it is removed, if nothing has claimed it by then."""
