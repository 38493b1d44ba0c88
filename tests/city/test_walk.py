"""The walk agrees with msgspec about what is right, and finds several mistakes where msgspec finds one."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from allmende.city.model import LocalText, Strict
from allmende.city.walk import unknown, walk
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta


class Dog(Strict, frozen=True, kw_only=True, tag="dog", tag_field="kind"):
    name: str
    age: Annotated[int, Meta(ge=0, le=30)] = 0


class Cat(Strict, frozen=True, kw_only=True, tag="cat", tag_field="kind"):
    lives: Annotated[float, Meta(gt=0)] = 9


class Home(Strict, frozen=True, kw_only=True):
    title: LocalText
    pets: tuple[Dog | Cat, ...] = ()
    doors: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=2)] = []  # noqa: RUF012
    since: date | None = None
    state: Literal["open", "shut"] = "open"
    keys: dict[str, int] = {}  # noqa: RUF012
    light: bool = True


LEAF = st.one_of(
    st.integers(-5, 40),
    st.booleans(),
    st.floats(-3, 12),
    st.sampled_from(["", "open", "dog", "cat", "2026-01-01", "x"]),
    st.dates(),
)
PET = st.dictionaries(
    st.sampled_from(["kind", "name", "age", "lives", "x"]), LEAF | st.sampled_from(["dog", "cat"]), max_size=4
)
HOME = st.fixed_dictionaries(
    {},
    optional={
        "title": LEAF | st.dictionaries(st.sampled_from(["de", "en", "DE"]), LEAF, max_size=2),
        "pets": st.lists(PET | LEAF, max_size=3) | LEAF,
        "doors": st.lists(LEAF, max_size=3) | LEAF,
        "since": LEAF,
        "state": LEAF,
        "keys": st.dictionaries(st.sampled_from("ab"), LEAF) | LEAF,
        "light": LEAF,
        "other": LEAF,
    },
)


@given(HOME)
def test_walk_finds_something_exactly_when_msgspec_refuses(value: Any) -> None:
    try:
        msgspec.convert(value, Home)
        refused = False
    except msgspec.ValidationError:
        refused = True
    assert bool(walk(value, Home)) == refused


def test_walk_names_all_mistakes_at_every_depth() -> None:
    value = {
        "pets": [{"kind": "dog", "age": 31, "tail": 1}, {"kind": "cow"}],
        "state": "opne",
        "since": 5,
        "titel": "x",
    }
    assert [(finding.path, finding.message, finding.expected) for finding in walk(value, Home)] == [
        (("pets", 0, "age"), "31 is out of range", "a whole number from 0 to 30"),
        (("pets", 0, "tail"), "unknown key `tail`", "one of age, kind, name"),
        (("pets", 0, "name"), "is missing", "text"),
        (("pets", 1, "kind"), "unknown kind `cow`", "one of cat, dog"),
        (("state",), '"opne" is text', "one of open, shut"),
        (("since",), "5 is a whole number", "a date such as 2026-12-31"),
        (
            ("titel",),
            "unknown key `titel` (did you mean `title`?)",
            "one of doors, keys, light, pets, since, state, title",
        ),
        (("title",), "is missing", "text or a table with text for each key"),
    ]


def test_walk_of_defaults_lets_required_keys_be_missing() -> None:
    assert walk({"pets": [{"kind": "dog"}]}, Home, partial=True) == []


def test_unknown_suggests_the_nearest_name() -> None:
    assert unknown("key", "lnag", ["lang", "other"]) == (
        "unknown key `lnag` (did you mean `lang`?)",
        "one of lang, other",
    )
    assert unknown("key", "zzz", []) == ("unknown key `zzz`", "")
