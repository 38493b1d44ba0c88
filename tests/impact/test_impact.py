"""`allmende impact` on a real repository: what is planted is found, for exactly the cities that it concerns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from allmende.impact.compare import Impact, compare
from allmende.impact.picture import Picture
from allmende.impact.report import report
from allmende.impact.trees import base_revision, look

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 23)
PLUGIN = '''"""Benches: where one can sit down."""

import strawberry
from allmende import PUBLIC, CityModule, Config, Plugin, field


class BenchesConfig(Config, frozen=True, kw_only=True):
    radius: int = 500
    title: str = "Bänke"


@strawberry.type(description="Benches of the city.")
class Benches(CityModule):
    @field(visible=PUBLIC, description="How many there are.")
    def count(self) -> int:
        return self.ctx.config.radius

    @field(visible=PUBLIC, description="What they are called.")
    def label(self) -> str:
        return self.ctx.config.title

    @field(visible=PUBLIC, description="Gone soon.", deprecation_reason="Use label, until 2026-10-31")
    def old(self) -> str:
        return self.ctx.config.title

    @field(visible=PUBLIC, description="Gone later.", deprecation_reason="Use label, until 2099-12-31")
    def later(self) -> str:
        return self.ctx.config.title


plugin = Plugin(name="benches", config=BenchesConfig, city_field=Benches)
'''
MANIFEST = """title = { de = "Bänke", en = "Benches" }
summary = { de = "Wo man sich setzen kann.", en = "Where one can sit down." }
owner = "beckum"
licence = "EUPL-1.2"
api = 1
version = "1.0.0"
"""
QUERY = "query Benches($city: String!) { city(slug: $city) { name benches { count } } }\n"
USERS = ("beckum", "muenster")


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as one commit, with a module that two of its cities have on and a released app asks for."""
    folder = tmp_path_factory.mktemp("original")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("backend", "plugins", "cities", "clients"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    write(folder / "plugins/benches/__init__.py", PLUGIN)
    write(folder / "plugins/benches/plugin.toml", MANIFEST)
    for slug in USERS:
        write(folder / f"cities/{slug}/plugins/benches.toml", "")
    write(folder / "cities/beckum/plugins/benches.toml", "radius = 300\n")
    write(folder / "clients/bench-app/1.0/meta.toml", "released = 2026-01-01\nsupported_until = 2027-12-31\n")
    write(folder / "clients/bench-app/1.0/Benches.graphql", QUERY)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


@pytest.fixture(scope="module")
def base(original: Path) -> Picture:
    return look(original)


@pytest.fixture
def change(original: Path, base: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Impact]:
    """Replaces texts in a file of a copy, and compares that with the commit, which is looked at once for all tests."""
    folder = tmp_path / "change"
    monkeypatch.setattr("allmende.impact.compare.look", lambda tree: look(tree) if tree == folder else base)
    shutil.copytree(original, folder)

    def apply(path: str, *replacements: tuple[str, str], today: date = TODAY) -> Impact:
        text = (folder / path).read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        write(folder / path, text)
        return compare(folder, "HEAD", today)

    return apply


def told(impact: Impact, level: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(found.about, found.text, found.cities) for found in impact.findings if found.level == level]


def field(name: str) -> str:
    """The source of one field of the planted plugin."""
    start = PLUGIN.rindex("    @field", 0, PLUGIN.index(f"def {name}("))
    return PLUGIN[start : PLUGIN.index("\n\n", start) + 2]


def test_a_removed_field_breaks_exactly_the_two_cities_that_have_the_module(change: Callable[..., Impact]) -> None:
    impact = change("plugins/benches/__init__.py", (field("count"), ""))
    assert told(impact, "breaking") == [
        ("app", "bench-app/1.0/Benches is refused: Cannot query field 'count' on type 'Benches'.", USERS),
        ("schema", "Field Benches.count was removed. (it was never deprecated)", USERS),
    ]
    text = report(impact)
    assert "schema, benches (owner: beckum): Field Benches.count was removed." in text
    assert "  beckum, muenster: 2 breaking, 0 dangerous, 0 safe" in text
    assert "  dortmund, guetersloh, musterstadt, rheda-wiedenbrueck: 0 breaking, 0 dangerous, 0 safe" in text
    assert "| beckum, muenster | 2 | 0 | 0 |" in report(impact, markdown=True)


def test_a_new_field_is_safe(change: Callable[..., Impact]) -> None:
    impact = change(
        "plugins/benches/__init__.py", (field("count"), field("count") + field("count").replace("count", "other"))
    )
    assert (told(impact, "breaking"), told(impact, "dangerous")) == ([], [])
    assert told(impact, "safe") == [("schema", "Field Benches.other was added.", USERS)]


def test_a_removal_counts_from_the_day_after_the_promised_one(change: Callable[..., Impact]) -> None:
    impact = change("plugins/benches/__init__.py", (field("old"), ""), (field("later"), ""))
    assert told(impact, "breaking") == [
        ("schema", "Field Benches.later was removed. (it is promised until 2099-12-31)", USERS)
    ]
    assert told(impact, "safe") == [
        ("schema", "Field Benches.old was removed. (it was promised until 2026-10-31)", USERS)
    ]


def test_a_removal_on_the_promised_day_is_early(change: Callable[..., Impact]) -> None:
    impact = change("plugins/benches/__init__.py", (field("old"), ""), today=date(2026, 10, 31))
    assert impact.breaks


def test_a_new_default_is_told_to_the_city_that_relies_on_it(change: Callable[..., Impact]) -> None:
    impact = change("plugins/benches/__init__.py", ("radius: int = 500", "radius: int = 250"))
    assert not impact.breaks
    assert told(impact, "dangerous") == [
        ("settings", "benches.radius is 250, was 500, though no file of the city changed", ("muenster",)),
        ("settings", "benches.radius means something else: default 500 → 250", USERS),
    ]


def test_a_renamed_key_takes_down_the_city_that_says_it(change: Callable[..., Impact]) -> None:
    impact = change("plugins/benches/__init__.py", ("radius", "metres"))
    ((about, text, cities),) = told(impact, "breaking")
    assert (about, cities) == ("city", ("beckum",))
    assert "cities/beckum/plugins/benches.toml:1:1 radius: unknown key `radius`" in text
    assert [text for _, text, _ in told(impact, "dangerous")] == [
        "benches.radius is no key any more; a file that says it is refused"
    ]


def test_a_plugin_that_breaks_is_told_to_its_cities(change: Callable[..., Impact]) -> None:
    impact = change("plugins/benches/plugin.toml", ("api = 1", "api = 99"))
    about = {(found.about, found.cities) for found in impact.findings if found.level == "breaking"}
    assert about == {("plugin", USERS), ("schema", USERS), ("app", USERS)}


def test_an_operation_of_a_supported_release_may_not_change(change: Callable[..., Impact]) -> None:
    impact = change("clients/bench-app/1.0/Benches.graphql", ("name ", ""))
    assert [(about, text) for about, text, _ in told(impact, "breaking")] == [
        ("app", "bench-app/1.0/Benches is altered, but is supported until 2027-12-31")
    ]


def test_a_city_that_changes_its_own_settings_concerns_nobody(change: Callable[..., Impact]) -> None:
    impact = change("cities/beckum/plugins/benches.toml", ("300", "301"))
    assert impact.findings == ()
    assert "nothing changes for any city or app" in report(impact)


def test_a_core_that_cannot_start_breaks_everybody(change: Callable[..., Impact]) -> None:
    impact = change("backend/allmende/registry.py", ("from __future__", "raise RuntimeError('x')\nfrom __future__"))
    assert len({slug for found in impact.findings if found.level == "breaking" for slug in found.cities}) == 6


def test_the_base_is_where_the_branch_left_main(original: Path, tmp_path: Path) -> None:
    folder = tmp_path / "branch"
    shutil.copytree(original, folder)
    start = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()
    git(folder, "checkout", "--quiet", "-b", "benches")
    for name in ("a", "b"):
        write(folder / name, "")
        git(folder, "add", name)
        git(folder, "commit", "--quiet", "-m", name)
    assert base_revision(folder) == start


def test_the_command_fails_on_a_break_and_skips_without_history(original: Path, tmp_path: Path) -> None:
    folder = tmp_path / "change"
    shutil.copytree(original, folder)
    command = [str(Path(sys.executable).parent / "allmende"), "impact"]
    skipped = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (skipped.returncode, skipped.stdout) == (0, "")
    assert "skipped, there is no earlier version" in skipped.stderr
    write(folder / "plugins/benches/__init__.py", PLUGIN.replace(field("count"), ""))
    failed = subprocess.run(
        [*command, "--base", "HEAD", "--markdown"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1
    assert "### Breaking: cannot be merged like this (2)" in failed.stdout
