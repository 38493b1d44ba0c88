"""One module for each kind of feed; each only takes the feed apart into records, `build` makes places of them."""

from __future__ import annotations

from allmende import Importer

from ..config import CsvSource, EsriSource, GeoJsonSource, JsonSource, OverpassSource
from ..tables import PlacesPlace
from . import csv_table, esri, geojson, json_list, overpass

IMPORTERS = (
    Importer(source=GeoJsonSource, read=geojson.read, tables=(PlacesPlace,)),
    Importer(source=EsriSource, read=esri.read, tables=(PlacesPlace,)),
    Importer(source=CsvSource, read=csv_table.read, tables=(PlacesPlace,)),
    Importer(source=OverpassSource, read=overpass.read, tables=(PlacesPlace,)),
    Importer(source=JsonSource, read=json_list.read, tables=(PlacesPlace,)),
)
