"""One importer per kind of source. Dates and streets come apart: districts connect them."""

from __future__ import annotations

from allmende import Importer

from ..config import DatesSource, IcalSource, RulesSource, StreetsSource
from ..tables import WastePickup, WasteRange, WasteStreet
from . import dates, ical, rules, streets

IMPORTERS = (
    Importer(source=IcalSource, read=ical.read, tables=(WastePickup,)),
    Importer(source=DatesSource, read=dates.read, tables=(WastePickup,)),
    Importer(source=RulesSource, read=rules.read, tables=(WastePickup,)),
    Importer(source=StreetsSource, read=streets.read, tables=(WasteStreet, WasteRange)),
)
