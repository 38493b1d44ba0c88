"""The places of the city folders: every source is read without a refusal that nobody expects."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from allmende.city.model import Area
from allmende.importer import Batch
from allmende.testing import make_city, make_context, make_payload

from plugins.places import plugin
from plugins.places.config import PlacesConfig

CITIES = Path(__file__).parents[3] / "cities"
EXPECTED = {
    "dortmund": {"orte": (14, [])},
    "guetersloh": {"orte": (10, [])},
    "muenster": {"orte": (17, [])},
    "musterstadt": {
        "spielplaetze": (4, []),
        "aemter": (4, ['line 5 "Stadtarchiv"', 'line 6 "Januar 2026"']),
        "osm": (7, []),
        "parkhaeuser": (2, []),
        "container": (3, []),
    },
    "rheda-wiedenbrueck": {"orte": (9, [])},
}


def read_all(slug: str) -> dict[str, Batch]:
    folder = CITIES / slug
    area = msgspec.convert(tomllib.loads((folder / "city.toml").read_text())["area"], Area)
    config = msgspec.convert(tomllib.loads((folder / "plugins/places.toml").read_text()), PlacesConfig)
    ctx = make_context("places", config, city=make_city(slug, area=area))
    batches = {}
    for source in config.sources:
        read = next(one.read for one in plugin.importers if isinstance(source, one.source))
        batches[source.id] = read(make_payload(folder / source.file), source, ctx)
    return batches


@pytest.mark.parametrize("slug", EXPECTED)
def test_city_folder_is_read_completely(slug: str) -> None:
    """Musterstadt has an opening hour in words and a footer, to show what is reported."""
    batches = read_all(slug)
    assert {
        id: (len(batch.rows), [told.place for told in (*batch.notes, *batch.refused)]) for id, batch in batches.items()
    } == EXPECTED[slug]
    assert not any(row.category == "other" for batch in batches.values() for row in batch.rows)
