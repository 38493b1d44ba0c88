"""Passes reports on to the town hall's own Open311 server, and mirrors their states and photos. None is sent twice.

The row in the outbox is written with the case. Before anything is sent, the row says so (`sending`); if the answer does
not arrive, the report is looked for on the other side by its number, and never sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from allmende import AllmendeError, Answer, Context, FeedError, Unreached, cases
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..config import Category, Forward, ReportsConfig
from ..kind import PrivatePart, PublicPart
from ..tables import Passed
from ..wording import picture_address
from .mirroring import MIRROR, ask, mirror
from .reading import Row, read

Ctx = Context[ReportsConfig]
BATCH = 40
"""Reports that one run of the job looks after."""
TRIES = 8
"""Attempts to send, and looks for a report whose fate is not known."""
LASTING = timedelta(days=7)
"""For how long the other side can fetch photos from the addresses that it is given."""


async def pass_on(ctx: Ctx) -> None:
    """What is due: send, look for, mirror. One report's trouble does not keep the others from it."""
    forward = ctx.config.forward
    if forward is None:
        return
    async with ctx.session() as session:
        due = select(Passed).where(Passed.state.in_(("waiting", "sending", "sent")), Passed.due <= ctx.clock())
        rows = list(await session.scalars(due.order_by(Passed.due, Passed.case_id).limit(BATCH)))
    steps = {"waiting": _send, "sending": _look_for}
    for row in rows:
        if row.state in steps:
            await steps[row.state](ctx, forward, row.case_id)
    await mirror(ctx, forward, [row for row in rows if row.state == "sent"])


async def _send(ctx: Ctx, forward: Forward, case_id: str) -> None:
    """Send it, once it is written down that it is being sent."""
    async with ctx.transaction() as session:
        row = await session.get_one(Passed, {"city": ctx.city.slug, "case_id": case_id})
        case = await cases.find(session, id=case_id)
        category = ctx.config.category(case.category) if case else None
        if case is None or category is None or not case.open:
            row.state, row.reason = "given_up", "was closed before it was passed on"
            return
        if await cases.awaits_pictures(session, case):
            return  # its photos are on their way; the next run sends all together
        photos = await _photos(session, ctx, forward, case)
        form: dict[str, str | list[str]] = {**_form(ctx, forward, case, category)}
        form |= {"media_url": photos} if photos else {}
        row.state, row.attempts, row.due = "sending", row.attempts + 1, ctx.clock() + timedelta(minutes=5)
        row.photos = len(photos)
    try:
        answer = await ctx.outside.call("POST", f"{forward.url.rstrip('/')}/requests.{forward.format}", form=form)
    except Unreached as error:
        await _later(ctx, case_id, error.message, again="waiting")
    except FeedError as error:
        await _later(ctx, case_id, error.message, again="sending")
    else:
        await _sent(ctx, forward, case_id, answer)


async def _sent(ctx: Ctx, forward: Forward, case_id: str, answer: Answer) -> None:
    try:
        document = read(answer.content)
    except FeedError as error:
        unknown = answer.status < 400 or answer.status >= 500
        await _later(ctx, case_id, f"{answer.status}: {error.message}", again="sending" if unknown else "waiting")
        return
    if answer.status < 300 and document.kind == "requests" and document.items:
        await _arrived(ctx, forward, case_id, document.items[0])
    else:
        said = "; ".join(str(item.get("description") or "") for item in document.items)
        again = "sending" if answer.status >= 500 or answer.status < 400 else "waiting"
        await _later(ctx, case_id, f"{answer.status}: {said}", again=again)


async def _arrived(ctx: Ctx, forward: Forward, case_id: str, item: Row) -> None:
    async with ctx.transaction() as session:
        row = await session.get_one(Passed, {"city": ctx.city.slug, "case_id": case_id})
        row.state, row.reason, row.due = "sent", "", ctx.clock() + MIRROR
        row.remote_id = str(item.get("service_request_id") or "")[:200]
        row.token = str(item.get("token") or "")[:200]
        case = await cases.find(session, id=case_id)
        if case is not None and not await cases.has_moved(session, case):
            await cases.note(session, ctx, case, ctx.text("passed.sent", id=row.remote_id or row.token))
            if not row.photos and forward.photos != "no" and await _shown(session, ctx, case):
                await cases.note(session, ctx, case, ctx.text("passed.no_photos"))


async def _later(ctx: Ctx, case_id: str, reason: str, *, again: str) -> None:
    """Try again, ever later; after TRIES, staff are told."""
    async with ctx.transaction() as session:
        row = await session.get_one(Passed, {"city": ctx.city.slug, "case_id": case_id})
        row.state, row.reason = again, reason[:300]
        row.due = ctx.clock() + timedelta(minutes=5) * 2 ** min(row.attempts, 8)
        if row.attempts >= TRIES:
            row.state = "given_up"
            case = await cases.find(session, id=case_id)
            if case is not None and not await cases.has_moved(session, case):
                key = "passed.unknown" if again == "sending" else "passed.failed"
                await cases.note(session, ctx, case, ctx.text(key, reason=row.reason))


async def _look_for(ctx: Ctx, forward: Forward, case_id: str) -> None:
    """Whether a report of which no answer came is on the other side: by its number in the text."""
    async with ctx.transaction() as session:
        row = await session.get_one(Passed, {"city": ctx.city.slug, "case_id": case_id})
        row.attempts += 1
        case = await cases.find(session, id=case_id)
    if case is None:
        return
    start = (case.created - timedelta(days=1)).isoformat(timespec="seconds")
    try:
        document = await ask(ctx, forward, "requests", start_date=start)
    except FeedError as error:
        await _later(ctx, case_id, error.message, again="sending")
        return
    found = [item for item in document.items if f"[{case.number}]" in str(item.get("description") or "")]
    if found:
        await _arrived(ctx, forward, case_id, found[0])
    else:
        await _later(ctx, case_id, "is not (yet) to be seen on the other side", again="sending")


async def _photos(session: AsyncSession, ctx: Ctx, forward: Forward, case: cases.Case) -> list[str]:
    """Addresses that nobody can guess, of the photos that are no secret of this house; none without a host name."""
    if forward.photos == "no" or not ctx.city.site:
        return []
    found = [picture_address(ctx.city, one) for one in await _shown(session, ctx, case)]
    return found if forward.photos == "all" else found[:1]


async def _shown(session: AsyncSession, ctx: Ctx, case: cases.Case) -> list[cases.Picture]:
    """The photos of the part that may be published, large."""
    found = await cases.pictures(session, ctx, [case], size="full", every=True, lasting=LASTING)
    return [one for one in found[case.id] if not one.held]


def _form(ctx: Ctx, forward: Forward, case: cases.Case, category: Category) -> Mapping[str, str]:
    public, private = msgspec.convert(case.public, PublicPart), msgspec.convert(case.private, PrivatePart)
    form: dict[str, Any] = {
        "service_code": category.service_code or category.id,
        "lat": case.lat,
        "long": case.lon,
        "address_string": case.address,
        "description": f"{public.text}\n\n[{case.number}]",
        "jurisdiction_id": forward.jurisdiction,
    }
    answers = {**public.fields, **(private.fields if forward.personal else {})}
    form |= {
        f"attribute[{id}]": str(value).lower() if isinstance(value, bool) else value for id, value in answers.items()
    }
    if forward.personal:
        first, _, last = private.name.partition(" ")
        form |= {"first_name": first, "last_name": last, "email": private.email, "phone": private.phone}
    if forward.api_key:
        try:
            form["api_key"] = ctx.outside.secret(forward.api_key)
        except AllmendeError as error:
            raise FeedError(error.message, place="forward.api_key") from error
    return {name: str(value) for name, value in form.items() if value not in ("", None)}
