"""Calls its table as one of the core is called."""

from allmende import CityTable, Plugin
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Taken(CityTable):
    __tablename__ = "feeds_source"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)


plugin = Plugin(name="takes_tables", tables=(Taken,))
