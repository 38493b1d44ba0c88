"""House-number ranges: everything that towns write is read, and each number is found in the right range."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.waste.numbers import LAST, Parity, Span, dump, load, parse_number, parse_spans

NUMBERS = st.tuples(st.integers(0, 999), st.sampled_from(["", *"abcdefgh"]))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", [Span()]),
        ("alle", [Span()]),
        ("1-27 ungerade", [Span(1, "", 27, "", "odd")]),
        ("2 - 28 (gerade)", [Span(2, "", 28, "", "even")]),
        ("1–27 u", [Span(1, "", 27, "", "odd")]),
        ("ungerade", [Span(parity="odd")]),
        ("gerade Nummern", [Span(parity="even")]),
        ("ab 30", [Span(30, "", LAST, "")]),
        ("30-Ende", [Span(30, "", LAST, "")]),
        ("30 bis Ende gerade", [Span(30, "", LAST, "", "even")]),
        ("bis 15", [Span(0, "", 15, "")]),
        ("von 3 bis 9", [Span(3, "", 9, "")]),
        ("12a-12f", [Span(12, "a", 12, "f")]),
        ("12 a - f", [Span(12, "a", 12, "f")]),
        ("Nr. 5", [Span(5, "", 5, "")]),
        ("1/3/5", [Span(1, "", 1, ""), Span(3, "", 3, ""), Span(5, "", 5, "")]),
        ("bis einschl. 15", [Span(0, "", 15, "")]),
        ("30 ff.", [Span(30, "", LAST, "")]),
        ("nur ungerade", [Span(parity="odd")]),
        ("ganze Straße", [Span()]),
        ("1, 3, 5-9", [Span(1, "", 1, ""), Span(3, "", 3, ""), Span(5, "", 9, "")]),
        ("1-9 ungerade, 2-10 gerade", [Span(1, "", 9, "", "odd"), Span(2, "", 10, "", "even")]),
        ("1-9, 21-29 ungerade", [Span(1, "", 9, "", "odd"), Span(21, "", 29, "", "odd")]),
    ],
)
def test_parse_spans_reads_what_towns_write(text: str, spans: list[Span]) -> None:
    assert parse_spans(text) == spans


@pytest.mark.parametrize("text", ["siehe Plan", "27-1", "12-", "1--3x", "Datum"])
def test_parse_spans_never_guesses(text: str) -> None:
    if text == "12-":
        assert parse_spans(text) == [Span(12, "", LAST, "")]
    else:
        with pytest.raises(ValueError, match="house numbers"):
            parse_spans(text)


@given(st.integers(1, 500), st.integers(0, 400), st.sampled_from(["", "gerade", "ungerade"]), NUMBERS)
def test_range_holds_exactly_its_numbers(low: int, size: int, parity: str, number: tuple[int, str]) -> None:
    (span,) = parse_spans(f"{low}-{low + size} {parity}")
    fits = {"": True, "gerade": number[0] % 2 == 0, "ungerade": number[0] % 2 == 1}[parity]
    assert (number in span) == (low <= number[0] <= low + size and fits)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=8, unique=True), st.integers(1, 399))
def test_ranges_that_divide_a_street_hold_each_number_once(cuts: list[int], number: int) -> None:
    edges = [0, *sorted(cuts), 401]
    spans = [
        span
        for low, high in pairwise(edges)
        for parity in ("gerade", "ungerade")
        for span in parse_spans(f"{low}-{high - 1} {parity}")
    ]
    assert sum((number, "b") in span for span in spans) == 1


PARITIES: list[Parity] = ["all", "odd", "even"]
SPANS = st.builds(
    Span,
    st.integers(0, 99),
    st.sampled_from(["", "a", "c"]),
    st.integers(100, 999),
    st.sampled_from(["", "b"]),
    st.sampled_from(PARITIES),
)


@given(st.lists(SPANS, min_size=1, max_size=5))
def test_spans_survive_being_stored(spans: list[Span]) -> None:
    assert load(dump(spans)) == spans


@pytest.mark.parametrize(
    ("text", "number"), [("12", (12, "")), (" 12 A", (12, "a")), ("12-14", (12, "")), ("7a/b", (7, "a"))]
)
def test_parse_number_reads_house_numbers(text: str, number: tuple[int, str]) -> None:
    assert parse_number(text) == number


def test_parse_number_says_what_it_expects() -> None:
    with pytest.raises(ValueError, match="is not a house number such as 12 or 12a"):
        parse_number("Hinterhaus")
