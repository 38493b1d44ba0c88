"""Modules that city admins switch off at the desk: layered over what the files say, in all workers (ADR 90)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.audit import audit
from allmende.city.model import Switch
from allmende.city.switches import Switches
from allmende.db.engine import Database
from allmende.desk.request import Desk
from allmende.desk.tables import DeskSwitch

_NO_SYNC = {"synchronize_session": False}


async def load_switches(database: Database) -> Switches:
    """What is switched off at the desks of all cities; one statement."""
    found: dict[str, dict[str, Switch]] = defaultdict(dict)
    async with database.system(write=False) as session:
        for row in await session.scalars(select(DeskSwitch)):
            found[row.city][row.plugin] = Switch(off=True, reason=row.reason, since=row.since)
    return dict(found)


async def switch_off(session: AsyncSession, desk: Desk, plugin: str, reason: dict[str, str]) -> None:
    """Off from now on, for everybody; it is written into the audit log."""
    await session.execute(delete(DeskSwitch).where(DeskSwitch.plugin == plugin), execution_options=_NO_SYNC)
    now = desk.office.clock()
    row = {"plugin": plugin, "reason": reason, "since": now, "by": desk.reader.name}
    await session.execute(insert(DeskSwitch), [row])
    await audit(session, desk.reader, "module.off", plugin, {"reason": reason}, now=now)


async def switch_on(session: AsyncSession, desk: Desk, plugin: str) -> bool:
    """As the files say again; False where it was not switched off here."""
    gone = delete(DeskSwitch).where(DeskSwitch.plugin == plugin)
    result: Any = await session.execute(gone, execution_options=_NO_SYNC)
    if result.rowcount:
        await audit(session, desk.reader, "module.on", plugin, now=desk.office.clock())
    return bool(result.rowcount)
