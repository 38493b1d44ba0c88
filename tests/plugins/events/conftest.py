"""A town whose calendar a test writes itself: files are imported as in production, and asked through GraphQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from allmende.city.model import City
from allmende.context import Context
from allmende.db.engine import Database
from allmende.feeds.fetch import Fetcher
from allmende.feeds.importing import Run, import_source
from allmende.feeds.services import Services as FeedServices
from allmende.graphql.compose import Composed, compose
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.request import Services
from allmende.registry import Installed, Registry, read_manifest, read_texts
from allmende.testing import NOON, make_city, make_context

from plugins.events import plugin
from plugins.events.config import EventsConfig

FOLDER = Path(__file__).parents[3] / "plugins/events"


@cache
def composed() -> Composed:
    installed = Installed(
        plugin=plugin, manifest=read_manifest(FOLDER), folder=FOLDER, texts=read_texts(FOLDER / "texts")
    )
    return compose(Registry(plugins=MappingProxyType({"events": installed})))


@dataclass
class Towns:
    by_slug: dict[str, City]
    by_host: dict[str, City] = field(default_factory=dict)
    unavailable: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Town:
    """`town.write(...)`, `await town.load()`, `await town.ask("{ upcoming { … } }")`."""

    def __init__(self, database: Database, folder: Path, config: dict[str, Any], now: datetime) -> None:
        self.database, self.folder, self.now = database, folder, now
        self.config = msgspec.convert(config, EventsConfig)
        on = {"events": self.config}
        self.city = make_city("adorf", plugins=on, folder=str(folder), timezone="Europe/Berlin")
        towns = Towns({"adorf": self.city, "bdorf": make_city("bdorf", plugins={"events": EventsConfig()})})
        made = composed()
        assert not made.registry.broken, made.registry.broken
        self.engine = Engine(made, Services(made.registry, database, lambda: towns, clock=lambda: self.now))

    def context(self, language: str = "de") -> Context[Any]:
        return make_context(
            "events",
            self.config,
            city=self.city,
            database=self.database,
            now=self.now,
            language=language,
            texts=read_texts(FOLDER / "texts"),
        )

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    async def load(self) -> list[Run]:
        services = FeedServices(
            database=self.database,
            context=lambda city, name: self.context(),
            fetcher=Fetcher(clock=lambda: self.now),
            clock=lambda: self.now,
        )
        return [await import_source(services, self.city, plugin, source) for source in self.config.sources]

    async def answer(self, query: str, slug: str = "adorf", language: str = "") -> dict[str, Any]:
        text = f'{{ city(slug: "{slug}") {query} }}'
        return (await self.engine.execute(Operation(query=text, accept_language=language))).body

    async def ask(self, selection: str, slug: str = "adorf", language: str = "") -> Any:
        body = await self.answer(f"{{ events {selection} }}", slug, language)
        assert "errors" not in body, body
        return body["data"]["city"]["events"]


@pytest.fixture
def make_town(database: Database, tmp_path: Path) -> Any:
    """(sources and settings as in events.toml, now) → Town"""

    def make(now: datetime = NOON, **config: Any) -> Town:
        config.setdefault("sources", [{"id": "kalender", "kind": "ical", "file": "kalender.ics", "max_shrink": 1.0}])
        return Town(database, tmp_path, config, now)

    return make
