"""What each kind of feed can look like, and how it is refused: with the place, and what to do."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from allmende import FeedError
from allmende.importer import Batch
from allmende.testing import make_context, make_payload
from hypothesis import given
from hypothesis import strategies as st

from plugins.places import plugin
from plugins.places.config import NameCleanup, PlacesConfig
from plugins.places.importers.records import number, render
from plugins.places.importers.words import clean_name, web_address, yes_or_no

CATEGORIES = [{"id": "park", "name": {"de": "Grünfläche", "en": "Park"}, "aliases": ["leisure=park", "Anlage"]}]
HERE = [7.63, 51.96]


def run(kind: str, content: Any, **settings: Any) -> Batch:
    raw = {"id": "s", "kind": kind, "file": "x", **settings}
    config = msgspec.convert({"categories": CATEGORIES, "sources": [raw]}, PlacesConfig)
    read = next(one.read for one in plugin.importers if one.kind == kind)
    payload = make_payload(content if isinstance(content, str | bytes) else json.dumps(content))
    return read(payload, config.sources[0], make_context("places", config))


def attempt(kind: str, content: Any, **settings: Any) -> tuple[Batch, str]:
    """The batch, or an empty one with the place of the refusal."""
    try:
        return run(kind, content, **settings), ""
    except FeedError as error:
        return Batch(rows=()), error.place


def collection(*features: tuple[Any, dict[str, Any]], **members: Any) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": g, "properties": p} for g, p in features],
        **members,
    }


def point(lon: Any, lat: Any) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def names(batch: Batch) -> list[str]:
    return [row.name for row in batch.rows]  # type: ignore[attr-defined]


def notes(batch: Batch) -> list[tuple[str, str]]:
    return [(refusal.place, refusal.reason) for refusal in batch.refused] + [
        (note.place, note.text) for note in batch.notes
    ]


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        (None, "no geometry"),
        (point(0, 0), "the position 0, 0 stands for an unknown one"),
        (
            point(51.96, 7.63),
            "lies outside of Teststadt: latitude 7.63000 and longitude 51.96000 seem to be swapped",
        ),
        (point(13.4, 52.5), "lies outside of Teststadt: latitude 52.50000, longitude 13.40000"),
        (point("?", 52), "the coordinates '?', 52 are not numbers"),
        (
            point(405900.0, 5757400.0),
            "405900, 5757400 are no degrees; if they are metres, set crs in the source (such as EPSG:25832)",
        ),
        ({"type": "Polygon", "coordinates": []}, "the geometry is empty"),
        ({"type": "Point", "coordinates": []}, "no coordinates"),
        ("POINT", "the geometry is not an object"),
    ],
)
def test_place_without_a_usable_position_is_refused_with_its_reason(geometry: Any, reason: str) -> None:
    batch = run("geojson", collection((point(*HERE), {"name": "Gut"}), (geometry, {"name": "Schlecht"})))
    assert names(batch) == ["Gut"]
    assert notes(batch) == [('features[1] "Schlecht"', reason)]


def test_coordinates_as_text_lines_and_areas_have_a_point() -> None:
    square = [[[7.6, 51.9], [7.7, 51.9], [7.7, 52.0], [7.6, 52.0], [7.6, 51.9]]]
    line = {"type": "LineString", "coordinates": [["7.6", "51.9"], ["7,7", "51,9"]]}
    batch = run(
        "geojson",
        collection(
            (point("7,63", "51.96"), {"name": "a"}),
            ({"type": "Polygon", "coordinates": square}, {"name": "b"}),
            (line, {"name": "c"}),
        ),
    )
    assert [(row.name, round(row.lat, 2)) for row in batch.rows] == [("a", 51.96), ("b", 51.95), ("c", 51.9)]  # type: ignore[attr-defined]
    assert batch.refused == []


def test_key_stays_when_the_order_changes_and_tells_twins_apart() -> None:
    """Without an id, name, category and rounded position recognise a place; exact twins are numbered."""
    a, b = (point(7.63, 51.96), {"name": "A"}), (point(7.64, 51.96), {"name": "B"})
    moved = (point(7.630001, 51.960001), {"name": "A"})
    first = {row.name: row.key for row in run("geojson", collection(a, b)).rows}  # type: ignore[attr-defined]
    assert first == {row.name: row.key for row in run("geojson", collection(b, moved)).rows}  # type: ignore[attr-defined]
    assert [row.key for row in run("geojson", collection(a, a)).rows] == [first["A"], first["A"] + "#2"]


def test_configured_id_is_the_key_and_a_repeated_one_is_reported() -> None:
    batch = run(
        "geojson",
        collection((point(*HERE), {"name": "A", "nr": 7}), (point(*HERE), {"name": "B", "nr": 7.0})),
        fields={"id": "{nr}"},
    )
    assert [row.key for row in batch.rows] == ["7", "7#2"]
    assert notes(batch) == [('features[1] "B"', "the id '7' occurs 2 times: it does not identify the place")]


def test_unknown_columns_and_categories_are_reported_once() -> None:
    batch = run(
        "geojson",
        collection(*[(point(*HERE), {"name": "A", "art": "Zoo", "Strasse": "Weg 1"})] * 3),
        fields={"address": "{Straße}", "category": "{art}"},
    )
    assert notes(batch) == [
        ("fields.address", "no column 'Straße' in the feed, the nearest is 'Strasse'; it has 'name', 'art', 'Strasse'"),
        ("fields.category", "3 imported as 'other', since no category has the alias 'Zoo'"),
    ]
    assert {row.category for row in batch.rows} == {"other"}  # type: ignore[attr-defined]


def test_category_is_recognised_by_id_name_and_alias() -> None:
    rows = [
        (point(*HERE), {"name": str(n), "art": art}) for n, art in enumerate(["park", "GRÜNFLÄCHE", "Park", "anlage"])
    ]
    batch = run("geojson", collection(*rows), fields={"category": "{art}"})
    assert {row.category for row in batch.rows} == {"park"}  # type: ignore[attr-defined]
    assert {row.words for row in batch.rows} == {"Grünfläche Park"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["geojson", "esri", "csv", "overpass", "json"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"<html><body>404</body></html>",
        b"[]",
        b"{}",
        b'"x"',
        b"null",
        b"[" * 100_000,
        b"\x00\x01",
        b"a;b\n",
        b"a\n1",
    ],
)
def test_what_is_no_feed_is_refused_by_place(kind: str, content: bytes) -> None:
    with pytest.raises(FeedError) as caught:
        run(kind, content)
    assert caught.value.place


@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for kind in ("geojson", "csv", "json"):
        batch, place = attempt(kind, content)
        assert place or batch.rows or batch.refused


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "type",
                    "geometry",
                    "coordinates",
                    "properties",
                    "attributes",
                    "x",
                    "y",
                    "lat",
                    "lon",
                    "tags",
                    "center",
                    "bounds",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(items=st.lists(JSON, min_size=1, max_size=4))
def test_any_json_is_read_or_refused(items: list[Any]) -> None:
    for kind, document in (
        ("geojson", {"features": items}),
        ("esri", {"features": items}),
        ("overpass", {"elements": items}),
        ("json", items),
    ):
        batch, place = attempt(kind, document, unnamed="x")
        assert place or batch.rows or batch.refused or kind == "overpass"


def test_wrong_kind_is_told_which_one_is_right() -> None:
    with pytest.raises(FeedError, match=r'features\[0\]: this is Esri JSON, not GeoJSON: use kind = "esri"'):
        run("geojson", {"features": [{"attributes": {}, "geometry": {"x": 1, "y": 2}}]})
    with pytest.raises(FeedError, match='use kind = "geojson"'):
        run("esri", collection((point(*HERE), {})))
    with pytest.raises(FeedError, match='kind = "overpass"'):
        run("geojson", {"elements": []})


def test_esri_reads_points_rings_and_the_spatial_reference() -> None:
    document = {
        "spatialReference": {"wkid": 102100, "latestWkid": 3857},
        "features": [
            {"attributes": {"name": "a"}, "geometry": {"x": 849367.7, "y": 6793000.0}},
            {
                "attributes": {"name": "b"},
                "geometry": {"rings": [[[849000, 6793000], [849100, 6793000], [849100, 6793100], [849000, 6793000]]]},
            },
            {"attributes": {"name": "c"}},
        ],
    }
    batch = run("esri", document)
    assert [(row.name, round(row.lon, 2)) for row in batch.rows] == [("a", 7.63), ("b", 7.63)]  # type: ignore[attr-defined]
    assert notes(batch) == [('features[2] "c"', "no geometry")]
    with pytest.raises(FeedError, match="error: the server answered with an error: Token required"):
        run("esri", {"error": {"code": 499, "message": "Token required"}})


def test_overpass_reads_nodes_ways_and_tags() -> None:
    document = {
        "elements": [
            {
                "type": "node",
                "id": 1,
                "lat": 51.96,
                "lon": 7.63,
                "tags": {
                    "leisure": "park",
                    "name": "A",
                    "wheelchair": "limited",
                    "toilets:wheelchair": "no",
                    "addr:street": "Weg",
                    "addr:housenumber": "3",
                    "addr:postcode": "48143",
                    "addr:city": "Teststadt",
                    "contact:phone": "1",
                    "opening_hours": "24/7",
                },
            },
            {"type": "way", "id": 2, "center": {"lat": 51.97, "lon": 7.63}, "tags": {"leisure": "park"}},
            {"type": "way", "id": 3, "tags": {"name": "C"}},
            {
                "type": "relation",
                "id": 4,
                "bounds": {"minlat": 51.9, "maxlat": 52.0, "minlon": 7.6, "maxlon": 7.7},
                "tags": {"name": "D"},
            },
            {"type": "node", "id": 5, "lat": 51.96, "lon": 7.63},
        ]
    }
    batch = run("overpass", document, unnamed={"de": "Park"})
    a, b, d = batch.rows
    assert [row.key for row in batch.rows] == ["node/1", "way/2", "relation/4"]
    assert (a.category, a.address, a.wheelchair, a.tags, a.phone, a.opening_hours) == (  # type: ignore[attr-defined]
        "park",
        "Weg 3, 48143 Teststadt",
        "limited",
        {"toilets:wheelchair": "no"},
        "1",
        "24/7",
    )
    assert (b.name, d.category) == ("Park", "other")  # type: ignore[attr-defined]
    assert notes(batch) == [('elements[2] way/3 "C"', "no position: end the query with `out center;`")]
    with pytest.raises(FeedError, match="remark: the answer is incomplete: runtime error: Query timed out"):
        run("overpass", {"elements": [], "remark": "runtime error: Query timed out"})


def test_csv_reads_what_offices_export() -> None:
    """Windows-1252, semicolons, decimal comma, a repeated column, N/A, a line break in quotes, blank lines."""
    text = 'Name;lat;lon;Name;Ort\r\n"Schöner\nPlatz";51,96;7,63;zweiter;N/A\r\n\r\nB;51.97;7.63;;Weg\r\n'
    batch = run("csv", text.encode("cp1252"), fields={"name": "{Name}", "text": "{Name#2}", "address": "{Ort}"})
    assert [(row.name, row.lat, row.text, row.address) for row in batch.rows] == [  # type: ignore[attr-defined]
        ("Schöner Platz", 51.96, "zweiter", ""),
        ("B", 51.97, "", "Weg"),
    ]
    assert batch.refused == []


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_csv_finds_its_delimiter_behind_a_byte_order_mark(delimiter: str) -> None:
    text = "\ufeff" + delimiter.join(["name", "lat", "lon"]) + "\n" + delimiter.join(["A", "51.96", "7.63"])
    assert names(run("csv", text.encode())) == ["A"]


def test_csv_names_the_line_of_what_it_refuses() -> None:
    text = "name,lat,lon,art\nA,51.96,7.63,x\nB, Halle 2,51.96,7.63,x\nC,,,\nD,abc,7.63,\nStand:,2024-11-28\n"
    assert notes(run("csv", text)) == [
        ('line 3 "B"', "5 cells for 4 columns: an unquoted delimiter has shifted them"),
        ('line 4 "C"', "no position"),
        ('line 5 "D"', "no position (latitude 'abc', longitude '7.63')"),
        ('line 6 "Stand:"', "2 cells (2 filled) for 4 columns: a footer or remark, not a place"),
    ]


def test_csv_reads_wkt_and_wkb_and_metres() -> None:
    batch = run("csv", "name;WKT\nA;POINT (7.63 51.96)\nB;unsinn\nC;\n")
    assert names(batch) == ["A"]
    assert notes(batch) == [('line 3 "B"', "'unsinn' is neither WKT nor WKB"), ('line 4 "C"', "no position")]
    metres = run("csv", "name;x;y\nA;405900;5757400\n", crs="EPSG:25832")
    assert [(round(row.lat, 3), round(row.lon, 3)) for row in metres.rows] == [(51.959, 7.63)]  # type: ignore[attr-defined]


def test_json_reads_nested_values_and_skips_a_header() -> None:
    document = {"data": {"list": [{"kopf": 1}, {"inf": ["Nord", "Weg 1"], "p": {"lat": "51.96", "lng": "7.63"}}, 3]}}
    batch = run(
        "json",
        document,
        items="data.list",
        first=1,
        fields={"name": "{inf.1}", "address": "{inf.1}, {inf.0}", "lat": "{p.lat}", "lon": "{p.lng}"},
    )
    assert [(row.name, row.address) for row in batch.rows] == [("Weg 1", "Weg 1, Nord")]  # type: ignore[attr-defined]
    assert notes(batch) == [("data.list[2]", "not an object")]
    with pytest.raises(FeedError, match="data: there is no list here: set `items` to its path; the document has data"):
        run("json", document, items="data")


def test_only_and_skip_leave_out_what_is_no_place() -> None:
    rows = [(point(*HERE), {"name": n, "type": t}) for n, t in (("Stadt", "city"), ("A", "garage"), ("B", None))]
    assert names(run("geojson", collection(*rows), skip={"type": ["city"]})) == ["A", "B"]
    assert names(run("geojson", collection(*rows), only={"type": ["garage"]})) == ["A"]
    with pytest.raises(FeedError, match="only, skip: no entry passes"):
        run("geojson", collection(*rows), only={"type": ["zoo"]})


def test_opening_hours_that_nobody_understands_are_kept_and_reported() -> None:
    batch = run("geojson", collection((point(*HERE), {"name": "A", "opening_hours": "nach Vereinbarung"})))
    assert [row.opening_hours for row in batch.rows] == ["nach Vereinbarung"]  # type: ignore[attr-defined]
    assert notes(batch)[0][1].startswith("its opening hours 'nach Vereinbarung' are not in the syntax")


@given(value=st.floats(-1e9, 1e9, allow_nan=False))
def test_number_reads_points_and_commas_alike(value: float) -> None:
    text = f"{value:.7f}"
    assert number(text) == number(text.replace(".", ",")) == number(f" {text}° ") == float(text)
    assert number(value) == value


@pytest.mark.parametrize("text", ["", "N/A", "1.234,5", "1,2,3", "51°57'", "nan", "inf", "1e400", None, True, "--1"])
def test_number_refuses_what_is_none(text: Any) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{a} {b}, {c} Ort", {"a": "Weg", "b": "3", "c": 48143}, "Weg 3, 48143 Ort"),
        ("{a} {b}, {c} Ort", {"a": None, "b": "", "c": "48143"}, "48143 Ort"),
        ("{a} {b}, {c} Ort", {"a": "Weg", "b": "N/A", "c": None}, "Weg, Ort"),
        ("{a} {b}, {c} Ort", {}, ""),
        ("{a} ({b})", {"a": "Rheda"}, "Rheda"),
        ("{a|b}", {"b": "zwei"}, "zwei"),
        ("{a}", {"a": "<p>Hallo&nbsp;<b>du</b></p>"}, "Hallo\xa0du"),
        ("{a}", {"a": 3040.0}, "3040"),
        ("fest", {}, "fest"),
    ],
)
def test_template_leaves_no_stray_signs(template: str, values: dict[str, Any], text: str) -> None:
    assert render(template, values) == text


def test_words_are_made_fit_to_read() -> None:
    how = NameCleanup(prefixes=("SP ",), title_case=True)
    assert clean_name("SP AN DER MÜHLE  (BALLSPIELPLATZ)", how) == "An der Mühle (Ballspielplatz)"
    assert clean_name("Park am Aasee", how) == "Park am Aasee"
    assert [yes_or_no(text) for text in ("ja", "F", "teilweise", "")] == ["yes", "no", "limited", "unknown"]
    assert [web_address(text) for text in ("www.a.de/x", "javascript:alert(1)", "https://a.de b", "kein")] == [
        "https://www.a.de/x",
        "",
        "https://a.de",
        "",
    ]


def test_config_refuses_a_category_that_does_not_exist() -> None:
    with pytest.raises(msgspec.ValidationError, match="source 's': category 'zoo' is none of park"):
        run("geojson", collection(), category="zoo")
