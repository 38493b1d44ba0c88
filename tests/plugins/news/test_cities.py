"""The news of the cities in this repository come in whole."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from allmende.testing import make_city, make_context, make_payload

from plugins.news import plugin
from plugins.news.config import NewsConfig
from plugins.news.tables import Item

CITIES = sorted(path.parents[1] for path in Path(__file__).parents[3].glob("cities/*/plugins/news.toml"))


@pytest.mark.parametrize("folder", CITIES, ids=lambda folder: folder.name)
def test_every_source_of_the_city_comes_in_without_a_refusal(folder: Path) -> None:
    config = msgspec.convert(tomllib.loads((folder / "plugins/news.toml").read_text()), NewsConfig)
    importers = {importer.source: importer for importer in plugin.importers}
    ctx = make_context("news", config, city=make_city(folder.name))
    count = 0
    for source in config.sources:
        batch = importers[type(source)].read(make_payload(folder / source.file), source, ctx)
        rows = [row for row in batch.rows if isinstance(row, Item)]
        assert batch.refused == []
        assert batch.within is None
        assert all(row.stated_at and row.text and row.categories for row in rows)
        count += len(rows)
    assert count >= 6
