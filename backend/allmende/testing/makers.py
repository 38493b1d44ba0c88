"""A city, a context with a fixed clock, payloads from files: made by hand, for tests that need no instance."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from allmende.city.model import Area, BBox, City, Config
from allmende.context import Context, Database
from allmende.importer import Payload

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
"""The default time of the fixed clock: a Monday."""


class NoDatabase:
    """Stands where a test needs no database; using it fails."""

    def session(self, *asked: Any, **named: Any) -> Any:
        raise AssertionError("this test has no database; ask for the fixture `database`")

    transaction = insert = tuples = remembered = remember = session


def make_city(slug: str = "teststadt", **changes: Any) -> City:
    """A fictional city in North Rhine-Westphalia, with the values given on top."""
    values: dict[str, Any] = {
        "slug": slug,
        "name": slug.title(),
        "ags": "05998998",
        "ars": "059980998998",
        "subdivision": "DE-NW",
        "area": Area(lat=51.96, lon=7.63, bbox=BBox(south=51.8, west=7.4, north=52.1, east=7.8)),
        "languages": ("de", "en"),
        "fictional": True,
    }
    return City(**(values | changes))


def make_context(
    plugin: str,
    config: Config,
    *,
    city: City | None = None,
    database: Database | None = None,
    now: datetime = NOON,
    language: str = "de",
    texts: Mapping[str, Mapping[str, str]] | None = None,
) -> Context[Any]:
    """A context as the core would make it, with a clock that stands still at `now`."""
    return Context(
        city=city or make_city(),
        plugin=plugin,
        config=config,
        database=database or NoDatabase(),
        language=language,
        texts=texts or {},
        clock=lambda: now,
    )


def make_payload(content: bytes | str | Path, *, name: str = "", media_type: str = "", now: datetime = NOON) -> Payload:
    """A payload from bytes, text or a file, as if it had just been fetched."""
    if isinstance(content, Path):
        name, media_type = name or content.name, media_type or mimetypes.guess_type(content.name)[0] or ""
        content = content.read_bytes()
    raw = content.encode() if isinstance(content, str) else content
    return Payload(content=raw, name=name or "test", media_type=media_type, fetched_at=now)
