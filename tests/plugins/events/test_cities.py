"""The example cities have events to come at any time in 2026 to 2028, and no entry of theirs is refused."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from allmende.testing import NOON, make_context, make_payload

from plugins.events import plugin
from plugins.events.config import EventsConfig
from plugins.events.tables import Event, Occurrence

CITIES = Path(__file__).parents[3] / "cities"
FILES = sorted(CITIES.glob("*/plugins/events.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
@pytest.mark.parametrize("day", ["2026-01-02", "2026-11-23", "2027-08-03", "2028-12-30"])
def test_there_is_always_something_to_come(path: Path, day: str) -> None:
    now = datetime.fromisoformat(day).replace(tzinfo=NOON.tzinfo)
    config = msgspec.convert(tomllib.loads(path.read_text()), EventsConfig)
    titles: set[str] = set()
    upcoming = 0
    for source in config.sources:
        importer = next(importer for importer in plugin.importers if importer.source is type(source))
        payload = make_payload(path.parents[1] / source.file)
        batch = importer.read(payload, source, make_context("events", config, now=now))
        assert batch.refused == [], source.id
        titles |= {row.title for row in batch.rows if isinstance(row, Event)}
        upcoming += sum(row.until > now for row in batch.rows if isinstance(row, Occurrence))
    assert len(titles) >= 4
    assert upcoming >= 6


def test_the_cities_show_all_kinds() -> None:
    kinds = {path.parts[-3]: {s["kind"] for s in tomllib.loads(path.read_text())["sources"]} for path in FILES}
    assert kinds == {
        "beckum": {"ical"},
        "dortmund": {"ical"},
        "guetersloh": {"schema-org"},
        "muenster": {"markets"},
        "musterstadt": {"ical", "markets", "schema-org"},
    }
