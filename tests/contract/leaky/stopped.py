"""Tries in vain: what the two locks of the database refuse, whoever asks."""

from __future__ import annotations

from typing import Any

import strawberry
from allmende import PUBLIC, CityModule, FeedTable, Plugin, field, stable_id
from allmende.search.tables import SearchTerm
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Mapped

OTHER = {"aue": "bek", "bek": "aue"}


class StoppedNote(FeedTable):
    __tablename__ = "stopped_note"

    title: Mapped[str]


@strawberry.type(description="Cannot get out.")
class Stopped(CityModule):
    @field(visible=PUBLIC, description="A note of the other city, by the id that it must have.")
    async def guess(self) -> str | None:
        other = OTHER[self.ctx.city.slug]
        wanted = stable_id(other, "desk", StoppedNote, f"qz{other}77 0")
        async with self.ctx.session() as session:
            return await session.scalar(select(StoppedNote.title).where(StoppedNote.id == wanted))

    @field(visible=PUBLIC, description="The city as a condition of its own.")
    async def condition(self) -> list[str]:
        other = OTHER[self.ctx.city.slug]
        async with self.ctx.session() as session:
            return list(await session.scalars(select(StoppedNote.title).where(StoppedNote.city == other)))

    @field(visible=PUBLIC, description="SQL without a city: refused on SQLite, restricted by PostgreSQL.")
    async def raw(self) -> list[str] | None:
        async with self.ctx.session() as session:
            return list(await session.scalars(text("SELECT title FROM stopped_note")))

    @field(visible=PUBLIC, description="Becomes the other city for the length of a statement.")
    async def forged(self) -> list[str] | None:
        async with self.ctx.session() as session:
            await session.execute(text("SELECT set_config('allmende.city', '*', true)"))
            return list(await session.scalars(text("SELECT title FROM stopped_note")))

    @field(visible=PUBLIC, description="Writes into the other city's search index.")
    async def index(self) -> bool | None:
        row: dict[str, Any] = {"plugin": "stopped", "kind": "stopped_note", "weight": 9, "term": "x", "id": "y"}
        async with self.ctx.transaction() as session:
            await session.execute(insert(SearchTerm), [{"city": OTHER[self.ctx.city.slug], **row}])
        return True

    @field(visible=PUBLIC, description="Gives the other city's notes to its own.")
    async def grab(self) -> bool | None:
        here = self.ctx.city.slug
        async with self.ctx.transaction() as session:
            changed = await session.execute(
                update(StoppedNote)
                .where(StoppedNote.city == OTHER[here])
                .values(title="mine")
                .returning(StoppedNote.id)
            )
            return changed.first() is not None


plugin = Plugin(name="stopped", tables=(StoppedNote,), city_field=Stopped)
