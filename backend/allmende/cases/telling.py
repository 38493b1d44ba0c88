"""Tells who has submitted or follows a case that something has happened. What exactly is only said in the app."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.cases.tables import Case, CaseEvent, CaseFollower, merged_into
from allmende.cases.words import word
from allmende.context import Context
from allmende.notify.message import Message
from allmende.notify.outbox import tell
from allmende.topic import Topic

ROOM = "cases"
MINE = Topic(
    name="mine",
    title={"de": "Meine Anliegen", "en": "My cases"},
    summary={
        "de": "Sobald das Rathaus zu einem Ihrer Anliegen etwas schreibt oder tut.",
        "en": "As soon as the town hall writes or does something about one of your cases.",
    },
    personal=True,
)
"""In the API: `cases.mine`. Only submitters and followers are told, of those who have subscribed."""


async def tell_submitters(session: AsyncSession, ctx: Context[Any], case: Case, event: CaseEvent) -> None:
    """Put the event into the outbox of notifications, in the transaction in which it happens."""
    if event.actor == "citizen" or event.audience == "staff":
        return
    to = await submitters(session, case, everybody=event.audience == "public")
    if not to:
        return
    languages = ctx.city.languages
    message = Message(
        key=f"{case.id}:{event.seq}",
        title={language: word(language, "tell_title").format(number=case.number) for language in languages},
        body={language: word(language, f"tell_{event.what}") for language in languages},
        link=f"cases/{case.number}",
        thread=case.id,
    )
    await tell(session, structs.replace(ctx, plugin=ROOM), MINE, message, to=to)


async def submitters(session: AsyncSession, case: Case, *, everybody: bool = True) -> list[str]:
    """Devices and citizens who want to know what becomes of the case: its submitter, or `everybody`: those of its
    duplicates and all followers as well."""
    if not everybody:
        return [case.submitter] if case.submitter else []
    same = (Case.id == case.id) | merged_into(case.id)
    own = await session.scalars(select(Case.submitter).where(same, Case.submitter != ""))
    following = select(CaseFollower.submitter).where(
        CaseFollower.case_id.in_(select(Case.id).where(same)), CaseFollower.submitter != ""
    )
    return sorted({*own, *await session.scalars(following)})
