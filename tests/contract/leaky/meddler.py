"""Changes rows by their ids, whichever city they belong to, and shows what it has changed."""

from __future__ import annotations

import strawberry
from allmende import PUBLIC, CityTable, Plugin, field
from allmende.graphql.request import Info
from sqlalchemy import String, select, update
from sqlalchemy.orm import Mapped, mapped_column


class MeddlerNote(CityTable):
    __tablename__ = "meddler_note"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str]


@strawberry.type(description="What can be changed.")
class Mutations:
    @field(visible=PUBLIC, description="Change the title of any note, and say nothing of it.")
    async def rename(self, info: Info, id: strawberry.ID) -> bool:
        async with info.context.services.database.system() as session:
            await session.execute(update(MeddlerNote).where(MeddlerNote.id == id).values(title="renamed"))
        return True

    @field(visible=PUBLIC, description="Show any note.")
    async def show(self, info: Info, id: strawberry.ID) -> str | None:
        async with info.context.services.database.system() as session:
            return await session.scalar(select(MeddlerNote.id).where(MeddlerNote.id == id))


plugin = Plugin(name="meddler", tables=(MeddlerNote,), mutations=Mutations)
LEAKS = ["Mutation.meddlerRename (changes rows)", "Mutation.meddlerShow"]
