"""The audit log: written with the deed, numbered without gaps, and nothing in it can be changed or taken out."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from allmende.accounts.audit import START, audit, entries, verify
from allmende.accounts.staff import OPERATOR, set_roles
from allmende.accounts.tables import Audit, Chain
from allmende.reader import Reader
from sqlalchemy import Executable, delete, update

from .people import HERE, THERE, World

ADA = Reader(kind="staff", id="a" * 32, city=HERE, name="Ada")


async def write(world: World, *actions: str, city: str = HERE) -> None:
    for action in actions:
        async with world.database.transaction(city) as session:
            await audit(session, ADA, action, "x", {"of": action}, now=world.now)


async def test_entries_come_newest_first_and_by_actor_and_action(world: World) -> None:
    await write(world, "feed.approve", "user.add", "feed.reject")
    async with world.database.transaction(HERE) as session:
        await audit(session, OPERATOR, "feed.run", "y", now=world.now)
    found = await entries(world.database, HERE)
    assert [(one.number, one.action, one.name) for one in found] == [
        (4, "feed.run", "operator"), (3, "feed.reject", "Ada"), (2, "user.add", "Ada"), (1, "feed.approve", "Ada")
    ]  # fmt: skip
    assert (found[1].detail, found[1].at) == ({"of": "feed.reject"}, world.now)
    assert [one.number for one in await entries(world.database, HERE, actor=ADA.id, action="feed.")] == [3, 1]
    assert [one.number for one in await entries(world.database, HERE, before=3, first=1)] == [2]
    assert await entries(world.database, THERE) == []


async def test_what_is_rolled_back_was_not_done(world: World) -> None:
    async def fail() -> None:
        async with world.database.transaction(HERE) as session:
            await audit(session, ADA, "user.add", "x")
            raise Undo

    with pytest.raises(Undo):
        await fail()
    await write(world, "user.add")
    verdict = await verify(world.database, HERE)
    assert (verdict.entries, verdict.problem) == (1, "")


async def test_many_at_the_same_time_are_numbered_without_gaps(world: World) -> None:
    await asyncio.gather(*(write(world, "a.b") for _ in range(8)))
    verdict = await verify(world.database, HERE)
    assert (verdict.entries, verdict.problem) == (8, "")


async def test_every_change_of_the_log_is_found(world: World) -> None:
    assert (await verify(world.database, HERE)).head == START
    await write(world, "a.b", "c.d", "e.f")
    whole = await verify(world.database, HERE)
    assert (whole.entries, whole.problem) == (3, "")
    for change, problem in (
        (update(Audit).where(Audit.number == 2).values(name="Eve"), "entry 2 was changed"),
        (update(Audit).where(Audit.number == 2).values(detail={}), "entry 2 was changed"),
        (delete(Audit).where(Audit.number == 2), "entry 2 is missing"),
        (delete(Audit).where(Audit.number == 3), "entries after 2 are missing"),
        (delete(Chain), "entries after 3 are missing"),
    ):
        assert await problem_after(world, change) == problem
    assert await verify(world.database, HERE) == whole


async def problem_after(world: World, change: Executable) -> str:
    """What is found after this change, which is taken back."""
    problem = ""
    with suppress(Undo):
        async with world.database.transaction(HERE) as session:
            await session.execute(change)
            problem = (await verify(Same(session), HERE)).problem
            raise Undo
    return problem


async def test_what_is_done_to_accounts_is_in_the_log(world: World) -> None:
    account = await world.staff(("reader", "*"))
    await set_roles(world.accounts, HERE, account, [("admin", "*"), ("editor", "reports")], by=ADA)
    found = await entries(world.database, HERE)
    assert [(one.action, one.subject, one.name) for one in found] == [
        ("user.roles", account, "Ada"), ("user.password", account, "operator"), ("user.add", account, "operator")
    ]  # fmt: skip
    assert found[0].detail == {"roles": [["admin", "*"], ["editor", "reports"]]}
    assert "aue.example" not in str(found)


class Undo(Exception):
    """Rolls a transaction back."""


class Same:
    """A database whose sessions are the one that is open already."""

    def __init__(self, session: object) -> None:
        self.own = session

    def session(self, city: str) -> Same:
        return self

    transaction = session

    async def __aenter__(self) -> object:
        return self.own

    async def __aexit__(self, *error: object) -> None:
        return None
