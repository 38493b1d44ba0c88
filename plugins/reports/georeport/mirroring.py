"""Mirrors what the town hall's own Open311 server says of reports: their states, notes and photos."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from allmende import Context, FeedError, cases
from sqlalchemy.ext.asyncio import AsyncSession

from ..config import Forward, ReportsConfig
from ..kind import DEFECT
from ..tables import Passed
from .reading import Document, Row, photos_of, read

Ctx = Context[ReportsConfig]
MIRROR, SLOW = timedelta(minutes=15), timedelta(days=1)
"""How often an open report is asked for, and a closed one, which may be opened again."""
WATCHED = timedelta(days=90)
"""For how long a closed one is asked for."""
MOST_PHOTOS = 16
"""Of one report, together with those that it was given."""


async def mirror(ctx: Ctx, forward: Forward, rows: Sequence[Passed]) -> None:
    """Ask for all at once; those that only have a token yet are asked for their id first."""
    for row in rows:
        if row.token and not row.remote_id:
            try:
                document = await ask(ctx, forward, f"tokens/{row.token}")
            except FeedError:
                document = Document(kind="requests", items=())
            row.remote_id = next(
                (str(one["service_request_id"]) for one in document.items if one.get("service_request_id")), ""
            )
    known = {row.remote_id: row for row in rows if row.remote_id}
    items: Sequence[Row] = ()
    if known:
        try:
            items = (await ask(ctx, forward, "requests", service_request_id=",".join(known))).items
        except FeedError:
            items = ()
    said = {str(item.get("service_request_id")): item for item in items}
    for row in rows:
        await _mirrored(ctx, row, said.get(row.remote_id, {}))


async def _mirrored(ctx: Ctx, seen: Passed, item: Row) -> None:
    status, notes = str(item.get("status") or "").lower(), str(item.get("status_notes") or "").strip()[:400]
    async with ctx.transaction() as session:
        row = await session.get_one(Passed, {"city": ctx.city.slug, "case_id": seen.case_id})
        row.remote_id, row.due = seen.remote_id, ctx.clock() + MIRROR
        case = await cases.find(session, id=row.case_id)
        if case is None or await cases.has_moved(session, case):
            row.state = "closed"  # whoever goes on with it does not know this server
            return
        now = f"{status}: {notes}"
        if status and now != row.remote_status:
            before, row.remote_status = row.remote_status, now
            to = _state(case, status, notes, reopened=status == "open" and before.startswith("closed"))
            if to:
                await cases.transition(session, ctx, DEFECT, case, to, text=notes, by="system")
        await _take_photos(session, ctx, row, case, item)
        if not case.open:
            row.due = ctx.clock() + SLOW
            if case.closed is not None and case.closed < ctx.clock() - WATCHED:
                row.state = "closed"


async def _take_photos(session: AsyncSession, ctx: Ctx, row: Passed, case: cases.Case, item: Row) -> None:
    """Have new photos fetched. The first that the other side shows are copies of those that it was given."""
    seen = row.remote_media.split("\n") if row.remote_media else []
    for url in photos_of(item):
        bare = url.partition("?")[0]  # what signs an address changes
        if bare in seen or len(seen) >= MOST_PHOTOS:
            continue
        seen.append(bare)
        if len(seen) > row.photos:
            await cases.fetch(session, ctx, case, url, shown=True, trusted=True)
    row.remote_media = "\n".join(seen)


def _state(case: cases.Case, status: str, notes: str, *, reopened: bool) -> str:
    """The state that what the other side says stands for; empty where nothing changes. What staff closed stays so."""
    going = reopened or (case.open and bool(notes))
    wanted = "done" if status == "closed" else "in_progress" if going else ""
    known = DEFECT.status(case.status)
    return wanted if known and wanted in known.then else ""


async def ask(ctx: Ctx, forward: Forward, path: str, **query: str) -> Document:
    given = {**({"jurisdiction_id": forward.jurisdiction} if forward.jurisdiction else {}), **query}
    url = f"{forward.url.rstrip('/')}/{path}.{forward.format}"
    answer = await ctx.outside.call("GET", url, query=given)
    document = read(answer.content)
    if answer.status != 200 or document.kind == "errors":
        raise FeedError(f"answered {answer.status}", place=url)
    return document
