"""Which messages belong together: updates and cancellations refer to earlier ones, of which some are not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allmende import Batch, Context, Source
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..tables import CityWarning
from .alert import Alert

MAX_MESSAGES = 100


def chains(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """The alerts in chains, each from the first message to the latest; two that refer to one message are one chain."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for alert in alerts:
        for earlier in alert.references:
            root[find(alert.identifier)] = find(earlier)
    grouped: dict[str, dict[str, Alert]] = {}
    for alert in sorted(alerts, key=lambda each: each.sent):
        grouped.setdefault(find(alert.identifier), {})[alert.identifier] = alert
    return [list(chain.values()) for chain in grouped.values()]


async def recognise(session: AsyncSession, ctx: Context[Any], source: Source, batch: Batch) -> Batch:
    """Give rows that continue a stored warning its key, so that it stays the same warning under the same id."""
    stored = await session.execute(
        select(CityWarning.key, CityWarning.messages, CityWarning.first_sent).where(CityWarning.source == source.id)
    )
    known: dict[str, tuple[str, list[str], Any]] = {}
    for key, messages, first in sorted(stored, key=lambda row: row[2], reverse=True):
        known |= dict.fromkeys((*messages, key), (key, messages, first))
    rows: dict[str, CityWarning] = {}
    for row in sorted((row for row in batch.rows if isinstance(row, CityWarning)), key=lambda each: each.sent):
        same = next((known[name] for name in row.messages if name in known), None)
        if same is not None:
            row.key, row.first_sent = same[0], min(row.first_sent, same[2])
            row.messages = list(dict.fromkeys((*row.messages, *same[1])))[:MAX_MESSAGES]
        rows[row.key] = row  # of two messages that continue one warning, the later counts
    return replace(batch, rows=list(rows.values()))
