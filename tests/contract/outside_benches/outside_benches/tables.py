"""Who has rested where."""

from __future__ import annotations

from allmende import CityTable
from sqlalchemy.orm import Mapped, mapped_column


class Rest(CityTable):
    """One rest on one bench."""

    __tablename__ = "outside_benches_rest"

    number: Mapped[int] = mapped_column(primary_key=True)
