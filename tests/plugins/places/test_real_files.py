"""Every real payload of the kinds poi, parking, areas and municipalities: it yields places, or is refused by place.

Figures are counted here with csv and json alone, not with the importers.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from allmende import BBox, FeedError
from allmende.city.model import Area
from allmende.plugin import Batch, Importer
from allmende.testing import make_city, make_context, make_payload

from plugins.places import plugin
from plugins.places.config import PlacesConfig

FOLDERS = ("poi", "parking", "areas", "municipalities")
BOXES = {
    "muenster": (51.84, 7.47, 52.07, 7.78),
    "bielefeld": (51.91, 8.37, 52.12, 8.67),
    "bochum": (51.40, 7.10, 51.54, 7.36),
    "dortmund": (51.41, 7.30, 51.61, 7.64),
    "freiburg": (47.90, 7.66, 48.08, 7.94),
    "karlsruhe": (48.93, 8.27, 49.10, 8.55),
    "konstanz": (47.65, 9.09, 47.77, 9.22),
    "neckarsulm": (49.16, 9.15, 49.24, 9.33),
}
LADESAEULE = {
    "name": "Ladesäule {Straße} {Hausnummer}",
    "address": "{Straße} {Hausnummer}, {Postleitzahl} {Ort}",
    "lat": "{Breitengrad}",
    "lon": "{Längengrad}",
}
MAPPED: dict[str, dict[str, Any]] = {
    "muenster_awm-altkleider.csv": {"fields": {"name": "{Containertyp}", "address": "{Standort2}, {Standort1}"}},
    "muenster_awm-elektrokleingeraete.geojson": {"fields": {"name": "{Typ}", "address": "{Standort}, {Stadtteil}"}},
    "muenster_awm-glascontainer.json": {
        "first": 1,
        "fields": {"name": "Glascontainer {inf.1}", "address": "{inf.1}, {inf.0}", "lat": "{lat}", "lon": "{lng}"},
    },
    "muenster_haltestellen_barrierefrei.csv": {
        "fields": {"id": "{Haltestellen-Id}", "name": "{Name der barrierefreien Haltestelle}", "wheelchair": "yes"}
    },
    "muenster_ladesaeulen.csv": {"fields": LADESAEULE},
    "muenster_spielplaetze.geojson": {
        "fields": {"name": "{Spielplatz-Name}"},
        "name_cleanup": {"prefixes": ["SP "], "title_case": True},
        "facts": [
            {"label": {"de": "Fläche", "en": "Area"}, "value": "{Groesse} m²"},
            {"label": "Skaten", "value": "{Skater}", "values": {"ja": {"de": "möglich", "en": "possible"}}},
        ],
    },
    "muenster_sportstaetten.geojson": {
        "fields": {"name": "{Objekt}", "category": "{Produkt}", "address": "{Strname} {Hsnr}, {Plz} Münster"}
    },
    "freiburg.json": {"fields": {"name": "{park_name}", "website": "{park_url}"}},
    "karlsruhe.json": {
        "fields": {"id": "{id}", "name": "{parkhaus_name}", "wheelchair": "{barrierefrei}", "phone": "{parkhaus_telefon}"}
    },
    "konstanz.json": {"fields": {"id": "{id}", "opening_hours": "{opening_h}"}},
    "dortmund.geojson": {"skip": {"type": ["city"]}},
    "muenster.geojson": {"skip": {"type": ["city"]}},
    "neckarsulm.csv": {"fields": {"name": "{anlagenname}", "address": "{strasse}, {plz} {stadt}"}},
    "muenster_stadtbezirke.geojson": {"unnamed": "Stadtbezirk"},
    "AuszugGV4QAktuell_koordinaten.csv": {
        "only": {"satzart": ["60"]},
        "fields": {"name": "{gemeindename}", "lat": "{breitengrad}", "lon": "{laengengrad}"},
    },
}


def _kind(name: str) -> str:
    if name == "konstanz.json":
        return "esri"
    if name == "muenster_awm-glascontainer.json":
        return "json"
    return "geojson" if name.endswith("json") else "csv"


def run(path: Path, settings: dict[str, Any] | None = None) -> Batch:
    """Import one file for the city that it is about."""
    city_name = next((name for name in BOXES if path.name.startswith(name)), "muenster")
    south, west, north, east = BOXES[city_name]
    city = make_city(city_name, area=Area(lat=south, lon=west, bbox=BBox(south=south, west=west, north=north, east=east)))
    raw = {"id": "s", "kind": _kind(path.name), "file": path.name, **(settings or {})}
    config = msgspec.convert({"sources": [raw]}, PlacesConfig)
    importer: Importer = next(one for one in plugin.importers if one.kind == raw["kind"])
    return importer.read(make_payload(path), config.sources[0], make_context("places", config, city=city))


def test_every_real_file_yields_places_or_is_refused_by_place(data: Path) -> None:
    """With a mapping where one is needed, and with none at all; never a traceback, never silently nothing."""
    lines = []
    for path in sorted(file for folder in FOLDERS for file in (data / folder).iterdir()):
        for label, settings in (("bare", None), ("mapped", MAPPED.get(path.name))):
            if label == "mapped" and settings is None:
                continue
            try:
                batch = run(path, settings)
            except FeedError as error:
                assert error.place, path
                lines.append((path.name, label, f"refused: {error}"))
                continue
            assert batch.rows or batch.refused, path
            assert all(refusal.place and refusal.reason for refusal in batch.refused), path
            assert len({row.key for row in batch.rows}) == len(batch.rows), path
            first = f"; first: {batch.refused[0].place}: {batch.refused[0].reason}" if batch.refused else ""
            lines.append((path.name, label, f"{len(batch.rows)} places, {len(batch.refused)} notes{first}"))
    for name, label, result in lines:
        print(f"{name:45} {label:7} {result[:230]}")
    assert len({name for name, _, _ in lines}) == 29
