"""What the desk itself keeps: modules that were switched off here, and how often modules are asked, without by whom."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, String
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


class DeskUsage(CityTable):
    """How often a module was asked for on one day. Nothing else is counted: no visitor, device or address."""

    __tablename__ = "desk_usage"

    day: Mapped[date] = mapped_column(primary_key=True)
    """In the city's time zone."""
    module: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The plugin."""
    count: Mapped[int] = mapped_column(BigInteger, default=0)
