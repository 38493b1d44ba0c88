"""A fictional plugin with one kind of feed: benches, and the plaques on them, as a JSON list."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from allmende import (
    PUBLIC,
    Batch,
    Config,
    Context,
    FeedError,
    FeedTable,
    Importer,
    Payload,
    Plugin,
    Refusal,
    Search,
    Source,
)
from allmende import stable_id as stable_id
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.egress import parse_allowed
from allmende.feeds.fetch import Fetcher, Limits
from allmende.feeds.importing import Run
from allmende.feeds.reading import Reader
from allmende.feeds.services import Services
from allmende.testing import NOON, make_city, make_context
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column


class Bench(FeedTable):
    __tablename__ = "village_bench"

    title: Mapped[str] = mapped_column(String(60))
    wood: Mapped[str] = mapped_column(default="oak")
    seats: Mapped[int | None]
    built: Mapped[datetime | None]


class Plaque(FeedTable):
    __tablename__ = "village_plaque"

    bench: Mapped[str] = mapped_column(String(32))
    text: Mapped[str]


class JsonSource(Source, frozen=True, kw_only=True, tag="json"):
    newest_only: bool = False
    """The feed shows oak benches only, and says nothing about the others."""


class VillageConfig(Config, frozen=True, kw_only=True):
    sources: tuple[JsonSource, ...] = ()


def read(payload: Payload, source: JsonSource, ctx: Context[Any]) -> Batch:
    try:
        items = json.loads(payload.text())
    except json.JSONDecodeError as error:
        raise FeedError("is not JSON", place=f"line {error.lineno}") from error
    if items == "crash":
        raise ZeroDivisionError("a bug in the plugin")
    rows: list[FeedTable] = []
    refused = []
    for i, item in enumerate(items):
        if "title" not in item:
            refused.append(Refusal(place=f"items[{i}]", reason="has no title"))
            continue
        fields = {name: item[name] for name in ("title", "wood", "seats") if name in item}
        rows.append(Bench(key=item["key"], **fields))
        owner = stable_id(ctx.city.slug, source.id, Bench, item["key"])
        rows += [Plaque(key=f"{item['key']}/{text}", bench=owner, text=text) for text in item.get("plaques", ())]
    return Batch(rows=rows, refused=refused, within=Bench.wood == "oak" if source.newest_only else None)


async def nothing(*args: Any) -> list[Any]:
    return []


plugin = Plugin(
    name="village",
    config=VillageConfig,
    tables=(Bench, Plaque),
    importers=(Importer(source=JsonSource, read=read, tables=(Bench, Plaque), parent="bench"),),
    search=(Search(table=Bench, title="title", text=("wood",), load=nothing, visible=PUBLIC),),
)


def make(folder: Path | str = "", slug: str = "adorf", **source: Any) -> tuple[City, JsonSource]:
    """A city with one source."""
    if "url" not in source:
        source.setdefault("file", "benches.json")
    configured = JsonSource(id=source.pop("id", "benches"), **source)
    city = make_city(slug, plugins={"village": VillageConfig(sources=(configured,))}, folder=str(folder))
    return city, configured


def write(folder: Path, items: Any) -> None:
    (folder / "benches.json").write_text(json.dumps(items), encoding="utf-8")


def benches(*keys: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"key": key, "title": f"Bench {key}", **fields} for key in keys]


def make_services(database: Database, *, now: datetime = NOON, port: int = 0, **limits: Any) -> Services:
    """Services with a clock that stands still; the test's own server is allowed."""
    quick = {"connect": 2.0, "read": 0.5, "total": 1.5, "pause": 0.01}
    fetcher = Fetcher(
        allowed=parse_allowed(f"127.0.0.1:{port}") if port else frozenset(),
        limits=Limits(**(quick | limits)),
        clock=lambda: now,
    )

    def context(city: City, name: str) -> Context[Any] | None:
        config = city.config(name)
        return make_context(name, config, city=city, database=database, now=now) if config else None

    return Services(database=database, context=context, fetcher=fetcher, reader=Reader(seconds=60.0), clock=lambda: now)


async def titles(database: Database, city: str = "adorf") -> list[str]:
    async with database.session(city) as session:
        return list(await session.scalars(select(Bench.title).order_by(Bench.title)))


def outcome(run: Run) -> tuple[str, int, int, int, int, int]:
    return run.status, run.added, run.changed, run.removed, run.unchanged, run.refused
