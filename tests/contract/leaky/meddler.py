"""Changes rows by their ids, whichever city they belong to, and shows what it has changed."""

from __future__ import annotations

import strawberry
from allmende import PUBLIC, CityModule, CityTable, Plugin, field
from allmende.graphql.request import Info
from sqlalchemy import String, select, update
from sqlalchemy.orm import Mapped, mapped_column


class MeddlerNote(CityTable):
    __tablename__ = "meddler_note"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str]


@strawberry.input(description="Which note.")
class MeddlerNoteInput:
    city: str = strawberry.field(description="In which city.")
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.type(description="What can be changed.")
class MeddlerMutations(CityModule):
    @field(visible=PUBLIC, description="Change the title of any note, and say nothing of it.")
    async def rename(self, info: Info, input: MeddlerNoteInput) -> bool:
        async with info.context.services.database.system() as session:
            await session.execute(update(MeddlerNote).where(MeddlerNote.id == input.id).values(title="renamed"))
        return True

    @field(visible=PUBLIC, description="Show any note.")
    async def show(self, info: Info, input: MeddlerNoteInput) -> str | None:
        async with info.context.services.database.system() as session:
            return await session.scalar(select(MeddlerNote.id).where(MeddlerNote.id == input.id))


plugin = Plugin(name="meddler", tables=(MeddlerNote,), mutations=MeddlerMutations)
LEAKS = ["Mutation.meddlerRename (changes rows)", "Mutation.meddlerShow"]
