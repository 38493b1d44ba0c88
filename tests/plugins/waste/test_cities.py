"""Every city that has waste on: its own files import without a refusal, and show pickups on any day to come."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from allmende.db.engine import Database

from plugins.waste.config import WasteConfig
from plugins.waste.home import HOME, defaults

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = [(2026, 2, 1), (2026, 12, 24), (2027, 7, 1), (2028, 11, 1)]
ROOT = Path(__file__).parents[3] / "cities"
CITIES = sorted(path.parents[1].name for path in ROOT.glob("*/plugins/waste.toml"))
NOONS = [datetime(year, month, day, 12, tzinfo=BERLIN) for year, month, day in DAYS]


def config(slug: str) -> WasteConfig:
    raw = tomllib.loads((ROOT / slug / "plugins/waste.toml").read_text("utf-8"))
    return msgspec.convert(raw, WasteConfig)


def test_five_cities_have_waste() -> None:
    assert CITIES == ["beckum", "dortmund", "muenster", "musterstadt", "rheda-wiedenbrueck"]


@pytest.mark.parametrize("slug", CITIES)
def test_sample_data_says_that_it_is(slug: str) -> None:
    titles = {str(source.title) for source in config(slug).sources}
    assert all("Beispieldaten, kein amtlicher Kalender" in title or "erfunden" in title for title in titles)


@pytest.mark.parametrize("slug", CITIES)
@pytest.mark.parametrize("noon", NOONS, ids=lambda noon: str(noon.date()))
async def test_home_operation_has_content_at_any_time(
    sqlite_database: Database,
    context: Callable[..., Any],
    store: Callable[..., Any],
    ask: Any,
    slug: str,
    noon: datetime,
) -> None:
    settings = msgspec.structs.asdict(config(slug))
    ctx = context(sqlite_database, now=noon, **settings)
    for source in ctx.config.sources:
        batch = await store(ctx, source, ROOT / slug / source.file)
        assert list(batch.refused) == []
    chosen = await defaults(ctx)
    selection = re.sub(r"\$waste_(\w+)", lambda match: literal(chosen.get(match[0][1:])), HOME.selection)
    data = await ask(ctx, selection)
    days = [date.fromisoformat(pickup["date"]) for pickup in data["pickups"]]
    assert len(days) >= 2
    assert days == sorted(days)
    assert data["notices"] == []
    assert data["address"]["label"] == chosen["waste_street"]
    assert date.fromisoformat(data["calendarUntil"]) > noon.date()
    first = await ask(ctx, "streets(first: 1) { title }")
    found = await ask(ctx, f"pickups(street: {literal(first['streets'][0]['title'])}, days: 14) {{ date }}")
    assert found["pickups"]


def literal(value: str | None) -> str:
    return msgspec.json.encode(value).decode()
