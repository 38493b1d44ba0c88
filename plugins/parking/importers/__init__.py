"""Reads the feeds of parking. Nothing is silently dropped: what is no car park is refused, with its place."""

from __future__ import annotations

from allmende import Importer

from ..config import CsvSource, DatexSource, GeoJsonSource
from ..tables import CarPark
from .datex import read_datex
from .geojson import read_geojson
from .table import read_csv

IMPORTERS = (
    Importer(source=GeoJsonSource, read=read_geojson, tables=(CarPark,)),
    Importer(source=CsvSource, read=read_csv, tables=(CarPark,)),
    Importer(source=DatexSource, read=read_datex, tables=(CarPark,)),
)
