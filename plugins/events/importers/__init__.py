"""The kinds of feeds that events come from, one file per kind."""

from __future__ import annotations

from allmende import Importer

from ..config import IcalSource, MarketsSource, SchemaOrgSource
from ..tables import Event, Occurrence
from . import ical, markets, schema_org
from .again import recognise

TABLES = (Event, Occurrence)
IMPORTERS = (
    Importer(source=IcalSource, read=ical.read, tables=TABLES, recognise=recognise),
    Importer(source=SchemaOrgSource, read=schema_org.read, tables=TABLES, recognise=recognise),
    Importer(source=MarketsSource, read=markets.read, tables=TABLES),
)
