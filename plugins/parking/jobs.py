"""Every five minutes: remember how many spaces are free, so that a trend can be told; forget what is older."""

from __future__ import annotations

from allmende import Context
from sqlalchemy import delete, insert, select

from .config import ParkingConfig
from .service import TREND
from .tables import CarPark, Reading

KEPT = 2 * TREND


async def remember(ctx: Context[ParkingConfig]) -> None:
    """Three statements, however many car parks there are."""
    now = ctx.now.replace(second=0, microsecond=0)
    async with ctx.transaction() as session:
        live = (await session.execute(select(CarPark.id, CarPark.free).where(CarPark.free.is_not(None)))).all()
        await session.execute(delete(Reading).where((Reading.at < now - KEPT) | (Reading.at == now)))
        if live:
            await session.execute(insert(Reading), [{"carpark": id_, "at": now, "free": free} for id_, free in live])
