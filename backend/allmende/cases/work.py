"""What is done with a case: each function changes it and writes the event, in the caller's transaction.

None of them asks whether the reader may: that is the edge's matter (a mutation, a page of the desk), see access.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.casekind import CaseKind
from allmende.cases.draft import MAX_FILES, check_line, check_parts, check_text
from allmende.cases.history import CITIZEN, actor_of, lock, moment, record
from allmende.cases.pictures import HELD, SHOWN, show
from allmende.cases.tables import Case, CaseEvent, CaseLink, merged_into, part_of
from allmende.cases.telling import tell_submitters
from allmende.context import Context
from allmende.errors import AllmendeError, InputError, NotFound
from allmende.files import service as files
from allmende.search.fold import words

PER_HOUR = 20
"""Messages of its submitter to one case within an hour."""
DEEPEST = 10
"""Levels of cases that are parts of cases."""
UNCHANGED: Any = object()
"""Says in `assign` that something stays as it is."""


async def transition(
    session: AsyncSession, ctx: Context[Any], kind: CaseKind, case: Case, to: str, *, text: str = "", by: str = ""
) -> None:
    """Put the case into another state, with a public word on it if there is one to say.

    InputError (CASE_TRANSITION) where the kind does not let this state follow the present one.
    """
    await lock(session, case)
    status, now = kind.status(to), kind.status(case.status)
    if status is None or (now is not None and to not in now.then):
        possible = ", ".join(now.then if now else [one.name for one in kind.statuses]) or "nothing"
        raise InputError(f"status: {to[:40]!r} cannot follow {case.status!r}, only {possible}", code="CASE_TRANSITION")
    if text:
        check_text("text", text)
    facts = {"from": case.status, "to": to, "open": status.open}
    case.status, case.open, case.shown = status.name, status.open, status.public
    case.closed = None if status.open else ctx.clock()
    case.waiting = "" if not status.open or case.waiting == "staff" else case.waiting
    event = await record(session, ctx, case, "status", audience="public", facts=facts, text=text, by=by)
    await show(session, case)
    await tell_submitters(session, ctx, case, event)


async def withdraw(session: AsyncSession, ctx: Context[Any], kind: CaseKind, case: Case) -> None:
    """By its submitter. InputError (CASE_CLOSED) where it is closed, or its kind cannot be withdrawn."""
    await lock(session, case)
    status = kind.status(kind.withdrawn)
    if status is None or not case.open:
        raise InputError("the case cannot be withdrawn (any more)", code="CASE_CLOSED")
    facts = {"from": case.status, "to": status.name, "open": status.open, "withdrawn": True}
    case.status, case.open, case.shown, case.published = status.name, status.open, status.public, False
    case.closed, case.waiting = None if status.open else ctx.clock(), ""
    await record(session, ctx, case, "status", audience="citizen", facts=facts)
    await show(session, case)


async def message(
    session: AsyncSession,
    ctx: Context[Any],
    case: Case,
    text: str,
    *,
    files_: Sequence[str] = (),
    asks: bool = False,
    public: bool = False,
    by: str = "",
) -> None:
    """A message between the submitter and the town hall; `asks` says that the town hall waits for an answer.

    `public` makes it an update that everybody sees who sees the case.
    """
    check_text("text", text)
    await lock(session, case)
    if case.erased is not None:
        raise InputError("the case was closed long ago, and its texts were erased", code="CASE_CLOSED")
    if not by and actor_of(ctx.reader) == CITIZEN:
        await _check_rate(session, ctx, case)
    await attach(session, ctx, case, files_, public=public)
    event = await record(
        session, ctx, case, "message", audience="public" if public else "citizen", text=text, by=by,
        facts={"files": list(files_), "asks": asks},
    )  # fmt: skip
    case.waiting = "staff" if event.actor == "citizen" else "citizen" if asks else ""
    case.words = _more_words(case.words, text)
    await tell_submitters(session, ctx, case, event)


async def note(session: AsyncSession, ctx: Context[Any], case: Case, text: str) -> None:
    """An internal note, which only staff see."""
    check_text("text", text)
    await lock(session, case)
    await record(session, ctx, case, "note", text=text)
    case.words = _more_words(case.words, text)


async def attach(
    session: AsyncSession, ctx: Context[Any], case: Case, ids: Sequence[str], *, public: bool = False
) -> None:
    """Add uploads to the case, `public` ones to what everybody sees of it. InputError for what is no upload."""
    if len(ids) > MAX_FILES:
        raise InputError(f"files: at most {MAX_FILES} at once")
    await files.claim(session, ids, SHOWN if public else HELD, f"case:{case.id}")
    if public:
        await show(session, case)


async def revise(
    session: AsyncSession,
    ctx: Context[Any],
    kind: CaseKind,
    case: Case,
    *,
    public: Struct,
    private: Struct,
    hide: Sequence[str] = (),
    reveal: Sequence[str] = (),
) -> None:
    """Put other words into the case, before everybody sees it: moderation. `hide` are pictures that stay private,
    `reveal` those that do no longer."""
    parts = check_parts(kind, public, private)
    await lock(session, case)
    case.public, case.private = parts.public, parts.private
    await files.claim(session, hide, HELD, f"case:{case.id}")
    await files.claim(session, reveal, SHOWN, f"case:{case.id}")
    await show(session, case)
    await record(session, ctx, case, "revised", facts={"hidden": list(hide), "shown": list(reveal)})


async def assign(
    session: AsyncSession,
    ctx: Context[Any],
    case: Case,
    *,
    department: str = UNCHANGED,
    assignee: str = UNCHANGED,
    deadline: datetime | None = UNCHANGED,
) -> None:
    """Give the case to a department, to one of the staff (an account's id; empty for nobody), or another deadline."""
    await lock(session, case)
    facts: dict[str, Any] = {}
    if department is not UNCHANGED and department != case.department:
        check_line("department", department, 80, empty=True)
        facts["department"] = case.department = department
    if assignee is not UNCHANGED and assignee != case.assignee:
        check_line("assignee", assignee, 32, empty=True)
        facts["assignee"] = case.assignee = assignee
    if deadline is not UNCHANGED and deadline != case.deadline:
        case.deadline = deadline
        facts["deadline"] = moment(deadline) if deadline else None
    if facts:
        await record(session, ctx, case, "assigned", facts=facts)


async def publish(session: AsyncSession, ctx: Context[Any], case: Case, published: bool = True) -> None:
    """Show the public part to everybody (the end of moderation), or to nobody any more."""
    await lock(session, case)
    if case.published == published:
        return
    case.published = published
    event = await record(session, ctx, case, "published", audience="citizen", facts={"published": published})
    await show(session, case)
    if published:
        await tell_submitters(session, ctx, case, event)


async def link(session: AsyncSession, ctx: Context[Any], case: Case, other: Case) -> None:
    """Note that two cases have to do with each other."""
    if case.id == other.id:
        raise InputError("other: is the case itself")
    for one, another in sorted([(case, other), (other, case)], key=lambda pair: pair[0].id):
        await lock(session, one)
        if await session.get(CaseLink, {"city": one.city, "case_id": one.id, "other_id": another.id}) is None:
            session.add(CaseLink(case_id=one.id, other_id=another.id))
            await record(session, ctx, one, "linked", facts={"other": another.number})


async def make_part(session: AsyncSession, ctx: Context[Any], case: Case, whole: Case) -> None:
    """Let the case be a part of another one. InputError where that would go in a circle."""
    above: Case | None = whole
    for _ in range(DEEPEST):
        if above is None or above.id == case.id:
            break
        above = await session.get(Case, {"city": case.city, "id": above.parent}) if above.parent else None
    if above is not None:
        raise InputError(f"partOf: needs another case, that is no part of this one, {DEEPEST} levels deep at most")
    for one in sorted((case, whole), key=lambda one: one.id):
        await lock(session, one)
    case.parent = whole.id
    await record(session, ctx, case, "linked", facts={"other": whole.number, "as": "part"})
    await record(session, ctx, whole, "linked", facts={"other": case.number, "as": "whole"})


async def merge(session: AsyncSession, ctx: Context[Any], kind: CaseKind, case: Case, into: Case) -> None:
    """The case says the same as `into`: it is closed, and who has submitted or follows it follows the other.

    Its number and receipts go on working, and lead to the other. InputError where this would go in a circle.
    """
    for one in sorted((case, into), key=lambda one: one.id):
        await lock(session, one)
    if case.id == into.id or into.merged_into or case.merged_into or case.kind != into.kind:
        raise InputError("into: needs another case of the same kind, and neither may be merged already")
    case.merged_into, case.open, case.published, case.waiting = into.id, False, False, ""
    case.closed = ctx.clock()
    into.followers += 1 + case.followers
    facts = {"into": into.number}
    event = await record(session, ctx, case, "merged", audience="citizen", facts=facts)
    await tell_submitters(session, ctx, case, event)
    await record(session, ctx, into, "merged", facts={"from": case.number, "followers": into.followers})
    await show(session, case)


async def linked(session: AsyncSession, case: Case) -> Sequence[Case]:
    """Cases that have to do with this one: linked to it, parts of it, merged into it; oldest first."""
    links = select(CaseLink.other_id).where(CaseLink.case_id == case.id)
    others = [Case.id == id_ for id_ in (case.parent, case.merged_into) if id_]
    ids = (select(Case.id).where(rule) for rule in (part_of(case.id), merged_into(case.id), *others))
    near = select(Case).where(Case.id.in_(union_all(links, *ids)))  # each by its own index
    return (await session.scalars(near.order_by(Case.created, Case.id).limit(200))).all()


async def main(session: AsyncSession, case: Case) -> Case:
    """The case that this one was merged into; itself where it was not."""
    if not case.merged_into:
        return case
    found = await session.get(Case, {"city": case.city, "id": case.merged_into})
    if found is None:
        raise NotFound("the case that this one was merged into is not there")
    return found


async def _check_rate(session: AsyncSession, ctx: Context[Any], case: Case) -> None:
    written = (CaseEvent.case_id == case.id, CaseEvent.what == "message", CaseEvent.actor == CITIZEN)
    recent = (
        select(func.count()).select_from(CaseEvent).where(*written, CaseEvent.at > ctx.clock() - timedelta(hours=1))
    )
    if (await session.scalar(recent) or 0) >= PER_HOUR:
        raise AllmendeError(f"at most {PER_HOUR} messages an hour are possible; try again later", code="RATE_LIMITED")


def _more_words(there: str, text: str) -> str:
    known = set(there.split())
    new = [word for word in dict.fromkeys(words(text)) if word not in known]
    return f"{there or ' '}{' '.join(new)} " if new else there
