"""Forms become values and values become forms again; what cannot be used is named; Markdown is safe."""

from __future__ import annotations

from typing import Any

import pytest
from allmende import Config, ContentType, Field
from allmende.content.kinds import KINDS
from allmende.content.markdown import rich
from allmende.content.placeholders import fill, unfilled
from allmende.content.values import faults, from_form
from allmende.desk.content.inputs import inputs
from allmende.testing import make_city, make_context
from hypothesis import given
from hypothesis import strategies as st

from tests.feeds.village import Bench

CTX = make_context("village", Config())
TYPE = ContentType(
    name="bench",
    tables=(Bench,),
    title="name",
    fields=(
        Field(name="name", kind="line", required=True),
        Field(name="text", kind="rich", translated=True),
        Field(name="day", kind="date"),
        Field(name="start", kind="datetime"),
        Field(name="skip", kind="dates"),
        Field(name="wood", kind="choice", choices=lambda ctx: {"oak": "Eiche"}),
        Field(name="tags", kind="tags"),
        Field(name="place", kind="position"),
        Field(name="photos", kind="images", most=2),
        Field(name="link", kind="link"),
        Field(name="free", kind="boolean"),
    ),
    write=lambda entry, ctx: [],
)
FULL: dict[str, Any] = {
    "name": "Bank am See",
    "text": {"de": "Schön **hier**.", "en": "Nice."},
    "day": "2026-12-24",
    "start": "2026-07-01T19:00:00+02:00",
    "skip": ["2026-12-24", "2026-12-31"],
    "wood": "oak",
    "tags": ["Kinder", "See"],
    "place": {"lat": 51.96, "lon": 7.63},
    "photos": [{"url": "https://town.example/1.jpg", "alt": "Die Bank", "credit": "", "x": 0.25, "y": 0.5}],
    "link": "https://town.example/bank",
    "free": True,
}


def test_a_form_that_is_sent_back_untouched_changes_nothing() -> None:
    assert from_form(TYPE, inputs(TYPE, FULL, CTX), CTX) == FULL
    assert faults(TYPE, FULL, CTX, complete=True) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "missing"),
        ("name", "x" * 301, "too_long"),
        ("day", "morgen", "bad_date"),
        ("start", "heute Abend", "bad_datetime"),
        ("skip", ["2026-12-24", "Silvester"], "bad_date"),
        ("wood", "plastic", "bad_choice"),
        ("tags", ["x" * 81], "too_long"),
        ("tags", [str(n) for n in range(21)], "too_many"),
        ("place", {"lat": "Nord", "lon": "Ost"}, "bad_position"),
        ("place", {"lat": 7.63, "lon": 51.96}, "swapped"),
        ("place", {"lat": 48.1, "lon": 11.5}, "outside"),
        ("link", "javascript:alert(1)", "bad_link"),
        ("link", "https://user:secret@town.example", "bad_link"),
        ("photos", [{"url": "data:image/png;base64,AA", "alt": "x"}], "bad_picture"),
        ("photos", [{"url": "/teststadt/files/../secret", "alt": ""}], "no_alt"),
    ],
)
def test_what_cannot_be_used_is_named(field: str, value: Any, code: str) -> None:
    found = faults(TYPE, {**FULL, field: value}, CTX, complete=False)
    assert [(fault.field, fault.code) for fault in found] == [(field, code)]


def test_dates_and_positions_are_taken_as_germans_write_them() -> None:
    form = {"f-skip": ["24.12.2026, 1. 1. 2027"], "f-place.lat": ["51,96"], "f-place.lon": ["7,63"]}
    values = from_form(TYPE, form, CTX, ["skip", "place"])
    assert values == {"skip": ["2026-12-24", "2027-01-01"], "place": {"lat": 51.96, "lon": 7.63}}
    copied = from_form(TYPE, {"f-place.lat": ["51.96, 7.63"], "f-place.lon": [""]}, CTX, ["place"])
    assert copied == {"place": {"lat": 51.96, "lon": 7.63}}


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](https://evil.example/x.png)",
        '<img src=x onerror="alert(1)">',
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        '<https://ok.example/"onmouseover=alert(1)>',
    ],
)
def test_markdown_lets_nothing_run_or_load(source: str) -> None:
    html = rich(source).html
    assert not any(f"<{tag}" in html for tag in ("script", "img", "iframe"))
    assert ('href="javascript' in html, 'href="data' in html, " onmouseover=" in html) == (False, False, False)


def test_markdown_becomes_html_and_plain_text() -> None:
    made = rich("# Titel\n\nEin **fetter** Satz mit [Link](https://town.example).\nNeue Zeile.\n\n- eins\n- zwei")
    assert made.text == "Titel\n\nEin fetter Satz mit Link.\nNeue Zeile.\n\n• eins\n• zwei".replace("\n\n•", "\n•")
    assert made.html.startswith("<h3>Titel</h3>")
    assert '<a href="https://town.example" rel="noopener noreferrer">Link</a>' in made.html


@given(st.text(max_size=300))
def test_any_text_becomes_markdown_without_an_error(text: str) -> None:
    made = rich(text)
    assert "<script" not in made.html


@given(st.dictionaries(st.sampled_from([f"f-{name}" for name in FULL]), st.lists(st.text(max_size=60), max_size=2)))
def test_whatever_a_form_holds_is_judged_and_never_an_error(form: dict[str, list[str]]) -> None:
    values = from_form(TYPE, form, CTX)
    faults(TYPE, values, CTX, complete=True)
    assert from_form(TYPE, inputs(TYPE, values, CTX), CTX).keys() == values.keys()


def test_placeholders_say_what_stays_empty() -> None:
    city = make_city()
    assert fill("{city}: {phone}{unknown}", city) == f"{city.name}: {{unknown}}"
    assert list(unfilled("{city} {phone} {unknown}", city)) == ["phone", "unknown"]


def test_every_kind_that_is_declared_is_known() -> None:
    from typing import get_args

    from allmende.contenttype import Kind

    assert set(get_args(Kind)) == set(KINDS)
