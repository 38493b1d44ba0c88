"""What the desk itself keeps: modules that were switched off here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable


class DeskSwitch(CityTable):
    """A module that a city admin has switched off at the desk; the row is there as long as it is off."""

    __tablename__ = "desk_switch"

    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[dict[str, str]] = mapped_column(JSON)
    """Language → what citizens are told."""
    since: Mapped[datetime] = mapped_column()
    by: Mapped[str] = mapped_column(String(200), default="")
    """Name of who did it."""
