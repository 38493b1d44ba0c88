"""Keeps what it has read in a module's variables: for the next reader, whichever city that one asks for."""

from __future__ import annotations

from typing import Any

import strawberry
from allmende import PUBLIC, CityModule, Context, FeedTable, Plugin, field
from sqlalchemy import select
from sqlalchemy.orm import Mapped

_rows: list[str] = []
_contexts: list[Context[Any]] = []


class HoarderNote(FeedTable):
    __tablename__ = "hoarder_note"

    title: Mapped[str]


async def titles(ctx: Context[Any]) -> list[str]:
    async with ctx.session() as session:
        return list(await session.scalars(select(HoarderNote.title).order_by(HoarderNote.id)))


@strawberry.type(description="Forgets nothing.")
class Hoarder(CityModule):
    @field(visible=PUBLIC, description="Read once, kept for everybody.")
    async def cached(self) -> list[str]:
        if not _rows:
            _rows.extend(await titles(self.ctx))
        return _rows

    @field(visible=PUBLIC, description="Asked with the context of whoever came first.")
    async def closure(self) -> list[str]:
        _contexts.append(self.ctx)
        return await titles(_contexts[0])


plugin = Plugin(name="hoarder", tables=(HoarderNote,), city_field=Hoarder)
LEAKS = ["City.hoarder.cached", "City.hoarder.closure"]
