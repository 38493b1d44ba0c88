"""CSV streets: ranges, parts of the city, tours; and everything odd refused with its line."""

from __future__ import annotations

import pytest
from allmende import Batch, FeedError
from allmende.testing import make_context, make_payload

from plugins.waste.config import StreetsSource, WasteConfig
from plugins.waste.importers import streets
from plugins.waste.tables import WasteRange, WasteStreet

CTX = make_context("waste", WasteConfig())


def read(text: str, source: StreetsSource) -> Batch:
    return streets.read(make_payload(text.encode("cp1252")), source, CTX)


def ranges(batch: Batch) -> list[tuple[str, str, list[str]]]:
    return [(row.numbers, row.spans, row.districts) for row in batch.rows if isinstance(row, WasteRange)]


def test_lines_of_a_street_are_put_together() -> None:
    source = StreetsSource(id="s", file="f", numbers="Nr")
    batch = read("Straße;Nr;Bezirk\nMarktstraße;1-27 ungerade;1\nMARKTSTR.;2-28 gerade;2\nÖlweg;;3\n", source)
    assert [row.name for row in batch.rows if isinstance(row, WasteStreet)] == ["Marktstraße", "Ölweg"]
    assert ranges(batch) == [
        ("1-27 ungerade", "1-27:odd", ["1"]),
        ("2-28 gerade", "2-28:even", ["2"]),
        ("", "0-99999:all", ["3"]),
    ]
    parents = [row.parent for row in batch.rows if isinstance(row, WasteRange)]
    assert (parents[0] == parents[1], parents[1] == parents[2]) == (True, False)


def test_numbers_come_from_columns_and_tours_get_their_names() -> None:
    source = StreetsSource(
        id="s", file="f", number_from="von", number_to="bis", parity="Seite", districts={"Rest": "R{}", "Papier": "P{}"}
    )
    batch = read("Straße,von,bis,Seite,Rest,Papier\nAm Bach,2,18a,gerade,4,blau\nAm Bach,20,,,5,rot\n", source)
    assert ranges(batch) == [
        ("2–18a gerade", "2-18a:even", ["R4", "Pblau"]),
        ("ab 20", "20-99999:all", ["R5", "Prot"]),
    ]


def test_equal_names_in_two_parts_of_the_city_stay_apart() -> None:
    batch = read("Straße;Ort;Bezirk\nHauptstr.;Nord;1\nHauptstr.;Süd;2\n", StreetsSource(id="s", file="f", place="Ort"))
    assert [row.label for row in batch.rows if isinstance(row, WasteStreet)] == ["Hauptstr. (Nord)", "Hauptstr. (Süd)"]


def test_odd_lines_are_refused_with_their_number() -> None:
    text = "Straße;Nr;Bezirk\nAm Bach;;1\nAm Bach;;2\nAm Bach;siehe Plan;1\nOhne;;\n;;1\nStand: 2026;;\n"
    batch = read(text, StreetsSource(id="s", file="f", numbers="Nr"))
    assert len(ranges(batch)) == 1
    assert [(refusal.place, refusal.reason.partition(";")[0]) for refusal in batch.refused] == [
        ("line 3", "Am Bach  is there twice, with other districts before"),
        ("line 4", "house numbers 'siehe Plan' cannot be read"),
        ("line 5", "'Ohne' has no value in Bezirk"),
        ("line 6", "'' is not the name of a street"),
        ("line 7", "'Stand: 2026' has no value in Bezirk"),
    ]


@pytest.mark.parametrize("text", ["", "Name;Bezirk\nx;1\n", "Straße;Bezirk\n", "Straße;Bezirk\nAm Bach;\n"])
def test_table_without_streets_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(text, StreetsSource(id="s", file="f"))
    assert caught.value.place
