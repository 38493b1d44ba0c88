"""Things of devices and of staff that are shown to whoever is one, without asking whose they are or in which city."""

from __future__ import annotations

import strawberry
from allmende import SIGNED_IN, CityModule, CityTable, Permission, Plugin, field, staff
from allmende.graphql.request import Info
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column


class GossipLetter(CityTable):
    __tablename__ = "gossip_letter"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    title: Mapped[str]


@strawberry.type(description="Letters.")
class Gossip(CityModule):
    @field(visible=SIGNED_IN, description="Said to be one's own, and everybody's.")
    async def mine(self) -> list[str] | None:
        async with self.ctx.session() as session:
            return list(await session.scalars(select(GossipLetter.title).order_by(GossipLetter.id).limit(10)))

    @field(visible=SIGNED_IN, description="One's own.")
    async def own(self) -> list[str] | None:
        statement = select(GossipLetter.title).where(GossipLetter.owner == self.ctx.reader.id).limit(10)
        async with self.ctx.session() as session:
            return list(await session.scalars(statement))

    @field(visible=staff("gossip.work"), description="All of the city, for its staff.")
    async def all(self) -> list[str] | None:
        return await self.mine()

    @field(visible=staff("gossip.work"), description="All of every city.")
    async def everywhere(self, info: Info) -> list[str] | None:
        async with info.context.services.database.system() as session:
            return list(await session.scalars(select(GossipLetter.title).limit(100)))


WORK = Permission(name="work", title="Lesen", roles=("case_worker",))
plugin = Plugin(name="gossip", tables=(GossipLetter,), city_field=Gossip, permissions=(WORK,))
LEAKS = ["City.gossip.everywhere", "City.gossip.mine (to citizens of the same city)"]
