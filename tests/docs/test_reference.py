"""The reference is complete: every extension point has an entry and an example, found by looking at the code."""

from __future__ import annotations

import re
from pathlib import Path

import allmende
import pytest
from allmende import casekind, contenttype, importer, plugin
from allmende.authoring.maturity import RULES
from allmende.context import Context
from allmende.testing import Town
from msgspec import Struct

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "plugins-reference.md").read_text()
BOTH = TEXT + (DOCS / "plugins.md").read_text()
CODE = "\n".join(re.findall(r"^`{3,}[a-z]+(?: \S+)?\n(.*?)^`{3,}$", BOTH, re.M | re.S))
STRUCTS = [
    kind
    for module in (plugin, importer, casekind, contenttype)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Struct) and kind.__module__ == module.__name__
]
MEMBERS = [name for name in dir(Context) if not name.startswith("_")]
GIVEN = (importer.Payload, contenttype.Entry, contenttype.Rich, contenttype.Point, contenttype.Picture)
"""What plugins are given, and never make."""
INSIDE = {"Exempt": "maturity", "NoFields": "CaseKind"}
"""Structs without a part of their own → where they are explained."""


def section(name: str) -> str:
    """The part under this heading, up to the next one of the same or a higher level."""
    match = re.search(rf"^(#+) {name}$\n(.*?)(?=^#{{1,3}} |\Z)", TEXT, re.M | re.S)
    assert match, f"docs/plugins-reference.md has no part {name!r}"
    return match[2]


def example(word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", CODE) is not None


@pytest.mark.parametrize("kind", [kind for kind in STRUCTS if kind.__name__ not in INSIDE], ids=lambda k: k.__name__)
def test_every_field_of_the_contract_has_an_entry_and_an_example(kind: type[Struct]) -> None:
    part = section(kind.__name__)
    fields = kind.__struct_fields__
    assert [name for name in fields if f"`{name}`" not in part] == []
    if kind not in GIVEN:
        assert [name for name in fields if not example(name)] == []


def test_every_name_that_plugins_may_import_has_an_entry_and_an_example() -> None:
    assert [name for name in allmende.__all__ if f"`{name}" not in TEXT and f"# {name}\n" not in TEXT] == []
    made_by_the_core = {"Base"}
    assert [name for name in allmende.__all__ if not example(name)] == sorted(made_by_the_core)


def test_every_member_of_the_context_has_an_entry() -> None:
    part = section("Context")
    assert [name for name in MEMBERS if f"| `{name}" not in part] == []


def test_every_member_of_the_town_has_an_entry() -> None:
    part = section("Tests")
    members = [name for name in dir(Town) if not name.startswith("_")]
    assert [name for name in members if f"town.{name}" not in part and name not in ("city", "home_variables")] == []


def test_every_rule_of_the_scale_has_an_entry() -> None:
    part = section("Maturity")
    assert [rule.name for rule in RULES if f"| {rule.level} | `{rule.name}` | {rule.text} |" not in part] == []
