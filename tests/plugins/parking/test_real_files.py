"""Every parking file at hand yields its car parks, or says where and why not; the figures are counted independently."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from allmende import BBox, FeedError, Refusal
from allmende.testing import make_city, make_context, make_payload
from hypothesis import given
from hypothesis import strategies as st

from plugins.parking import plugin
from plugins.parking.config import CsvSource, DatexSource, GeoJsonSource, ParkingConfig
from plugins.parking.importers.values import moment, number, text, trend
from plugins.parking.tables import CarPark

WORLD = BBox(south=-90, west=-180, north=90, east=180)
KARLSRUHE = {
    "name": "parkhaus_name", "capacity": "gesamte_parkplaetze", "free": "freie_parkplaetze", "status": "geschlossen",
    "updated": "stand_freieparkplaetze", "height": "max_durchfahrtshoehe", "address": "parkhaus_strasse",
}  # fmt: skip
FREIBURG = {"id": "obs_parkid", "name": "park_name", "capacity": "obs_max", "free": "obs_free", "updated": "obs_ts"}
KONSTANZ = {"capacity": "max_cap", "free": "real_fcap", "updated": "updated", "height": "max_hei", "hours": "opening_h"}
BIELEFELD = {
    "id": "gid", "name": "bez", "kind": "typ", "capacity": "kapazitaet", "free": "b_pls_rest", "updated": "b_pls_zeit",
    "height": "einfahrtshoehe", "address": "zufahrt", "wkt": "WKT",
}  # fmt: skip
NECKARSULM = {"capacity": "anz_plaetze", "height": "maxhoehe", "lat": "y-koord", "lon": "x-koord", "address": "strasse"}
FILES: dict[str, tuple[str, dict[str, str], int]] = {
    "bielefeld.csv": ("csv", BIELEFELD, 853),
    "bielefeld.geojson": ("geojson", {}, 21),
    "bochum.geojson": ("geojson", {}, 12),
    "dortmund.geojson": ("geojson", {}, 19),
    "freiburg.json": ("geojson", FREIBURG, 19),
    "friedrichshafen-sensors-static.xml": ("datex2", {}, 55),
    "karlsruhe.json": ("geojson", KARLSRUHE, 90),
    "konstanz.json": ("geojson", KONSTANZ, 11),
    "muenster.geojson": ("geojson", {}, 16),
    "neckarsulm.csv": ("csv", NECKARSULM, 41),
}
KINDS: dict[str, Any] = {"csv": CsvSource, "geojson": GeoJsonSource, "datex2": DatexSource}


def read(kind: str, content: Path | str | bytes, box: BBox = WORLD, **options: Any) -> tuple[list[Any], list[Refusal]]:
    values = {"id": "feed", "kind": kind, "file": "data/feed", **options}
    source = msgspec.convert(values, KINDS[kind])
    area = make_city().area
    city = make_city(area=msgspec.structs.replace(area, bbox=box))
    importer = next(importer for importer in plugin.importers if importer.kind == kind)
    batch = importer.read(make_payload(content), source, make_context("parking", ParkingConfig(), city=city))
    return list(batch.rows), list(batch.refused)


def parks(data: Path, name: str) -> dict[str, CarPark]:
    kind, fields, _ = FILES[name]
    rows, _ = read(kind, data / "parking" / name, fields=fields)
    return {row.name: row for row in rows}


def test_every_file_yields_its_car_parks_or_says_why_not(data: Path) -> None:
    there = {path.name for path in (data / "parking").iterdir()}
    assert there == set(FILES)
    for name, (kind, fields, expected) in FILES.items():
        rows, refused = read(kind, data / "parking" / name, fields=fields)
        live = sum(row.free is not None for row in rows)
        print(f"{name:38} {len(rows):4} car parks, {live:3} with free spaces, {len(refused)} refused")  # noqa: T201
        for refusal in refused:
            print(f"    {refusal.place}: {refusal.reason}")  # noqa: T201
        assert len(rows) == expected, name
        assert len({row.key for row in rows}) == len(rows), "each is recognised by a key of its own"
        assert all(refusal.place and refusal.reason for refusal in refused)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_of_another_kind_is_refused_with_its_place(data: Path, kind: str) -> None:
    for name, (own, _, _) in FILES.items():
        if own == kind:
            continue
        with pytest.raises(FeedError) as error:
            read(kind, data / "parking" / name)
        assert error.value.place, name


def test_karlsruhe_counts_what_is_counted_and_knows_its_own_car_parks(data: Path) -> None:
    features = json.loads((data / "parking/karlsruhe.json").read_text())["features"]
    counted = [f["properties"] for f in features if f["properties"]["freie_parkplaetze"] is not None]
    box = BBox(south=48.94, west=8.27, north=49.1, east=8.55)
    inside = [
        f for f in features
        if 48.94 <= f["geometry"]["coordinates"][1] <= 49.1 and 8.27 <= f["geometry"]["coordinates"][0] <= 8.55
    ]  # fmt: skip
    rows, _ = read("geojson", data / "parking/karlsruhe.json", fields=KARLSRUHE)
    assert sum(row.free is not None for row in rows) == len(counted)
    own, refused = read("geojson", data / "parking/karlsruhe.json", box, fields=KARLSRUHE)
    assert (len(own), len(refused)) == (len(inside), 90 - len(inside))
    everywhere, _ = read("geojson", data / "parking/karlsruhe.json", box, fields=KARLSRUHE, everywhere=True)
    assert len(everywhere) == 90
    badner = next(row for row in rows if row.name == "Badner Halle")
    other = read("geojson", data / "parking/karlsruhe.json", fields=KARLSRUHE, closed=["t"])[0]
    assert (badner.capacity, badner.free, badner.height) == (250, 226, None)
    assert [row.name for row in other if row.closed] == ["Badner Halle"]


def test_freiburg_comes_in_metres_and_lies_in_freiburg(data: Path) -> None:
    found = parks(data, "freiburg.json")
    assert all(47.9 < (row.lat or 0) < 48.1 and 7.7 < (row.lon or 0) < 7.95 for row in found.values())
    hall = found["Konzerthaus"]
    assert (hall.capacity, hall.free, hall.trend, hall.key) == (415, 272, 0, "10")
    assert hall.updated_at is not None
    assert hall.updated_at.isoformat() == "2024-06-10T10:20:00+02:00", "a time without an offset is the city's"


def test_konstanz_is_esri_json_with_times_in_milliseconds(data: Path) -> None:
    lago = parks(data, "konstanz.json")["Parkhaus LAGO"]
    assert (lago.capacity, lago.free, lago.height, lago.key) == (930, 881, 1.9, "4")
    assert lago.updated_at is not None
    assert lago.updated_at.isoformat() == "2024-08-17T06:30:05+00:00"


def test_bielefeld_has_its_positions_as_wkt_and_live_numbers_where_the_column_is_filled(data: Path) -> None:
    with (data / "parking/bielefeld.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file, delimiter=";"))
    found, _ = read("csv", data / "parking/bielefeld.csv", fields=BIELEFELD)
    assert sum(row.free is not None for row in found) == sum(bool(line["b_pls_rest"].strip()) for line in lines) == 21
    brink = next(row for row in found if row.name == "Tiefgarage Kesselbrink")
    assert (brink.capacity, brink.free, brink.height) == (383, 203, 2.0)
    assert (round(brink.lat or 0, 4), round(brink.lon or 0, 4)) == (52.0242, 8.5382)
    assert brink.updated_at is not None
    assert brink.updated_at.isoformat() == "2026-02-06T08:35:00+01:00"


def test_friedrichshafen_is_datex_with_a_space_for_each_record(data: Path) -> None:
    raw = (data / "parking/friedrichshafen-sensors-static.xml").read_text()
    spaces = [int(n) for n in re.findall(r"<ns3:parkingNumberOfSpaces>(\d+)<", raw)]
    found = parks(data, "friedrichshafen-sensors-static.xml")
    assert sum(row.capacity or 0 for row in found.values()) == sum(spaces)
    first = found["A1225b_Metzstraße_Hsnr.1"]
    assert (first.key, first.capacity, first.lat, first.lon, first.kind) == (
        "PH19",
        1,
        47.652096,
        9.478454,
        "openSpace",
    )


def test_datex_status_is_joined_to_its_car_park() -> None:
    document = """<d xmlns="http://datex2.eu/schema/3/parking"><parkingRecord id="a"><parkingName><values>
      <value lang="de">Markt</value></values></parkingName><parkingNumberOfSpaces>90</parkingNumberOfSpaces>
      </parkingRecord><parkingRecordStatus><parkingRecordReference id="a"/>
      <parkingStatusOriginTime>2026-11-23T10:00:00Z</parkingStatusOriginTime>
      <parkingOccupancy><parkingNumberOfVacantSpaces>12</parkingNumberOfVacantSpaces>
      <parkingOccupancyTrend>increasing</parkingOccupancyTrend></parkingOccupancy>
      <parkingSiteOpeningStatus>closed</parkingSiteOpeningStatus></parkingRecordStatus>
      <parkingRecordStatus><parkingRecordReference id="zz"/></parkingRecordStatus></d>"""
    rows, refused = read("datex2", document)
    assert [(r.name, r.free, r.trend, r.closed) for r in rows] == [("Markt", 12, -1, True)]
    assert [r.place for r in refused] == ["parkingRecordStatus zz"]


@pytest.mark.parametrize(
    "document", ["<a", "", "<html/>", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "<d><parkingRecord/></d>"]
)
def test_xml_that_is_no_parking_publication_never_passes_silently(document: str) -> None:
    try:
        rows, refused = read("datex2", document)
    except FeedError as error:
        assert error.place  # noqa: PT017  (one document is read, and its record refused)
    else:
        assert (rows, len(refused)) == ([], 1)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_json_value_is_a_number_a_text_or_nothing(value: Any) -> None:
    ctx = make_context("parking", ParkingConfig())
    assert isinstance(text(value), str)
    assert isinstance(number(value), float | None)
    assert trend(value) in (-1, 0, 1, None)
    assert isinstance(moment(value, ctx), datetime | None)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_their_place(content: bytes) -> None:
    for kind in KINDS:
        try:
            rows, refused = read(kind, content)
        except FeedError as error:
            assert error.place  # noqa: PT017  (any of the two outcomes is right)
        else:
            assert all(refusal.place for refusal in refused)
            assert all(row.name for row in rows)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("383", 383), (" 90 164", 90164), ("2,05", 2.05), ("1,90 m", 1.9), ("1.200,5", 1200.5), ("N/A", None), ("", None),
     (True, None), (59, 59), ("1.200.000", 1_200_000), ("-1", -1)],
)  # fmt: skip
def test_numbers_as_towns_write_them(written: Any, meant: float | None) -> None:
    assert number(written) == meant
