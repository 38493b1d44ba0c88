"""Accept-Language as RFC 9110 has it, and never a language that the city does not offer."""

from __future__ import annotations

import pytest
from allmende.graphql.languages import accepted, choose
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        (None, "", "de"),
        (None, "en", "en-GB"),
        (None, "en-US", "en-GB"),
        (None, "de-CH;q=0.3, en;q=0.2", "de"),
        (None, "de;q=0, tr", "tr"),
        (None, "*", "de"),
        ("tr-TR", "en", "tr"),
        ("xx", "en", "en-GB"),
    ],
)
def test_the_best_offered_language_is_chosen(asked: str | None, header: str, language: str) -> None:
    assert choose(("de", "en-GB", "tr"), asked, header) == language


def test_tags_come_by_quality_and_what_is_unreadable_is_left_out() -> None:
    assert accepted("fr;q=0.1, en;q=x, de ;q=0.9,tr,;") == ["tr", "de", "fr"]


@given(st.text(), st.text())
def test_any_header_gives_an_offered_language(asked: str, header: str) -> None:
    assert choose(("de", "en"), asked, header) in ("de", "en")
