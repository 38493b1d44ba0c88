# ruff: noqa: E501 (messages stand here as they are printed)
"""The scanner finds every key of every valid TOML document at the place where it stands."""

from __future__ import annotations

import tomllib
from typing import Any

import tomlkit
from allmende.city.positions import Path, positions
from hypothesis import given
from hypothesis import strategies as st


def test_positions_are_those_that_an_editor_shows() -> None:
    text = '# note\nname = "A"  # = b\n[area]\n  lat = 5\n\n[[sources]]\nid = "x"\n[[sources]]\nid = "y"\n[sources.more]\nk=[1,\n  {z = "}"}]\n'
    assert positions(text) == {
        ("name",): (2, 1),
        ("area",): (3, 2),
        ("area", "lat"): (4, 3),
        ("sources",): (6, 3),
        ("sources", 0): (6, 3),
        ("sources", 0, "id"): (7, 1),
        ("sources", 1): (8, 3),
        ("sources", 1, "id"): (9, 1),
        ("sources", 1, "more"): (10, 10),
        ("sources", 1, "more", "k"): (11, 1),
        ("sources", 1, "more", "k", 0): (11, 4),
        ("sources", 1, "more", "k", 1): (12, 3),
        ("sources", 1, "more", "k", 1, "z"): (12, 4),
    }


def test_positions_pass_over_strings_that_look_like_keys() -> None:
    text = 'a = """\nb = 1\n[c]\n"" \\""" ""\n"""\nd = \'\'\'\ne = "\'\'\'\nf = 1979-05-27 07:32:00Z\n"g.h".\'i\' = \'j\'\r\nk = 1'
    assert tomllib.loads(text).keys() == {"a", "d", "f", "g.h", "k"}
    assert positions(text) == {
        ("a",): (1, 1),
        ("d",): (6, 1),
        ("f",): (8, 1),
        ("g.h",): (9, 1),
        ("g.h", "i"): (9, 7),
        ("k",): (10, 1),
    }


def paths(value: Any, path: Path = ()) -> set[Path]:
    """Every path of the parsed values, by tomllib alone."""
    found = {path} if path else set()
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in pairs:
        found |= paths(item, (*path, step))
    return found


KEYS = st.text("ab.\"'=[]# ü", min_size=1, max_size=6)
SCALARS = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.floats(allow_nan=False),
    st.text("a\"'\\\n=[]#{},", max_size=12),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


@given(DOCUMENTS)
def test_positions_name_exactly_the_paths_that_tomllib_reads(document: dict[str, Any]) -> None:
    """Whatever another library writes: tables, arrays of tables, inline tables, every quoting."""
    text = tomlkit.dumps(document)
    assert positions(text).keys() == paths(tomllib.loads(text))


SPACE = st.sampled_from(["", " ", "\t"])
BREAK = st.sampled_from(["", "\n", " # a = [1]\n", "\r\n"])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, dict[Path, str]]:
    """A list of strings laid out in any way, with the text that must stand at each place."""
    items = draw(st.lists(st.sampled_from(["'x'", '"]"', '"""a\n"""', "'''#'''", "1", "{ b = ']' }"]), max_size=5))
    text = draw(BREAK) + "key" + draw(SPACE) + "=" + draw(SPACE) + "["
    expected: dict[Path, str] = {}
    for index, item in enumerate(items):
        text += draw(BREAK) + item + draw(BREAK) + ","
        expected[("key", index)] = item
    return text + draw(BREAK) + "]", expected


@given(written())
def test_positions_point_at_the_text_of_each_item(case: tuple[str, dict[Path, str]]) -> None:
    text, expected = case
    found = positions(text)
    lines = text.replace("\r\n", "\n").split("\n")
    for path, item in expected.items():
        line, column = found[path]
        assert "\n".join([lines[line - 1][column - 1 :], *lines[line:]]).startswith(item)
