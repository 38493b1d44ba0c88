"""Everything an instance holds about one account, as data (Art. 15 and 20 GDPR)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import structlog
from sqlalchemy import LargeBinary, select

from allmende.db.engine import Database
from allmende.privacy.holdings import Holding

log = structlog.get_logger(__name__)
MOST = 10_000
"""Rows of one table; whoever has more is told, and can ask the town hall for the rest."""
Hook = Callable[[str], Awaitable[Any]]
"""Account → what a plugin has to add."""


async def export(
    database: Database, city: str, account: str, held: Sequence[Holding], hooks: Mapping[str, Hook]
) -> dict[str, Any]:
    """Owner → table → rows. A part that fails is named under `failed`, and costs no other part."""
    parts: dict[str, Any] = {}
    failed: list[str] = []
    for holding in held:
        try:
            if rows := await _rows(database, city, account, holding):
                parts.setdefault(holding.owner, {})[str(holding.table.name)] = rows
        except Exception as error:
            failed.append(_noted(holding.owner, error))
    for owner, hook in hooks.items():
        try:
            if more := await hook(account):
                parts.setdefault(owner, {})["more"] = more
        except Exception as error:
            failed.append(_noted(owner, error))
    return {"city": city, "account": account, "data": parts, "failed": sorted(set(failed))}


async def _rows(database: Database, city: str, account: str, holding: Holding) -> list[dict[str, Any]]:
    where = holding.belongs_to(account)
    if where is None:
        return []
    columns = [column for column in holding.table.c if not isinstance(column.type, LargeBinary)]
    async with database.session(city) as session:
        found = await session.execute(select(*columns).where(where).limit(MOST))
        return [{key: _plain(value) for key, value in row._mapping.items()} for row in found]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _noted(owner: str, error: Exception) -> str:
    log.warning("export_failed", owner=owner, error=type(error).__name__)
    return owner
