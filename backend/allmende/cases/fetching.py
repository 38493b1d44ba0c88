"""Pictures of a case of which only the address was given, as Open311 does it: fetched by a chore, never while somebody
waits for an answer, and from public addresses only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.cases.access import find
from allmende.cases.history import SYSTEM, Audience, has_moved, lock, record
from allmende.cases.tables import Case, CaseFetch
from allmende.cases.words import word
from allmende.cases.work import attach
from allmende.context import Context
from allmende.errors import AllmendeError, FeedError, InputError
from allmende.files.store import Store
from allmende.files.upload import MAX_BYTES, take_in
from allmende.outside import Answer, Outside, TooLarge

log = structlog.get_logger(__name__)
BATCH, AT_ONCE = 8, 4
"""Pictures that one run looks after, and how many of them at the same time: slow servers hold up no others for long."""
TRIES = 8
"""Over about two hours; then staff are told."""
REDIRECTS = 3
LATER = frozenset({408, 425, 429})
"""What a server answers that may give the picture yet, besides 5xx."""


class _Hopeless(Exception):
    """The next attempt would end like this one."""


async def fetch(
    session: AsyncSession, ctx: Context[Any], case: Case, url: str, *, shown: bool, trusted: bool = False
) -> None:
    """Have the picture at this address become a part of the case; the same address once.

    `shown` says that everybody sees it with the case as soon as it is there. Without it, what arrives after the case
    was published stays private: nobody has looked at it. `trusted` addresses, which no stranger has given, may be on
    the private servers that the operator allows. Where it cannot be had, staff find a note in the case.
    """
    row = to_fetch(ctx, case, url, shown=shown, trusted=trusted)
    if await session.get(CaseFetch, {"city": row.city, "case_id": row.case_id, "id": row.id}) is None:
        session.add(row)


def to_fetch(ctx: Context[Any], case: Case, url: str, *, shown: bool, trusted: bool = False) -> CaseFetch:
    """The same for a case that is not there yet, as a row that is written with it."""
    id_ = blake2b(url.encode(), digest_size=16).hexdigest()
    return CaseFetch(city=case.city, case_id=case.id, id=id_, url=url, shown=shown, trusted=trusted, due=ctx.clock())


async def awaits_pictures(session: AsyncSession, case: Case) -> bool:
    """Whether pictures of the case are still to be fetched."""
    return bool(await session.scalar(select(exists().where(CaseFetch.case_id == case.id))))


async def waiting(session: AsyncSession, now: datetime) -> Collection[str]:
    """The cities with pictures that are due."""
    return set(await session.scalars(select(CaseFetch.city).where(CaseFetch.due <= now).distinct()))


async def fetch_due(ctx: Context[Any], store: Store, outside: Outside) -> None:
    """Fetch what is due in this city. One picture's trouble does not keep the others from it."""
    async with ctx.session() as session:
        due = select(CaseFetch).where(CaseFetch.due <= ctx.clock()).order_by(CaseFetch.due, CaseFetch.id)
        rows = (await session.scalars(due.limit(BATCH))).all()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(row: CaseFetch) -> None:
        async with room:
            await _fetch(ctx, row, store, outside if row.trusted else Outside())

    await asyncio.gather(*(one(row) for row in rows))


async def _fetch(ctx: Context[Any], row: CaseFetch, store: Store, outside: Outside) -> None:
    try:
        file = await _picture(ctx, row, store, outside)
    except (_Hopeless, InputError, TooLarge) as error:
        await _failed(ctx, row, str(error), hopeless=True)
    except AllmendeError as error:
        await _failed(ctx, row, error.message)
    except Exception as error:  # the store, usually
        log.warning("case_picture_failed", city=ctx.city.slug, error=type(error).__name__)
        await _failed(ctx, row, type(error).__name__)
    else:
        await _arrived(ctx, row, file)


async def _picture(ctx: Context[Any], row: CaseFetch, store: Store, outside: Outside) -> str:
    """Id of the upload that the picture has become, decoded and made anew like any other."""
    answer: Answer = await outside.call("GET", row.url, size=MAX_BYTES, redirects=REDIRECTS)
    if answer.status in LATER or answer.status >= 500:
        raise FeedError(f"the server answered {answer.status}")
    if answer.status != 200:
        raise _Hopeless(f"the server answered {answer.status}")
    key = f"{row.case_id}/{row.id}/{blake2b(answer.content, digest_size=16).hexdigest()}"
    whole: Any = ctx.database  # a chore is given the database itself, not on a leash
    return (await take_in(whole, store, row.city, answer.content, ctx.clock(), key)).id


async def _arrived(ctx: Context[Any], row: CaseFetch, file: str) -> None:
    async with ctx.transaction() as session:
        case = await _done(session, row)
        if case is None:
            return
        await lock(session, case)
        public = row.shown or not case.published
        await attach(session, ctx, case, [file], public=public)
        audience: Audience = "public" if row.shown else "citizen" if public else "staff"
        text = "" if public else word(ctx.language, "fetch_held").format(url=_plain(row.url))
        await record(session, ctx, case, "attached", audience=audience, facts={"files": [file]}, text=text, by=SYSTEM)


async def _failed(ctx: Context[Any], row: CaseFetch, reason: str, *, hopeless: bool = False) -> None:
    """Try again, ever later; tell staff when that has no sense (any more)."""
    async with ctx.transaction() as session:
        if not hopeless and row.attempts + 1 < TRIES:
            again = await session.get(CaseFetch, {"city": row.city, "case_id": row.case_id, "id": row.id})
            if again is not None:
                again.due = ctx.clock() + timedelta(minutes=1) * 2**again.attempts
                again.attempts += 1
            return
        case = await _done(session, row)
        if case is not None:
            await lock(session, case)
            text = word(ctx.language, "fetch_failed").format(url=_plain(row.url), reason=reason[:300])
            await record(session, ctx, case, "note", text=text, by=SYSTEM)


async def _done(session: AsyncSession, row: CaseFetch) -> Case | None:
    """Strike it off; the case, if it is still there with its personal parts, and nobody else was faster."""
    there = await session.get(CaseFetch, {"city": row.city, "case_id": row.case_id, "id": row.id})
    case = await find(session, id=row.case_id)
    if there is None:
        return None
    if case is not None and await has_moved(session, case):
        return None  # it takes this along
    await session.delete(there)
    return case if case is not None and case.erased is None else None


def _plain(url: str) -> str:
    """The address for people: without the query, which may hold a key."""
    return url.partition("?")[0]
