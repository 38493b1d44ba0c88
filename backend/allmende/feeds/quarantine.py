"""Payloads that would remove suspiciously much wait here until a person approves or rejects them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.context import Database
from allmende.errors import NotFound
from allmende.feeds.fetched import Fetched, Validators
from allmende.feeds.tables import FeedQuarantine
from allmende.importer import Payload

_NO_SYNC = {"synchronize_session": False}


async def keep(
    session: AsyncSession,
    plugin: str,
    source: str,
    fetched: Fetched,
    now: datetime,
    reason: str,
    counts: Mapping[str, Any],
) -> None:
    """Put the payload into quarantine, in place of an older one of the same source; once."""
    payload = fetched.payload
    assert payload is not None
    known = select(FeedQuarantine.content_hash).where(*_is(plugin, source))
    if (await session.execute(known)).scalar_one_or_none() == _hash(payload):
        return
    await forget(session, plugin, source)
    values = {
        "plugin": plugin,
        "source": source,
        "created": now,
        "reason": reason[:500],
        **{name: counts[name] for name in ("added", "changed", "removed")},
        "content": payload.content,
        "content_hash": _hash(payload),
        "name": payload.name,
        "media_type": payload.media_type[:200],
        "encoding": payload.encoding[:64],
        "fetched_at": payload.fetched_at,
    }
    await session.execute(insert(FeedQuarantine), [values])


async def load(database: Database, city: str, plugin: str, source: str) -> Fetched:
    """The quarantined payload of this source; NotFound if there is none."""
    async with database.session(city) as session:
        row = (await session.execute(select(FeedQuarantine).where(*_is(plugin, source)))).scalar_one_or_none()
    if row is None:
        raise NotFound(f"nothing of {plugin}/{source} is in quarantine")
    payload = Payload(
        content=row.content,
        name=row.name,
        media_type=row.media_type,
        encoding=row.encoding,
        fetched_at=row.fetched_at,
    )
    return Fetched(payload=payload, validators=Validators(content_hash=row.content_hash))


async def is_rejected(database: Database, city: str, plugin: str, source: str, fetched: Fetched) -> str:
    """The reason why this very payload was quarantined, if a person has rejected it already; otherwise ""."""
    if fetched.payload is None:
        return ""
    statement = select(FeedQuarantine.reason).where(
        *_is(plugin, source),
        FeedQuarantine.state == "rejected",
        FeedQuarantine.content_hash == _hash(fetched.payload),
    )
    async with database.session(city) as session:
        reason = (await session.execute(statement)).scalar_one_or_none()
    return f"rejected: {reason}" if reason else ""


async def reject(database: Database, city: str, plugin: str, source: str) -> bool:
    """Keep the present data, and do not ask again for this payload. False if nothing was waiting."""
    statement = update(FeedQuarantine).where(*_is(plugin, source), FeedQuarantine.state == "pending")
    async with database.transaction(city) as session:
        result: Any = await session.execute(statement.values(state="rejected"), execution_options=_NO_SYNC)
    return bool(result.rowcount)


async def forget(session: AsyncSession, plugin: str, source: str) -> None:
    """Remove what is in quarantine of this source."""
    await session.execute(delete(FeedQuarantine).where(*_is(plugin, source)), execution_options=_NO_SYNC)


def _is(plugin: str, source: str) -> tuple[Any, Any]:
    return FeedQuarantine.plugin == plugin, FeedQuarantine.source == source


def _hash(payload: Payload) -> str:
    return blake2b(payload.content, digest_size=16).hexdigest()
