"""`allmende db` with the plugins of this repository, on both databases."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from allmende.cli.db import db
from allmende.db.branches import migrating
from click.testing import CliRunner, Result

from tests.server import clean_environment, free_port
from tests.warm import allmende

Run = Callable[..., Result]
PLUGINS = Path(__file__).parents[2] / "plugins"
NAMES = ["core", *sorted(path.parent.name for path in PLUGINS.glob("*/migrations"))]


@pytest.fixture
def run(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ALLMENDE_DATABASE", empty_database_url)
    monkeypatch.setenv("ALLMENDE_PLUGINS", str(PLUGINS))
    return lambda *arguments: CliRunner().invoke(db, list(arguments))


def lines(result: Result) -> list[str]:
    return [line.split(":")[0] for line in result.output.splitlines()]


def test_upgrade_makes_every_branch_without_drift(run: Run) -> None:
    """Also the proof that the committed migrations are what the plugins' tables say, on both databases."""
    upgraded = run("upgrade")
    assert (upgraded.exit_code, lines(upgraded)) == (0, NAMES)
    checked = run("check")
    assert (checked.exit_code, checked.output) == (0, "The database is what the code says.\n")


def test_downgrade_takes_one_plugin_out_and_leaves_the_others(run: Run) -> None:
    run("upgrade")
    dropped = run("downgrade", "waste", "--yes")
    assert dropped.exit_code == 0
    assert "dropped waste_pickup, " in dropped.output
    assert [line for line in run("status").output.splitlines() if "not there" in line] == [
        "waste: not there (newest: waste_0001)"
    ]
    checked = run("check")
    assert (checked.exit_code, lines(checked)) == (1, ["waste"])
    assert run("upgrade").exit_code == 0


def fill(url: str) -> None:
    """Two places in two cities, one of which can be found; a text of editors, a subscription, and others' rows."""
    now = datetime(2026, 11, 26, tzinfo=UTC)
    with migrating(url) as connection:
        tables = sa.MetaData()
        tables.reflect(connection)

        def insert(table: str, **values: object) -> None:
            """Whatever else the table needs is nothing."""
            nothing = {int: 0, float: 0.0, str: "", bool: False, datetime: now, bytes: b"", object: {}}
            columns = tables.tables[table].columns
            needed = {c.name: nothing[c.type.python_type] for c in columns if not c.nullable and not c.server_default}
            connection.execute(sa.insert(tables.tables[table]).values(needed | values))

        for city in ("adorf", "bdorf"):
            insert("places_place", city=city, id="1", key="1")
        for plugin in ("places", "news"):
            insert("search_term", city="adorf", plugin=plugin, id=plugin, term="x")
            insert("content_item", city="adorf", id=plugin, plugin=plugin)
            insert("content_version", city="adorf", item=plugin)
            insert("notify_subscription", city="adorf", id=plugin, topic=f"{plugin}.new", endpoint="1")


GOING = """\
places: rows of all cities that will be gone for good: 6
  places_place: 2
  content_version: 1
  notify_subscription: 1
  content_item: 1
  search_term: 1
"""


def test_downgrade_without_a_person_says_what_would_go_and_needs_yes(run: Run, empty_database_url: str) -> None:
    run("upgrade")
    fill(empty_database_url)
    refused = run("downgrade", "places")
    assert (refused.exit_code, refused.output) == (
        1,
        GOING + "Error: nothing was changed: there is nobody to ask here; say so with --yes\n",
    )
    assert run("check").exit_code == 0
    dropped = run("downgrade", "places", "--yes")
    assert (dropped.exit_code, dropped.output.startswith(GOING + "places: dropped ")) == (0, True)
    with migrating(empty_database_url) as connection:
        left = sa.text("SELECT item FROM content_version UNION ALL SELECT topic FROM notify_subscription")
        assert connection.scalars(left).all() == ["news", "news.new"]


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, True), ("", 1, True), ("y", 0, False)])
def test_downgrade_asks_a_person(tmp_path: Path, answer: str, code: int, left: bool) -> None:
    """At a terminal, which a pseudo-terminal stands for."""
    environ = clean_environment(ALLMENDE_DATABASE=f"sqlite:///{tmp_path / 'asked.sqlite'}")
    allmende("db", "upgrade", environ=environ, check=True)
    person, terminal = pty.openpty()
    command = [str(Path(sys.executable).parent / "allmende"), "db", "downgrade", "waste"]
    asked = subprocess.Popen(command, env=environ, stdin=terminal, stdout=subprocess.PIPE, text=True)
    os.write(person, f"{answer}\n".encode())
    output, _ = asked.communicate(timeout=120)
    os.close(person)
    os.close(terminal)
    assert "waste: rows of all cities that will be gone for good: 0" in output
    assert "Delete them? [y/N]: " in output
    status = allmende("db", "status", environ=environ).stdout
    assert (asked.returncode, "waste: waste_0001" in status) == (code, left)


def test_downgrade_of_an_unknown_plugin_says_so(run: Run) -> None:
    done = run("downgrade", "wast")
    assert (done.exit_code, "unknown plugin `wast` (did you mean `waste`?)" in done.output) == (1, True)


def test_database_that_is_not_migrated_or_not_there_is_said_in_one_line(empty_database_url: str) -> None:
    told = allmende("feeds", "muenster", environ=clean_environment(ALLMENDE_DATABASE=empty_database_url))
    assert told.returncode == 1
    assert told.stderr.startswith("the database is not as the code says: ")
    assert told.stderr.endswith("; run: allmende db upgrade\n")
    nowhere = clean_environment(ALLMENDE_DATABASE=f"postgresql://allmende@127.0.0.1:{free_port()}/allmende")
    for command in (("feeds", "muenster"), ("db", "upgrade")):
        told = allmende(*command, environ=nowhere)
        assert (told.returncode, told.stderr.count("\n")) == (1, 1)
        assert told.stderr.startswith("the database cannot be used: ")
