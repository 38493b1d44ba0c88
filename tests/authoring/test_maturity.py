"""The scale of maturity: a step is reached when all its rules and those below are done or do not apply."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.authoring.maturity import LEVELS, RULES, level

NAMES = {step: [rule.name for rule in RULES if rule.level == step] for step in LEVELS}


def done(*steps: Any) -> dict[str, Any]:
    return {name: "done" for step in steps for name in NAMES[step]}


@pytest.mark.parametrize(
    ("stated", "reached"),
    [
        ({}, None),
        (done("bronze"), "bronze"),
        (done("silver", "gold"), None),
        (done("bronze", "silver"), "silver"),
        (done("bronze", "silver", "gold"), "gold"),
        (done("bronze", "silver") | {"preview": "todo"}, "bronze"),
        (done("bronze", "silver") | {"preview": {"exempt": "is never on the home screen"}}, "silver"),
    ],
)
def test_levels_follow_from_what_plugin_toml_says(stated: dict[str, Any], reached: str | None) -> None:
    assert level(stated) == reached


def test_every_step_has_rules_and_no_two_have_the_same_name() -> None:
    assert all(NAMES.values())
    assert len({rule.name for rule in RULES}) == len(RULES)
