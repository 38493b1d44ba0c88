"""Takes everything personal out of a case; its number, states and dates stay, and its history still verifies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.cases.access import of
from allmende.cases.history import SYSTEM, lock, record
from allmende.cases.pictures import HELD, owner
from allmende.cases.tables import Case, CaseFetch, CaseFollower, CaseText, submitted_by
from allmende.city.model import City, Config
from allmende.context import Context
from allmende.db.engine import Database
from allmende.files import service as files
from allmende.search.fold import words

log = structlog.get_logger(__name__)
BATCH = 100
DEFAULT = timedelta(days=180)
"""Retention of cases of which the kind is not known any more."""
_QUIET = {"synchronize_session": False}


async def erase(session: AsyncSession, ctx: Context[Any], case: Case) -> None:
    """Take out texts, private fields and pictures, and who it was; of what was never published, the rest as well."""
    await lock(session, case, moved=True)
    if case.erased is not None:
        return
    for table in (CaseText, CaseFetch):
        await session.execute(delete(table).where(table.case_id == case.id), execution_options=_QUIET)
    await session.execute(
        update(CaseFollower).where(CaseFollower.case_id == case.id).values(submitter=""), execution_options=_QUIET
    )
    case.private, case.submitter, case.assignee, case.once = {}, "", "", None
    if not case.published:
        case.title, case.address, case.lat, case.lon, case.public = "", "", None, None, {}
    await files.release(session, owner(case), ctx.clock(), purpose=HELD if case.published else "")
    found = dict.fromkeys(word for text in (case.number, case.title, case.category) for word in words(text))
    case.words = f" {' '.join(found)} "
    case.erased = ctx.clock()
    await record(session, ctx, case, "erased", by=SYSTEM)


async def expire(ctx: Context[Any], retention: Callable[[str], timedelta | None]) -> int:
    """Erase the city's cases that were closed longer ago than their kind's retention; how many those were."""
    now, done = ctx.clock(), 0
    async with ctx.session() as session:
        kinds = (await session.scalars(select(Case.kind).distinct())).all()
    for kind in kinds:
        limit = now - (retention(kind) or DEFAULT)
        due = select(Case).where(Case.kind == kind, Case.closed < limit, Case.erased.is_(None)).limit(BATCH)
        while found := await _erase_all(ctx, due):
            done += found
    if done:
        log.info("cases_erased", city=ctx.city.slug, cases=done)
    return done


async def erase_person(ctx: Context[Any], account: str, dry_run: bool) -> int:
    """Erase the cases that this device or citizen has submitted, and let it follow no other; how many they are."""
    mine = select(Case).where(submitted_by(account))
    if dry_run:
        async with ctx.session() as session:
            return int(await session.scalar(select(func.count()).select_from(mine.subquery())) or 0)
    done = 0
    while found := await _erase_all(ctx, mine.limit(BATCH)):
        done += found
    async with ctx.transaction() as session:
        gone = update(CaseFollower).where(CaseFollower.submitter == account).values(submitter="")
        await session.execute(gone, execution_options=_QUIET)
    return done


async def export_person(ctx: Context[Any], account: str) -> list[dict[str, Any]]:
    """What is held about a device or citizen: their cases with their fields and texts (Art. 15 and 20 GDPR)."""
    async with ctx.session() as session:
        found = (await session.scalars(of(account).limit(1000))).all()
        texts = select(CaseText.case_id, CaseText.text).where(
            CaseText.case_id.in_([case.id for case in found if case.submitter == account])
        )
        said: dict[str, list[str]] = {}
        for case_id, text in await session.execute(texts.order_by(CaseText.case_id, CaseText.seq)):
            said.setdefault(case_id, []).append(text)
    return [_held(case, said.get(case.id, []), own=case.submitter == account) for case in found]


def _held(case: Case, texts: list[str], *, own: bool) -> dict[str, Any]:
    """Of a case that somebody follows only, what everybody sees."""
    seen = {"number": case.number, "kind": case.kind, "title": case.title, "status": case.status}
    if not own:
        return seen
    where = {"address": case.address, "lat": case.lat, "lon": case.lon}
    fields = {"public": case.public, "private": case.private, "texts": texts}
    return {**seen, "submitted": case.created.isoformat(), **where, **fields}


def room_context(city: City, database: Database, clock: Callable[[], datetime]) -> Context[Any]:
    """What the register's own work is given, which belongs to no plugin."""
    return Context(city=city, plugin="cases", config=Config(), database=database, language=city.language, clock=clock)


async def _erase_all(ctx: Context[Any], statement: Any) -> int:
    async with ctx.transaction() as session:
        found = (await session.scalars(statement)).all()
        for case in found:
            await erase(session, ctx, case)
    return len(found)
