"""`allmende import`, `feeds` and `work`, as an operator calls them, on an instance of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from allmende.cli import root
from allmende.db.branches import core_tables
from allmende.jobs.queue import ensure_schema
from allmende.registry import load_registry
from allmende.settings import load_settings
from allmende.testing.databases import create_tables
from click.testing import CliRunner, Result

from tests.server import eventually

PLUGIN = """
from typing import Any
import json
from allmende import Batch, Config, FeedTable, Importer, Payload, Plugin, Refusal, Source
from sqlalchemy.orm import Mapped

class Kiosk(FeedTable):
    __tablename__ = "kiosk_item"
    title: Mapped[str]

class JsonSource(Source, frozen=True, kw_only=True, tag="json"):
    pass

class KioskConfig(Config, frozen=True, kw_only=True):
    sources: tuple[JsonSource, ...] = ()

def read(payload: Payload, source: JsonSource, ctx: Any) -> Batch:
    items = json.loads(payload.text())
    good = [Kiosk(key=item, title=item) for item in items if item]
    bad = [Refusal(place=f"items[{i}]", reason="[is] empty") for i, item in enumerate(items) if not item]
    return Batch(rows=good, refused=bad)

plugin = Plugin(
    name="kiosk", config=KioskConfig, tables=(Kiosk,),
    importers=(Importer(source=JsonSource, read=read, tables=(Kiosk,)),),
)
"""
MANIFEST = """
title = "Kiosk"
summary = "Kiosks"
owner = "allmende"
licence = "EUPL-1.2"
api = 1
version = "1.0.0"
"""
CITY = """
name = "Adorf"
ags = "05999999"
ars = "059990999999"
fictional = true
[area]
lat = 51.5
lon = 7.5
bbox = { south = 51.4, west = 7.4, north = 51.6, east = 7.6 }
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of plugins with one in it; the same for all tests, since a table can be declared once only."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "kiosk").mkdir()
    (folder / "kiosk/__init__.py").write_text(PLUGIN)
    (folder / "kiosk/plugin.toml").write_text(MANIFEST)
    return folder


@pytest.fixture
def city(tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the instance's one city, with a source; tables are there."""
    folder = tmp_path / "cities/adorf"
    (folder / "plugins").mkdir(parents=True)
    (folder / "city.toml").write_text(CITY)
    (folder / "plugins/kiosk.toml").write_text('[[sources]]\nid = "list"\nkind = "json"\nfile = "kiosks.json"\n')
    monkeypatch.setenv("ALLMENDE_CITIES", str(tmp_path / "cities"))
    monkeypatch.setenv("ALLMENDE_PLUGINS", str(plugins))
    monkeypatch.setenv("ALLMENDE_DATABASE", f"sqlite:///{tmp_path}/allmende.sqlite")
    assert list(load_registry(load_settings()).plugins) == ["kiosk"]
    core_tables()  # imports them, so that they are made
    create_tables(os.environ["ALLMENDE_DATABASE"])
    return folder


def offer(city: Path, *items: str) -> None:
    (city / "kiosks.json").write_text(json.dumps(items))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(root, arguments)


def words(result: Result) -> list[list[str]]:
    """The lines of the output, each as its words."""
    return [line.split() for line in result.output.splitlines() if line.strip()]


def test_import_prints_what_came_in_and_what_was_refused(city: Path) -> None:
    offer(city, "North", "", "South")
    result = call("import", "-v")
    assert words(result) == [
        ["city", "source", "status", "new", "changed", "gone", "same", "refused"],
        ["adorf", "kiosk/list", "fresh", "2", "0", "0", "0", "1"],
        ["adorf", "kiosk/list", "items[1]:", "[is]", "empty"],
    ]
    assert result.exit_code == 0


def test_import_of_one_source_that_fails_exits_with_1_and_the_reason(city: Path) -> None:
    result = call("import", "adorf", "list")
    assert result.exit_code == 1
    assert "adorf kiosk/list: kiosks.json: there is no such file below the city's folder" in " ".join(
        result.output.split()
    )


def test_import_of_an_unknown_city_or_source_names_those_there_are(city: Path) -> None:
    assert str(call("import", "bdorf").exception) == "there is no city 'bdorf'; cities are adorf"
    assert str(call("import", "adorf", "lost").exception) == "'lost' is not one of the sources of adorf: kiosk/list"


def test_feeds_shows_sources_that_were_never_imported(city: Path) -> None:
    assert words(call("feeds")) == [
        ["city", "source", "status", "items", "last", "success", "next", "run"],
        ["adorf", "kiosk/list", "pending", "0", "–", "–"],
    ]


def test_held_import_is_shown_rejected_and_approved(city: Path) -> None:
    offer(city, *"abcdef")
    call("import")
    offer(city, "a")
    call("import")
    shown = words(call("feeds", "adorf"))
    assert shown[1][:4] == ["adorf", "kiosk/list", "quarantined", "6"]
    assert " ".join(word for line in shown[2:] for word in line) == (
        "adorf kiosk/list: would remove 5 of 6 items (83 %, max_shrink allows 50 %)"
        " held: allmende feeds approve CITY SOURCE, or reject"
    )
    assert "keeps its present data" in call("feeds", "reject", "adorf", "list").output
    assert words(call("feeds", "approve", "adorf", "kiosk/list"))[1] == [
        *("adorf", "kiosk/list", "fresh"),
        *("0", "0", "5", "1", "0"),
    ]
    assert words(call("feeds"))[1][2:4] == ["fresh", "1"]


def test_feeds_dead_lists_what_failed_again_and_again(city: Path) -> None:
    assert call("feeds", "dead").output == "no dead letters\n"
    for _ in range(8):
        call("import")
    assert "kiosk/list" in call("feeds", "dead").output


def wait_for_import() -> None:
    eventually(lambda: words(call("feeds"))[1][2] == "fresh", pause=0.3)


def work_until_imported() -> int:
    """Start a worker, wait for what it imports, stop it as an operating system does; its exit code."""
    worker = subprocess.Popen([sys.executable, "-c", "from allmende.cli import main; main()", "work"])
    try:
        wait_for_import()
        worker.send_signal(signal.SIGTERM)
        return worker.wait(60)
    finally:
        worker.kill()


def test_work_imports_what_is_due_and_stops_cleanly_on_sqlite(city: Path) -> None:
    offer(city, "North")
    assert work_until_imported() == 0


async def test_work_imports_what_is_due_and_stops_cleanly_on_postgresql(
    city: Path, empty_postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process of its own: it makes the queue's tables, imports, and leaves nothing undone behind."""
    monkeypatch.setenv("ALLMENDE_DATABASE", empty_postgresql_url)
    create_tables(empty_postgresql_url)
    offer(city, "North")
    assert await asyncio.to_thread(work_until_imported) == 0
    assert await ensure_schema(empty_postgresql_url) is False
