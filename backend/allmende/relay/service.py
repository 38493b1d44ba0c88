"""Streams are opened and closed by who holds them; operations come and end by anybody who has the token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, delete, func, select, tuple_, update

from allmende.db.engine import Database
from allmende.db.upsert import upsert
from allmende.errors import AllmendeError
from allmende.relay.tables import RelayOperation, RelayStream

LIFE = timedelta(hours=12)
"""For how long a stream may be open; what is older was left behind by a worker that was killed."""
UNHEARD = timedelta(minutes=5)
"""After which nobody will open the stream any more that an operation waits for."""
AT_ONCE = 500
"""Operations that are handed over by one statement."""
STREAMS, OPERATIONS = RelayStream.__tablename__, RelayOperation.__tablename__
_QUIET = {"synchronize_session": False}


class Taken(AllmendeError):
    """There is an operation of this id on the stream already."""

    code = "DUPLICATE"


class TooManyOperations(AllmendeError):
    code = "LIMIT_OPERATIONS"


class NotOpen(AllmendeError):
    """Nobody holds the stream (any more)."""

    code = "NOT_FOUND"


class News(Struct, frozen=True):
    """An operation that has come to, or was ended on, a stream of this holder."""

    token: str
    id: str
    request: bytes
    ended: bool


async def open_stream(database: Database, token: str, holder: str, now: datetime) -> bool:
    """False where the stream is open already, here or elsewhere."""
    async with database.system() as session:
        row = {"token": token, "holder": holder, "opened": now}
        made = upsert(session, RelayStream).values(row).on_conflict_do_nothing().returning(RelayStream.token)
        return (await session.execute(made)).one_or_none() is not None


async def is_open(database: Database, token: str) -> bool:
    async with database.system(write=False) as session:
        return await session.get(RelayStream, token) is not None


async def close_stream(database: Database, token: str) -> None:
    async with database.system() as session:
        for table in (RelayOperation, RelayStream):
            await session.execute(delete(table).where(table.token == token), execution_options=_QUIET)


async def begin(
    database: Database, token: str, id_: str, request: bytes, now: datetime, limit: int, *, fresh: bool
) -> None:
    """Let the holder of the stream run this. Raises Taken, TooManyOperations from `limit` on, and NotOpen; a `fresh`
    reservation may still be opened."""
    async with database.system() as session:
        if not fresh and await session.get(RelayStream, token) is None:
            raise NotOpen("the stream is not open")
        mine = select(func.count()).select_from(RelayOperation).where(RelayOperation.token == token)
        if (await session.scalar(mine) or 0) >= limit:
            raise TooManyOperations(f"{limit} operations are open on this stream")
        row = {"token": token, "id": id_, "state": "waiting", "request": request, "created": now}
        made = upsert(session, RelayOperation).values(row).on_conflict_do_nothing().returning(RelayOperation.id)
        if (await session.execute(made)).one_or_none() is None:
            raise Taken(f"extensions.operationId: an operation {id_[:60]!r} is open on this stream")


async def end(database: Database, token: str, id_: str) -> None:
    """Let the holder of the stream stop this; nothing happens where it has ended by itself."""
    async with database.system() as session:
        which = and_(RelayOperation.token == token, RelayOperation.id == id_)
        statement = update(RelayOperation).where(which).values(state="ended", request=b"")
        await session.execute(statement, execution_options=_QUIET)


async def ended(database: Database, token: str, id_: str) -> None:
    """It is over, so that its id can be used anew."""
    async with database.system() as session:
        which = and_(RelayOperation.token == token, RelayOperation.id == id_)
        await session.execute(delete(RelayOperation).where(which), execution_options=_QUIET)


async def take(database: Database, holder: str) -> Sequence[News]:
    """What is new on the streams of this holder, oldest first, at most 500; one statement if there is nothing."""
    new = (
        select(RelayOperation.token, RelayOperation.id, RelayOperation.state, RelayOperation.request)
        .join(RelayStream, RelayStream.token == RelayOperation.token)
        .where(RelayStream.holder == holder, RelayOperation.state != "running")
        .order_by(RelayOperation.created, RelayOperation.id)
        .limit(AT_ONCE)
    )
    async with database.system(write=False) as session:
        rows = (await session.execute(new)).all()
    if not rows:
        return ()
    async with database.system() as session:
        these = [(row.token, row.id) for row in rows if row.state == "waiting"]
        waiting = and_(_in(these), RelayOperation.state == "waiting")  # not what was ended since
        statement: Any = update(RelayOperation).where(waiting).values(state="running", request=b"")
        await session.execute(statement, execution_options=_QUIET)
        over = [(row.token, row.id) for row in rows if row.state == "ended"]
        await session.execute(delete(RelayOperation).where(_in(over)), execution_options=_QUIET)
    return [News(row.token, row.id, row.request, row.state == "ended") for row in rows]


async def forget(database: Database, now: datetime) -> None:
    """What waits for streams that were never opened, and what workers have left behind that were killed."""
    old = now - LIFE - UNHEARD
    unheard = and_(RelayOperation.state != "running", RelayOperation.created < now - UNHEARD)
    async with database.system() as session:
        await session.execute(delete(RelayOperation).where(unheard), execution_options=_QUIET)
        await session.execute(delete(RelayOperation).where(RelayOperation.created < old), execution_options=_QUIET)
        await session.execute(delete(RelayStream).where(RelayStream.opened < old), execution_options=_QUIET)


def _in(keys: Sequence[tuple[str, str]]) -> Any:
    return tuple_(RelayOperation.token, RelayOperation.id).in_(keys)
