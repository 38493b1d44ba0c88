"""Which names a plugin may have, and what is said of those that it may not."""

from __future__ import annotations

import pytest
from allmende.authoring.names import name_fault

FORM = "small letters and digits, words joined by _, as in "


@pytest.mark.parametrize("name", ["benches", "oak_moth", "parking", "ev2", "newsletter"])
def test_ordinary_names_are_free(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Benches", ("has the wrong form", FORM + "benches")),
        ("oak-moth", ("has the wrong form", FORM + "oak_moth")),
        ("2nd", ("has the wrong form", FORM + "nd")),
        ("../news", ("has the wrong form", FORM + "news")),
        ("", ("has the wrong form", FORM + "benches")),
        ("b" * 33, ("is 33 letters long", "at most 32")),
        ("class", ("is a word of Python", "another name; add what sets it apart, as in class_list")),
        ("match", ("is a word of Python", "another name; add what sets it apart, as in match_list")),
        ("query", ("is a word of GraphQL", "another name; add what sets it apart, as in query_list")),
        ("core", ("is the core's branch of migrations", "another name; add what sets it apart, as in core_list")),
        ("search", ("City already has a field 'search'", "another name; add what sets it apart, as in search_list")),
        ("bbox", ("City already has a field 'bbox'", "another name; add what sets it apart, as in bbox_list")),
        ("feed", ("City already has a field 'feed'", "another name; add what sets it apart, as in feed_list")),
        (
            "image",
            (
                "the core's GraphQL type Image begins with Image",
                "another name; add what sets it apart, as in image_list",
            ),
        ),
        ("beckum", ("is a city; a module is called after what it does", "a name that every city could use")),
    ],
)
def test_names_that_collide_are_refused_with_the_fix(name: str, fault: tuple[str, str]) -> None:
    assert name_fault(name, cities={"beckum": None}) == fault
