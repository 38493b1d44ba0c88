"""Files that an editor uploads for a source: looked at first, then taken instead of what is fetched."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.context import Database
from allmende.errors import NotFound
from allmende.feeds.fetched import Fetched, Validators
from allmende.feeds.tables import FeedUpload
from allmende.importer import Payload

LOOKED_AT = timedelta(days=1)
"""For how long an upload that nobody has decided about is kept."""
_NO_SYNC = {"synchronize_session": False}


class Upload(Struct, frozen=True, kw_only=True):
    """An uploaded file without its content."""

    id: str
    plugin: str
    source: str
    state: str
    created: datetime
    by: str
    name: str


_FIELDS = tuple(getattr(FeedUpload, name) for name in Upload.__struct_fields__)


async def keep(session: AsyncSession, plugin: str, source: str, payload: Payload, *, by: str, now: datetime) -> str:
    """Store the file to be looked at; its id. What nobody has decided about since yesterday goes."""
    old = delete(FeedUpload).where(FeedUpload.state == "preview", FeedUpload.created < now - LOOKED_AT)
    await session.execute(old, execution_options=_NO_SYNC)
    values = {
        "id": uuid4().hex,
        "plugin": plugin,
        "source": source,
        "state": "preview",
        "created": now,
        "by": by[:200],
        "content": payload.content,
        "content_hash": blake2b(payload.content, digest_size=16).hexdigest(),
        "name": payload.name[:200],
        "media_type": payload.media_type[:200],
        "encoding": payload.encoding[:64],
    }
    await session.execute(insert(FeedUpload), [values])
    return str(values["id"])


async def load(database: Database, city: str, plugin: str, source: str, id_: str) -> Fetched:
    """The file of this id; NotFound where there is none (any more)."""
    found = await _load(database, city, select(FeedUpload).where(*_of(plugin, source), FeedUpload.id == id_))
    if found is None:
        raise NotFound("this upload is not there any more")
    return found


async def current(database: Database, city: str, plugin: str, source: str) -> Fetched | None:
    """The file that this source consists of; None where it is fetched."""
    return await _load(database, city, select(FeedUpload).where(*_of(plugin, source), FeedUpload.state == "current"))


async def there(session: AsyncSession) -> dict[tuple[str, str], Upload]:
    """(Plugin, source) → the file that it consists of, for all sources of the city that consist of one."""
    rows = await session.execute(select(*_FIELDS).where(FeedUpload.state == "current"))
    return {(row.plugin, row.source): Upload(**row._mapping) for row in rows}


async def take(session: AsyncSession, plugin: str, source: str, id_: str) -> None:
    """From now on the source consists of this file, in place of an earlier one; NotFound where it is gone."""
    await forget(session, plugin, source)
    mine = update(FeedUpload).where(*_of(plugin, source), FeedUpload.id == id_).values(state="current")
    result: Any = await session.execute(mine, execution_options=_NO_SYNC)
    if not result.rowcount:
        raise NotFound("this upload is not there any more")


async def forget(session: AsyncSession, plugin: str, source: str) -> bool:
    """From now on the source is fetched again; False where it was all along."""
    mine = delete(FeedUpload).where(*_of(plugin, source), FeedUpload.state == "current")
    result: Any = await session.execute(mine, execution_options=_NO_SYNC)
    return bool(result.rowcount)


async def drop(session: AsyncSession, plugin: str, source: str, id_: str) -> None:
    """Forget a file that was looked at and not wanted."""
    mine = delete(FeedUpload).where(*_of(plugin, source), FeedUpload.id == id_, FeedUpload.state == "preview")
    await session.execute(mine, execution_options=_NO_SYNC)


async def _load(database: Database, city: str, statement: Select[Any]) -> Fetched | None:
    async with database.session(city) as session:
        row = (await session.execute(statement)).scalar_one_or_none()
    if row is None:
        return None
    payload = Payload(
        content=row.content,
        name=row.name,
        media_type=row.media_type,
        encoding=row.encoding,
        fetched_at=row.created,
    )
    return Fetched(payload=payload, validators=Validators(content_hash=row.content_hash))


def _of(plugin: str, source: str) -> tuple[Any, Any]:
    return FeedUpload.plugin == plugin, FeedUpload.source == source
