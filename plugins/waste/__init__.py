"""The waste calendar: which bin is emptied when, at which address, and up to when that is known."""

from __future__ import annotations

from allmende import PUBLIC, Plugin, Route, Search

from .config import WasteConfig
from .home import HOME
from .importers import IMPORTERS
from .routes import calendar
from .schema import Waste, load_hits
from .tables import WastePickup, WasteRange, WasteStreet

plugin = Plugin(
    name="waste",
    config=WasteConfig,
    tables=(WasteStreet, WasteRange, WastePickup),
    city_field=Waste,
    importers=IMPORTERS,
    routes=(Route(path="calendar.ics", handle=calendar, visible=PUBLIC),),
    search=(Search(table=WasteStreet, title="name", text=("place",), load=load_hits, visible=PUBLIC),),
    home=HOME,
)
