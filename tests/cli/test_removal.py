"""Taking a plugin out leaves no trace of it in the database; put back, it imports its data anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from allmende.db.branches import migrating

from tests.warm import ROOT, allmende

CORE = ("feeds_source", "feeds_run", "feeds_quarantine", "jobs_job", "search_term")


@pytest.fixture
def house(empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository's plugins and of one city, with a database of their own."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins", ignore=ignored)
    for folder in ("_shared", "musterstadt"):
        shutil.copytree(ROOT / "cities" / folder, tmp_path / "cities" / folder)
    for name, value in {
        "DATABASE": empty_database_url,
        "PLUGINS": tmp_path / "plugins",
        "CITIES": tmp_path / "cities",
        "SCHEMA": tmp_path / "none",
    }.items():
        monkeypatch.setenv(f"ALLMENDE_{name}", str(value))
    return tmp_path


def run(*command: str, code: int = 0) -> str:
    """What the command prints, in a process of its own: other copies of the plugins are loaded in this one."""
    done = allmende(*command)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def traces(url: str, plugin: str) -> dict[str, int]:
    """Rows of the core that name the plugin, and tables that are the plugin's."""
    with migrating(url) as connection:
        names = sa.inspect(connection).get_table_names()
        found = {
            table: connection.scalar(sa.text(f"SELECT count(*) FROM {table} WHERE plugin = :p"), {"p": plugin}) or 0
            for table in CORE
        }
        own = [name for name in names if name.startswith(f"{plugin}_") or name == f"alembic_{plugin}"]
        return {key: value for key, value in {**found, **dict.fromkeys(own, 1)}.items() if value}


def test_removed_plugin_leaves_no_trace_and_comes_back(house: Path, empty_database_url: str) -> None:
    run("db", "upgrade")
    run("import")
    before = traces(empty_database_url, "news")
    others = traces(empty_database_url, "places")
    assert {"feeds_source", "feeds_run", "search_term", "alembic_news"} <= before.keys()

    run("db", "downgrade", "news", "--yes")
    shutil.move(house / "plugins" / "news", house / "news")
    assert traces(empty_database_url, "news") == {}
    assert traces(empty_database_url, "places") == others
    assert "unknown plugin `news`" in run("city", "check", code=1)
    run("db", "check")
    assert "musterstadt" in run("city", "list"), "the city serves without it"
    run("import")

    shutil.move(house / "news", house / "plugins" / "news")
    run("db", "upgrade")
    run("import")
    run("city", "check")
    after = traces(empty_database_url, "news")
    assert {key: after[key] for key in ("feeds_source", "search_term")} == {
        key: before[key] for key in ("feeds_source", "search_term")
    }
