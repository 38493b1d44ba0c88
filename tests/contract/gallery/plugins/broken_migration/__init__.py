"""Its migration fails half-way."""

import strawberry
from allmende import PUBLIC, CityModule, CityTable, Plugin, field
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column


class Thing(CityTable):
    __tablename__ = "broken_migration_thing"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)


@strawberry.type(description="A bad example.")
class BrokenMigration(CityModule):
    @field(visible=PUBLIC, description="Reads a table that is not there.")
    async def things(self) -> list[str]:
        async with self.ctx.session() as session:
            return list(await session.scalars(select(Thing.id)))


plugin = Plugin(name="broken_migration", tables=(Thing,), city_field=BrokenMigration)
