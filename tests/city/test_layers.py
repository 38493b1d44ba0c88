"""Merging keeps what it should keep, and environment variables reach the value they name."""

from __future__ import annotations

from typing import Any

from allmende.city.layers import from_environment, merge, variable
from hypothesis import given
from hypothesis import strategies as st

TREE = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@given(TREE, TREE, TREE)
def test_merge_of_three_layers_does_not_depend_on_grouping(low: Any, middle: Any, top: Any) -> None:
    """Associative as long as tables stay tables, which typed files make sure of."""
    if _same_shape(low, middle) and _same_shape(middle, top) and _same_shape(low, top):
        assert merge(merge(low, middle), top) == merge(low, merge(middle, top))


@given(TREE, TREE)
def test_merge_keeps_all_of_the_top_and_changes_neither(low: Any, top: Any) -> None:
    before = repr((low, top))
    merged = merge(low, top)
    assert merge(merged, top) == merged
    assert merged.keys() == low.keys() | top.keys()
    assert repr((low, top)) == before


def _same_shape(a: Any, b: Any) -> bool:
    return all(
        isinstance(a[k], dict) == isinstance(b[k], dict) and (not isinstance(a[k], dict) or _same_shape(a[k], b[k]))
        for k in a.keys() & b.keys()
    )


def test_lists_with_ids_merge_by_id_and_other_lists_replace() -> None:
    low = {
        "sources": [{"id": "a", "kind": "ical", "url": "x"}, {"id": "b", "kind": "csv", "file": "f"}],
        "hosts": ["x"],
    }
    top = {"sources": [{"id": "b", "kind": "ical", "url": "y"}, {"id": "a", "every": 5}, {"id": "c"}], "hosts": ["y"]}
    assert merge(low, top) == {
        "sources": [
            {"id": "a", "kind": "ical", "url": "x", "every": 5},
            {"id": "b", "kind": "ical", "url": "y"},
            {"id": "c"},
        ],
        "hosts": ["y"],
    }


def test_environment_values_are_toml_or_plain_text() -> None:
    name = variable("rheda-wiedenbrueck", "city", ("contact", "phone"))
    assert name == "ALLMENDE_CITY__RHEDA_WIEDENBRUECK__CITY__CONTACT__PHONE"
    variables = {
        name: "+49 5242",
        "ALLMENDE_CITY__A__NEWS__COUNT": "5",
        "ALLMENDE_CITY__A__NEWS__TAGS": '["x"]',
        "ALLMENDE_CITY__A__CITY__AGS": "05515000",
        "ALLMENDE_CITY__A__CITY__NAME": "x\ny = 1",
        "ALLMENDE_DATABASE": "sqlite:///x",
    }
    assert from_environment(variables) == {
        "rheda-wiedenbrueck": {"city": {"contact": {"phone": "+49 5242"}}},
        "a": {"news": {"count": 5, "tags": ["x"]}, "city": {"ags": "05515000", "name": "x\ny = 1"}},
    }
