"""Pictures of a case: everybody sees those of its public part, while it is published, and never those of messages."""

from __future__ import annotations

from typing import Any

from allmende import cases
from allmende.db.engine import Database
from allmende.files.tables import FileUpload

from .lamps import LAMP, WORKER, LampPrivate, LampPublic, context, submit


async def upload(ctx: Any, letter: str) -> str:
    async with ctx.transaction() as session:
        session.add(FileUpload(id=letter * 32, ready=True, digest=letter * 64, created=ctx.clock()))
    return letter * 32


async def shown(ctx: Any, case: cases.Case, *, every: bool = False) -> list[str]:
    async with ctx.session() as session:
        found = await cases.pictures(session, ctx, [case], every=every)
    return [one.id[0] for one in found[case.id]]


async def test_pictures_of_messages_stay_private_whatever_becomes_of_the_case(database: Database) -> None:
    ctx, staff = context(database), context(database, WORKER)
    case = (await submit(ctx, files=(await upload(ctx, "a"),))).case
    private, public = await upload(ctx, "b"), await upload(ctx, "c")
    assert await shown(ctx, case) == []
    async with staff.transaction() as session:
        found = await cases.find(session, id=case.id)
        assert found is not None
        await cases.publish(session, staff, found)
        await cases.message(session, ctx, found, "Nur für Sie.", files_=[private])
        await cases.message(session, staff, found, "Seht her.", files_=[public], public=True)
        await cases.transition(session, staff, LAMP, found, "started")
    assert await shown(ctx, case) == ["a", "c"]
    assert sorted(await shown(ctx, case, every=True)) == ["a", "b", "c"]
    async with staff.transaction() as session:
        found = await cases.find(session, id=case.id)
        assert found is not None
        await cases.withdraw(session, ctx, LAMP, found)
    assert await shown(ctx, case) == []


async def test_moderation_changes_words_and_hides_pictures_before_everybody_sees_them(database: Database) -> None:
    ctx, staff = context(database), context(database, WORKER)
    case = (await submit(ctx, files=(await upload(ctx, "a"), await upload(ctx, "b")))).case
    async with staff.transaction() as session:
        found = await cases.find(session, id=case.id)
        assert found is not None
        await cases.revise(
            session, staff, LAMP, found, public=LampPublic(colour="rot"), private=LampPrivate(), hide=["b" * 32]
        )
        await cases.publish(session, staff, found)
        await cases.transition(session, staff, LAMP, found, "started")
        assert (found.public, found.private) == ({"colour": "rot"}, {"phone": ""})
        assert await cases.verify(session, found) == []
    assert await shown(ctx, case) == ["a"]
