"""Every real payload of the kinds poi, parking, areas and municipalities: it yields places, or is refused by place.

Figures are counted here with csv and json alone, not with the importers.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from allmende import BBox, FeedError
from allmende.city.model import Area
from allmende.importer import Batch, Importer
from allmende.testing import make_city, make_context, make_payload
from shapely import Point
from shapely.geometry import shape

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
        "fields": {
            "name": "{Objekt|Teilprodukt}",
            "category": "{Produkt}",
            "address": "{Strname} {Hsnr}, {Plz} Münster",
        }
    },
    "freiburg.json": {"fields": {"name": "{park_name}", "website": "{park_url}"}},
    "karlsruhe.json": {
        "fields": {
            "id": "{id}",
            "name": "{parkhaus_name}",
            "wheelchair": "{barrierefrei}",
            "phone": "{parkhaus_telefon}",
        }
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
    city = make_city(
        city_name, area=Area(lat=south, lon=west, bbox=BBox(south=south, west=west, north=north, east=east))
    )
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
                lines.append((path.name, label, f"refused: {error}" if error.place else ""))
                continue
            assert batch.rows or batch.refused, path
            assert all(refusal.place and refusal.reason for refusal in batch.refused), path
            assert len({row.key for row in batch.rows}) == len(batch.rows), path
            first = f"; first: {batch.refused[0].place}: {batch.refused[0].reason}" if batch.refused else ""
            lines.append((path.name, label, f"{len(batch.rows)} places, {len(batch.refused)} notes{first}"))
    sys.stdout.write("".join(f"{name:45} {label:7} {result[:230]}\n" for name, label, result in lines))
    assert all(result for _, _, result in lines)
    assert len({name for name, _, _ in lines}) == 29


def features(data: Path, name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((data / name).read_text())["features"]
    return loaded


def inside(slug: str, lat: float, lon: float) -> bool:
    south, west, north, east = BOXES[slug]
    return south <= lat <= north and west <= lon <= east


def test_playgrounds_of_muenster_come_out_right(data: Path) -> None:
    raw = features(data, "poi/muenster_spielplaetze.geojson")
    assert len(raw) == 332
    path = data / "poi/muenster_spielplaetze.geojson"
    batch = run(path, MAPPED[path.name])
    assert (len(batch.rows), batch.refused) == (332, [])
    assert [(row.lon, row.lat) for row in batch.rows] == [
        tuple(round(number, 7) for number in feature["geometry"]["coordinates"]) for feature in raw
    ]
    assert batch.rows[0].name == "Mühlenstrasse"
    assert batch.rows[0].facts == [{"label": {"de": "Fläche", "en": "Area"}, "value": "3040 m²"}]
    assert not any(row.name.startswith("SP ") or row.name == row.name.upper() for row in batch.rows)
    skating = sum(feature["properties"]["Skater"] == "ja" for feature in raw)
    assert sum(any(fact["label"] == "Skaten" for fact in row.facts) for row in batch.rows) == skating == 11


def test_sports_sites_with_shifted_columns_are_reported_not_imported(data: Path) -> None:
    """209 sites; an unquoted comma put those with a filled spill column into the Atlantic."""
    raw = features(data, "poi/muenster_sportstaetten.geojson")
    assert len(raw) == 209
    lost = [index for index, feature in enumerate(raw) if feature["properties"]["field_9"] is not None]
    path = data / "poi/muenster_sportstaetten.geojson"
    batch = run(path, MAPPED[path.name])
    refused = [refusal for refusal in batch.refused if refusal.place.startswith("features[")]
    assert [refusal.place.partition("]")[0] for refusal in refused] == [f"features[{index}" for index in lost]
    assert all("lies outside of Muenster" in refusal.reason for refusal in refused)
    assert (len(lost), len(batch.rows)) == (13, 196)
    nameless = [index for index, feature in enumerate(raw) if not feature["properties"]["Objekt"].strip()]
    bare = [refusal.place for refusal in run(path).refused if refusal.reason == "no name"]
    assert bare == [f"features[{index}]" for index in nameless] == ["features[60]"]


def test_charging_stations_of_muenster_come_out_right(data: Path) -> None:
    """166 rows with decimal commas, of which 53 stand where another row stands: none replaces another."""
    path = data / "poi/muenster_ladesaeulen.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        raw = list(csv.DictReader(file, delimiter=";"))
    spots = [tuple(float(row[c].replace(",", ".")) for c in ("Breitengrad", "Längengrad")) for row in raw]
    assert (len(raw), len(raw) - len(set(spots))) == (166, 53)
    here = [spot for spot in spots if inside("muenster", *spot)]
    batch = run(path, {"fields": LADESAEULE})
    assert Counter((row.lat, row.lon) for row in batch.rows) == Counter(
        (round(lat, 7), round(lon, 7)) for lat, lon in here
    )
    assert len({row.key for row in batch.rows}) == len(here)
    assert len(batch.refused) == 166 - len(here)


def test_car_parks_of_freiburg_are_converted_from_metres(data: Path) -> None:
    """EPSG:25832, announced only by the crs member. The town hall's car park lies in the old town."""
    path = data / "parking/freiburg.json"
    batch = run(path, MAPPED[path.name])
    assert (len(batch.rows), batch.refused) == (19, [])
    found = {row.name: (round(row.lat, 2), round(row.lon, 2)) for row in batch.rows}
    assert found["Landratsamt"] == (48.0, 7.86)


def test_car_parks_of_karlsruhe_leave_the_region_out(data: Path) -> None:
    raw = features(data, "parking/karlsruhe.json")
    here = [f for f in raw if inside("karlsruhe", *reversed(f["geometry"]["coordinates"]))]
    path = data / "parking/karlsruhe.json"
    batch = run(path, MAPPED[path.name])
    assert (len(batch.rows), len(batch.refused)) == (len(here), 90 - len(here))
    assert Counter(row.wheelchair for row in batch.rows) == Counter(
        {"T": "yes", "F": "no"}.get(f["properties"]["barrierefrei"], "unknown") for f in here
    )


def test_footers_are_reported_with_their_line(data: Path) -> None:
    found = {}
    for name in ("muenster_awm-altkleider.csv", "muenster_awm-glascontainer-combined.csv"):
        path = data / "poi" / name
        batch = run(path, MAPPED.get(name))
        found[name] = (len(batch.rows), [refusal.place.partition(' "')[0] for refusal in batch.refused])
        assert len(path.read_text().splitlines()) == len(batch.rows) + 2
    assert found == {
        "muenster_awm-altkleider.csv": (23, ["line 25"]),
        "muenster_awm-glascontainer-combined.csv": (249, ["line 251"]),
    }


def test_districts_are_represented_by_a_point_inside(data: Path) -> None:

    raw = features(data, "areas/muenster_stadtteile.geojson")
    batch = run(data / "areas/muenster_stadtteile.geojson")
    assert len(batch.rows) == len(raw) == 45
    assert all(
        shape(feature["geometry"]).buffer(1e-6).contains(Point(row.lon, row.lat))
        for feature, row in zip(raw, batch.rows, strict=True)
    )


@pytest.mark.parametrize("name", ["GV100AD_31082025.txt", "GV100AD_Hinweise.txt"])
def test_registers_that_are_no_tables_are_refused(data: Path, name: str) -> None:
    with pytest.raises(FeedError, match="line 1: the header has only one column"):
        run(data / "municipalities" / name)
