"""CSV dates in the three layouts, with what spreadsheets add to them."""

from __future__ import annotations

from datetime import date

import pytest
from allmende import Batch, FeedError
from allmende.testing import make_context, make_payload
from hypothesis import example, given
from hypothesis import strategies as st

from plugins.waste.config import DatesSource, WasteConfig
from plugins.waste.importers import dates
from plugins.waste.importers.sheet import parse_date

CTX = make_context("waste", WasteConfig())
LONG = DatesSource(id="s", file="f", date="Datum", district="Tour", fraction="Abfall", note="Hinweis")
BY_TOUR = DatesSource(id="s", file="f", date="Datum", fractions={"Restmüll": "rest", "Papier": "paper"})
BY_DATE = DatesSource(id="s", file="f", district="Tour", fractions={"Rest": "rest", "Blaue": "paper"}, covers=2026)


def read(text: str | bytes, source: DatesSource) -> Batch:
    return dates.read(make_payload(text), source, CTX)


def rows(batch: Batch) -> list[tuple[str, str, str, str]]:
    return [(row.date.isoformat(), row.district, row.fraction, row.note) for row in batch.rows]


def test_line_per_date_with_two_date_formats_and_a_footer() -> None:
    text = (
        "Abfuhrplan der Stadt;;;\nDatum;Tour;Abfall;Hinweis\n05.01.2026;1,2;Restmüll 2-wöchentlich;\n\n"
        "2026-01-06;rot;Altpapier;ab 7 Uhr\nErstellt am: 01.12.2025\n"
    )
    batch = read(text.encode("cp1252"), LONG)
    assert rows(batch) == [
        ("2026-01-05", "1", "rest", "2-wöchentlich"),
        ("2026-01-05", "2", "rest", "2-wöchentlich"),
        ("2026-01-06", "rot", "paper", "ab 7 Uhr"),
    ]
    assert [(refusal.place, refusal.reason) for refusal in batch.refused] == [
        ("line 6", "'Erstellt am: 01.12.2025' is not a date such as 05.01.2026 or 2026-01-05")
    ]


def test_column_per_fraction_that_holds_tours() -> None:
    text = "Datum\tRestmüll\tPapier\nMo, 05.01.26\t1/3\t\nDi, 06.01.26\t2\t1 und 2\n"
    assert rows(read(text, BY_TOUR)) == [
        ("2026-01-05", "1", "rest", ""),
        ("2026-01-05", "3", "rest", ""),
        ("2026-01-06", "2", "rest", ""),
        ("2026-01-06", "1", "paper", ""),
        ("2026-01-06", "2", "paper", ""),
    ]


def test_column_per_fraction_that_holds_dates() -> None:
    text = 'Tour,Rest,Blaue\nblau,"05.01., Mo 19.1.2026 2.2.",2026-01-08\n'
    assert rows(read(text, BY_DATE)) == [
        ("2026-01-05", "blau", "rest", ""),
        ("2026-01-19", "blau", "rest", ""),
        ("2026-02-02", "blau", "rest", ""),
        ("2026-01-08", "blau", "paper", ""),
    ]


def test_marks_stand_for_the_district_of_the_line() -> None:
    source = DatesSource(id="s", file="f", date="Datum", district="Tour", fractions={"Rest": "rest", "Papier": "paper"})
    assert rows(read("Datum;Tour;Rest;Papier\n5.1.2026;4;x;\n6.1.2026;4;;X\n", source)) == [
        ("2026-01-05", "4", "rest", ""),
        ("2026-01-06", "4", "paper", ""),
    ]


def test_file_without_header_is_read_by_configured_columns() -> None:
    source = DatesSource(id="s", file="f", date="Datum", fraction="Abfall", columns=("Datum", "Abfall"), covers=2026)
    assert rows(read("05.01.2026;Bio\n12.01.;Bio\n", source)) == [
        ("2026-01-05", "", "bio", ""),
        ("2026-01-12", "", "bio", ""),
    ]


@pytest.mark.parametrize(
    ("text", "source", "message"),
    [
        ("Tag;Tour;Abfall;Hinweis\n", LONG, "the header: column Datum is not there"),
        ("", LONG, "the header: column Datum, Tour, Abfall is not there; the first line has nothing"),
        ("Datum;Tour;Abfall;Hinweis\n", LONG, "the file: there is no usable pickup in it"),
        (
            "Datum;Tour;Abfall;Hinweis\n31.02.2026;1;Bio;\n",
            LONG,
            "line 2: there is no usable pickup in it: '31.02.2026'",
        ),
        ("a;b\n", DatesSource(id="s", file="f", date="a"), "the source's configuration: give either"),
        ("a;b\n", DatesSource(id="s", file="f", fraction="a"), "the source's configuration: `date` is missing"),
        ("a\n", DatesSource(id="s", file="f", date="a", fractions={"a": "lava"}), "the source's configuration: `fra"),
    ],
)
def test_unusable_table_is_refused_as_a_whole(text: str, source: DatesSource, message: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(text, source)
    assert caught.value.message.startswith(message)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_parse_date_reads_every_day_in_every_format(day: date) -> None:
    written = [day.isoformat(), f"{day:%d.%m.%Y}", f"{day.day}.{day.month}.{day:%y}", f"Mo., {day:%d/%m/%Y}"]
    assert {parse_date(text) for text in written} == {day}


@given(st.text(max_size=200))
@example("\r0")
@example('"' + "x" * 140_000)
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    places = []
    for source in (LONG, BY_TOUR, BY_DATE):
        try:
            read(text, source)
        except FeedError as error:
            places.append(error.place)
    assert all(places)
