"""`allmende plugin new`: what it writes runs, passes its own tests and the checks, and needs nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from allmende.db.engine import Database
from allmende.graphql.compose import compose
from allmende.testing.town import Instance

from .conftest import ROOT, Workshop


def test_a_new_plugin_runs_with_its_tests_and_passes_the_checks(workshop: Workshop) -> None:
    code, output = workshop.run("plugin", "new", "oak_moth", "--owner", "beckum")
    assert (code, "wrote plugins/oak_moth/migrations/oak_moth_0001_items.py" in output) == (0, True), output
    assert "cp plugins/oak_moth/demo/oak_moth.toml cities/beckum/plugins/" in output
    code, output = workshop.run("plugin", "test", "oak_moth")
    assert (code, "8 passed" in output) == (0, True), output
    assert workshop.run("plugin", "check", "oak_moth") == (0, "plugins checked: 1, problems: none\n")
    code, output = workshop.run("plugin", "list")
    assert (code, "oak_moth  Oak moth  0.1.0    beckum" in output) == (0, True), output


async def test_the_smallest_plugin_is_one_file_of_forty_lines_that_answers(
    workshop: Workshop, sqlite_url: str, tmp_path: Path
) -> None:
    folder = workshop.minimal("tiny")
    assert sorted(path.name for path in folder.rglob("*.py")) == ["__init__.py"]
    assert len((folder / "__init__.py").read_text().splitlines()) <= 40
    database = Database(sqlite_url)
    town = Instance(compose(workshop.registry()), database, tmp_path / "towns").town("teststadt")
    town.switch_on("tiny", (folder / "demo/tiny.toml").read_text())
    text = {"de": "Was es dazu zu sagen gibt.", "en": "What there is to say about it."}
    for language, name in (("de", "Erster Eintrag"), ("en", "First entry")):
        answer = await town.ask("tiny { items { name text } }", language=language)
        assert answer == {"tiny": {"items": [{"name": name, "text": text[language]}]}}
    assert (await town.home())["data"]["city"]["tiny"]["items"][0]["name"] == "Erster Eintrag"
    await database.close()


def test_the_smallest_plugin_passes_its_tests_and_the_checks(workshop: Workshop) -> None:
    assert workshop.run("plugin", "new", "kerb", "--owner", "allmende", "--minimal")[0] == 0
    code, output = workshop.run("plugin", "test", "kerb")
    assert (code, "4 passed" in output) == (0, True), output
    assert workshop.run("plugin", "check") == (0, "plugins checked: 1, problems: none\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("class", "--owner", "beckum"), "'class': is a word of Python; expected another name"),
        (("beckum", "--owner", "beckum"), "'beckum': is a city"),
        (("kerb", "--owner", "bekcum"), "--owner: unknown city `bekcum` (did you mean `beckum`?)"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix_and_nothing_is_written(
    workshop: Workshop, arguments: tuple[str, ...], message: str
) -> None:
    code, output = workshop.run("plugin", "new", *arguments)
    assert (code, message in output) == (1, True), output
    assert list(workshop.settings.plugins.iterdir()) == []


def test_a_plugin_that_is_there_is_not_written_over(workshop: Workshop) -> None:
    folder = workshop.minimal("kerb")
    (folder / "README.md").write_text("mine")
    code, output = workshop.run("plugin", "new", "kerb", "--owner", "beckum")
    assert (code, "plugins/kerb is there already" in output) == (1, True), output
    assert (folder / "README.md").read_text() == "mine"


def test_the_committed_plugins_pass_the_checks() -> None:
    done = Workshop.run(type("Here", (), {"folder": ROOT})(), "plugin", "check")  # type: ignore[arg-type]
    assert done[0] == 0, done[1]
