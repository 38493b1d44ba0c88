"""`allmende db` with the plugins of this repository, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from allmende.cli.db import db
from click.testing import CliRunner, Result

PLUGINS = Path(__file__).parents[2] / "plugins"
NAMES = ["core", *sorted(path.parent.name for path in PLUGINS.glob("*/migrations"))]


@pytest.fixture
def run(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("ALLMENDE_DATABASE", empty_database_url)
    monkeypatch.setenv("ALLMENDE_PLUGINS", str(PLUGINS))
    return lambda *arguments: CliRunner().invoke(db, list(arguments))


def lines(result: Result) -> list[str]:
    return [line.split(":")[0] for line in result.output.splitlines()]


def test_upgrade_makes_every_branch_without_drift(run) -> None:  # type: ignore[no-untyped-def]
    """Also the proof that the committed migrations are what the plugins' tables say, on both databases."""
    upgraded = run("upgrade")
    assert (upgraded.exit_code, lines(upgraded)) == (0, NAMES)
    checked = run("check")
    assert (checked.exit_code, checked.output) == (0, "The database is what the code says.\n")


def test_downgrade_takes_one_plugin_out_and_leaves_the_others(run) -> None:  # type: ignore[no-untyped-def]
    run("upgrade")
    dropped = run("downgrade", "waste")
    assert dropped.exit_code == 0
    assert "waste_street" in dropped.output
    assert [line for line in run("status").output.splitlines() if "not there" in line] == [
        "waste: not there (newest: waste_0001)"
    ]
    checked = run("check")
    assert (checked.exit_code, lines(checked)) == (1, ["waste"])
    assert run("upgrade").exit_code == 0


def test_downgrade_of_an_unknown_plugin_says_so(run) -> None:  # type: ignore[no-untyped-def]
    done = run("downgrade", "wast")
    assert (done.exit_code, "unknown plugin `wast` (did you mean `waste`?)" in done.output) == (1, True)
