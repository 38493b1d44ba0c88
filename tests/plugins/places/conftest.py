"""Rows and contexts that the tests of this plugin share."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from allmende import Context, stable_id
from allmende.context import Database
from allmende.search.index import index_rows
from allmende.testing import NOON, make_city, make_context

from plugins.places import plugin
from plugins.places.config import PlacesConfig
from plugins.places.tables import PlacesPlace, unit_vector

FOLDER = Path(__file__).parents[3] / "plugins/places"
TEXTS = {path.stem: tomllib.loads(path.read_text()) for path in (FOLDER / "texts").glob("*.toml")}
CONFIG = msgspec.convert(
    {
        "categories": [
            {"id": "park", "name": {"de": "Grünfläche", "en": "Park"}, "icon": "🌳", "colour": "#2c6a2c"},
            {"id": "amt", "name": {"de": "Amt", "en": "Office"}},
        ],
        "sources": [{"id": "s", "kind": "geojson", "file": "x", "title": {"de": "Grünamt"}, "licence": "CC0-1.0"}],
    },
    PlacesConfig,
)
Store = Callable[..., Awaitable[None]]


def make_row(key: str, lat: float, lon: float, **values: Any) -> PlacesPlace:
    """A place with nothing but a position, and the values given on top."""
    x, y, z = unit_vector(lat, lon)
    empty: dict[str, Any] = {
        "name": key,
        "category": "park",
        "words": "",
        "text": "",
        "address": "",
        "opening_hours": "",
        "phone": "",
        "website": "",
        "wheelchair": "unknown",
        "tags": {},
        "facts": [],
        "image": {},
        "language": "de",
    }
    return PlacesPlace(key=key, lat=lat, lon=lon, x=x, y=y, z=z, **(empty | values))


@pytest.fixture
def make_ctx(database: Any) -> Callable[..., Context[Any]]:
    def make(slug: str = "teststadt", *, config: PlacesConfig = CONFIG, language: str = "de") -> Context[Any]:
        return make_context(
            "places", config, city=make_city(slug), database=database, now=NOON, language=language, texts=TEXTS
        )

    return make


@pytest.fixture
def store(database: Database) -> Store:
    """Writes rows, and their entries in the search index, as an import would."""

    async def write(rows: list[PlacesPlace], slug: str = "teststadt", source: str = "s") -> None:
        for row in rows:
            row.id = stable_id(slug, source, PlacesPlace, row.key)
            row.source, row.digest, row.fetched_at = source, "", datetime(2026, 11, 1, tzinfo=UTC)
        async with database.transaction(slug) as session:
            session.add_all(rows)
            entries = [
                {"id": row.id, "title": row.name, "text": [getattr(row, column) for column in plugin.search[0].text]}
                for row in rows
            ]
            await index_rows(session, plugin="places", table=PlacesPlace, rows=entries)

    return write
