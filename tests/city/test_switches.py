"""The kill switch: who is off, for whom, from which layer, and what a typing mistake in it says."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.city.model import Switch
from allmende.city.switches import is_off, is_within
from allmende.testing import make_city


@pytest.mark.parametrize(
    ("version", "versions", "within"),
    [
        ("2.2.1", "<2.3", True),
        ("2.3", "<2.3", False),
        ("2.3.0", "<2.3", False),
        ("2.3.0", "<=2.3", True),
        ("2.10", ">2.9", True),
        ("2.2.1-beta+7", ">=2.0, <2.3", True),
        ("1.9", ">=2.0, <2.3", False),
        ("2.0", "=2", True),
        ("", "<2.3", False),
        ("newest", "<2.3", False),
        ("9" * 60, "<2.3", False),
    ],
)
def test_releases_are_compared_number_by_number(version: str, versions: str, within: bool) -> None:
    assert is_within(version, versions) is within


def test_a_switch_without_versions_is_for_everybody_and_one_with_versions_for_those_who_say() -> None:
    city = make_city(modules={"news": Switch(reason="x"), "waste": Switch(app_versions="<2"), "a": Switch(off=False)})
    off = {
        (name, version): is_off(city, name, version) for name in ("news", "waste", "a") for version in ("", "1", "3")
    }
    assert {key for key, value in off.items() if value} == {("news", ""), ("news", "1"), ("news", "3"), ("waste", "1")}


SWITCH = '\n[modules.waste]\nreason = { de = "Gestört", en = "Out of order" }\n'


def test_a_switched_off_module_is_not_among_the_plugins_but_its_file_is_still_checked(folder: Any) -> None:
    folder.write("altdorf/city.toml", folder.text("altdorf", 1) + SWITCH)
    cities = folder.load()
    assert folder.problems() == []
    city = cities.by_slug["altdorf"]
    assert ("waste" in city.plugins, city.modules["waste"].reason) == (False, {"de": "Gestört", "en": "Out of order"})


def test_mistakes_in_a_switch_are_named(folder: Any) -> None:
    folder.write(
        "altdorf/city.toml",
        folder.text("altdorf", 1) + '\n[modules.wast]\nreason = "x"\n[modules.waste]\napp_versions = "older"\n',
    )
    assert [problem.partition(" modules.")[2].partition(";")[0] for problem in folder.problems()] == [
        "wast: unknown plugin `wast` (did you mean `waste`?)",
        'waste.app_versions: "older" has the wrong form',
    ]
    folder.write("altdorf/city.toml", folder.text("altdorf", 1) + '\n[modules.wast]\nreason = "x"\n[modules.waste]\n')
    assert [problem.partition(" modules.")[2] for problem in folder.problems()] == [
        "wast: unknown plugin `wast` (did you mean `waste`?); expected one of news, waste",
        "waste: is switched off without a reason; expected a reason that citizens are shown",
    ]


def test_a_land_and_the_whole_instance_can_be_switched(folder: Any) -> None:
    folder.write("_shared/05/city.toml", SWITCH.lstrip())
    assert "waste" not in folder.load().by_slug["altdorf"].plugins
    folder.write("_shared/05/city.toml", "")
    folder.write("_shared/city.toml", SWITCH.lstrip())
    cities = folder.load()
    assert (folder.problems(), [c.modules["waste"].off for c in cities.by_slug.values()]) == (
        [],
        [True] * len(cities.by_slug),
    )
