"""What editors and citizens are told about sources: fresh, stale, failed, held, and why."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from allmende import Batch, Importer
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.feeds.importing import import_source
from allmende.feeds.status import ModuleState, module_states, source_states
from allmende.testing import NOON

from .village import Bench, JsonSource, Plaque, benches, make, make_services, plugin, read, write


async def imported(database: Database, folder: Path, items: Any, **source: Any) -> City:
    city, configured = make(folder, title={"de": "Bänke", "en": "Benches"}, **source)
    write(folder, items)
    await import_source(make_services(database), city, plugin, configured)
    return city


async def test_module_is_on_while_its_sources_are_fresh(database: Database, tmp_path: Path) -> None:
    city = await imported(database, tmp_path, benches("1"))
    with database.count() as statements:
        assert await module_states(database, city, NOON) == {"village": ModuleState(status="on")}
    assert len(statements) == 1


async def test_module_that_was_never_asked_is_on(database: Database, tmp_path: Path) -> None:
    assert await module_states(database, make(tmp_path)[0], NOON) == {"village": ModuleState(status="on")}


async def test_module_is_stale_when_its_source_missed_three_fetches(database: Database, tmp_path: Path) -> None:
    city = await imported(database, tmp_path, benches("1"), every=60)
    in_time = NOON + timedelta(minutes=179)
    assert (await module_states(database, city, in_time))["village"].status == "on"
    states = await module_states(database, city, NOON + timedelta(minutes=180))
    assert states == {
        "village": ModuleState(
            status="stale", reason="Bänke: Stand vom 23.11.2026, wird zurzeit nicht aktualisiert.", since=NOON
        )
    }


async def test_module_that_never_got_anything_has_failed(database: Database, tmp_path: Path) -> None:
    city = await imported(database, tmp_path, "crash")
    assert await module_states(database, city, NOON, "en") == {
        "village": ModuleState(status="failed", reason="Benches: not available at the moment.")
    }


async def test_module_with_old_data_of_a_failed_source_is_stale(database: Database, tmp_path: Path) -> None:
    await imported(database, tmp_path, benches("1"))
    city = await imported(database, tmp_path, "crash")
    assert (await module_states(database, city, NOON, "en"))["village"] == ModuleState(
        status="stale", reason="Benches: as of 2026-11-23, not being updated at the moment.", since=NOON
    )


async def test_data_that_has_ended_says_when(database: Database, tmp_path: Path) -> None:
    """The waste calendar whose next year is missing: citizens see it on the first of January."""
    end = NOON + timedelta(minutes=30)

    def read_until(*args: Any) -> Batch:
        return msgspec.structs.replace(read(*args), valid_until=end)

    importer = Importer(source=JsonSource, read=read_until, tables=(Bench, Plaque), parent="bench")
    city, source = make(tmp_path, title="Bänke")
    write(tmp_path, benches("1"))
    await import_source(make_services(database), city, msgspec.structs.replace(plugin, importers=(importer,)), source)
    assert (await module_states(database, city, end))["village"] == ModuleState(
        status="stale", reason="Bänke: Die Daten reichen nur bis zum 23.11.2026.", since=end
    )


async def test_editors_see_every_source_of_every_city_in_one_statement(database: Database, tmp_path: Path) -> None:
    for slug, items in (("adorf", benches("1", "2")), ("bdorf", "crash")):
        city, source = make(tmp_path, slug)
        write(tmp_path, items)
        await import_source(make_services(database), city, plugin, source)
    with database.count() as statements:
        states = await source_states(database, NOON)
    assert [(s.city, s.status, s.items, s.reason) for s in states] == [
        ("adorf", "fresh", 2, ""),
        ("bdorf", "failed", 0, "ZeroDivisionError: a bug in the plugin"),
    ]
    assert len(statements) == 1
