"""A waste calendar on a real database: imports through the core's own steps, questions through GraphQL."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
import strawberry
from allmende import Batch, Context, Source
from allmende.db.engine import Database
from allmende.items.rows import prepare
from allmende.items.sync import apply, compare
from allmende.testing import make_context, make_payload
from strawberry.types import ExecutionResult

from plugins.waste import plugin
from plugins.waste.config import WasteConfig
from plugins.waste.schema import Waste

PLUGIN = Path(__file__).parents[3] / "plugins/waste"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
Store = Callable[..., Awaitable[Batch]]


@strawberry.type
class Query:
    @strawberry.field
    def waste(self, info: strawberry.Info) -> Waste:
        return Waste(ctx=info.context)


SCHEMA = strawberry.Schema(query=Query)


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Texts as the core flattens them."""
    result: dict[str, str] = {}
    for key, value in table.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result


def context(
    database: Database | None = None, *, now: datetime = NOON, language: str = "de", **config: Any
) -> Context[Any]:
    texts = {path.stem: flat(tomllib.loads(path.read_text())) for path in (PLUGIN / "texts").glob("*.toml")}
    made = WasteConfig(**config)
    return make_context("waste", made, database=database, now=now, language=language, texts=texts)


async def store(ctx: Context[Any], source: Source, content: bytes | str | Path) -> Batch:
    """One import as the feeds room does it."""
    importer = next(each for each in plugin.importers if isinstance(source, each.source))
    payload = make_payload(content, now=ctx.now)
    batch = importer.read(payload, source, ctx)
    prepared = prepare(batch, importer, ctx.city.slug, source.id, ctx.now)
    async with ctx.transaction() as session:
        await apply(session, await compare(session, importer, source.id, prepared, batch.within))
    return batch


async def run(ctx: Context[Any], selection: str, **variables: Any) -> ExecutionResult:
    """The answer to a selection on `waste`."""
    return await SCHEMA.execute(f"{{ waste {{ {selection} }} }}", context_value=ctx, variable_values=variables)


async def ask(ctx: Context[Any], selection: str) -> Any:
    """The data of an answer that must have no error."""
    answer = await run(ctx, selection)
    assert answer.errors is None
    return (answer.data or {})["waste"]


@pytest_asyncio.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """SQLite alone, for tests that are about data and not about the database."""
    made = Database(sqlite_url)
    yield made
    await made.close()


@pytest.fixture(name="store")
def store_fixture() -> Store:
    return store


@pytest.fixture(name="ask")
def ask_fixture() -> Callable[..., Awaitable[Any]]:
    return ask


@pytest.fixture(name="run")
def run_fixture() -> Callable[..., Awaitable[ExecutionResult]]:
    return run


@pytest.fixture(name="context")
def context_fixture() -> Callable[..., Context[Any]]:
    return context
