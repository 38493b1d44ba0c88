"""What a plugin is given opens sessions of its own city, and of no other; nor does it lead to all cities at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from allmende import Context, prepared
from allmende.db.engine import Database
from allmende.errors import ScopeError
from allmende.testing import Town
from sqlalchemy import select

from .tables import Note


@prepared
def notes() -> Any:
    return select(Note)


async def read(ctx: Context[Any], city: str) -> None:
    async with ctx.database.session(city):
        pass


async def write(ctx: Context[Any], city: str) -> None:
    async with ctx.database.transaction(city):
        pass


async def rows(ctx: Context[Any], city: str) -> None:
    await ctx.database.tuples(city, notes(), (Note.title,))


async def insert(ctx: Context[Any], city: str) -> None:
    await ctx.database.insert(city, [(Note, {"id": f"new-{city}", "title": "x"})])


@pytest.mark.parametrize("way", [read, write, rows, insert])
async def test_a_context_opens_its_own_city_and_no_other(
    town: Town, database: Database, way: Callable[[Context[Any], str], Awaitable[None]]
) -> None:
    town.switch_on("waste")
    neighbour = town.neighbour()
    ctx = town.context("waste")
    await way(ctx, town.slug)
    with pytest.raises(ScopeError, match=f"given out for {town.slug}: it opens no session of '{neighbour.slug}'"):
        await way(ctx, neighbour.slug)


def test_a_context_leads_to_no_session_across_cities(town: Town) -> None:
    town.switch_on("waste")
    assert [name for name in dir(town.context("waste").database) if not name.startswith("_")] == [
        "insert",
        "remember",
        "remembered",
        "session",
        "transaction",
        "tuples",
    ]
