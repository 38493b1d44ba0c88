"""Accounts of staff: one per address, roles that take effect at once, and always somebody who looks after them."""

from __future__ import annotations

import asyncio

import pytest
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import find_session
from allmende.accounts.signing_in import follow_link, sign_in_link
from allmende.accounts.staff import OPERATOR, add_staff, disable, find_staff, list_staff, reset_second_factor, set_roles
from allmende.accounts.tables import Account
from allmende.errors import Denied, InputError, NotFound
from allmende.reader import Reader
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from .people import HERE, THERE, World

ADMIN = Reader(kind="staff", id="a" * 32, city=HERE, name="Admin")


async def test_staff_are_listed_by_name_and_found_by_a_part_of_it(world: World) -> None:
    for name, email in (("Zoe", "z@aue.example"), ("Ada", "a@aue.example"), ("100 %", "p@aue.example")):
        await add_staff(world.accounts, HERE, email, name, [("editor", "reports"), ("reader", "*")], by=OPERATOR)
    with world.database.count() as statements:
        found = await list_staff(world.accounts, HERE)
    assert len(statements) == 2
    assert [one.name for one in found] == ["100 %", "Ada", "Zoe"]
    assert found[1].roles == (("editor", "reports"), ("reader", "*"))
    assert [one.name for one in await list_staff(world.accounts, HERE, search="ZO")] == ["Zoe"]
    assert [one.name for one in await list_staff(world.accounts, HERE, search="%")] == ["100 %"]
    assert await list_staff(world.accounts, THERE) == []
    assert (await find_staff(world.accounts, HERE, " A@AUE.example ")).name == "Ada"
    with pytest.raises(NotFound):
        await find_staff(world.accounts, THERE, "a@aue.example")


async def test_one_address_has_one_account_also_for_two_at_the_same_time(world: World) -> None:
    async def add() -> str:
        return await add_staff(world.accounts, HERE, "ada@aue.example", "Ada", by=OPERATOR)

    results = await asyncio.gather(*(add() for _ in range(4)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["InputError"] * 3 + ["str"]
    await add_staff(world.accounts, THERE, "ada@aue.example", "Ada", by=OPERATOR)
    for email, name in (("", "Ada"), ("no address", "Ada"), ("x@y.example", " "), ("x@y.example", "n" * 121)):
        with pytest.raises(InputError):
            await add_staff(world.accounts, HERE, email, name, by=OPERATOR)


async def test_errors_of_the_database_hold_no_values_that_were_written(world: World) -> None:
    values = {"id": "1" * 32, "kind": "staff", "name": "Ada", "password": "argon-of-ada", "created": world.now}

    async def write() -> None:
        async with world.database.transaction(HERE) as session:
            await session.execute(insert(Account), [values])

    await write()
    with pytest.raises(IntegrityError) as caught:
        await write()
    assert "argon-of-ada" not in str(caught.value)


async def test_roles_take_effect_at_once(world: World) -> None:
    account = await world.staff(("reader", "*"), password=False)
    token = await follow_link(world.accounts, HERE, await sign_in_link(world.accounts, HERE, account))
    cookie = f"__Host-desk-{HERE}={token}"

    async def permissions(accounts: Accounts) -> frozenset[str]:
        return (await find_session(accounts, HERE, cookie, secure=True)).reader.permissions

    assert await permissions(world.accounts) == {"content.read", "desk.usage"}
    await set_roles(world.accounts, HERE, account, [("case_worker", "reports")], by=OPERATOR)
    assert "cases.work:reports" in await permissions(world.accounts)
    await disable(world.accounts, HERE, account, by=OPERATOR)
    with pytest.raises(Denied):
        await permissions(world.accounts)
    await disable(world.accounts, HERE, account, by=OPERATOR, enable=True)
    with pytest.raises(Denied):
        await permissions(world.accounts)  # what was ended stays ended


async def test_the_last_admin_cannot_be_taken_away_at_the_desk(world: World) -> None:
    first = await world.staff(("admin", "*"), password=False)
    for act in (
        set_roles(world.accounts, HERE, first, [("editor", "*")], by=ADMIN),
        set_roles(world.accounts, HERE, first, [("admin", "reports")], by=ADMIN),
        disable(world.accounts, HERE, first, by=ADMIN),
    ):
        with pytest.raises(InputError, match="at least one admin"):
            await act
    second = await world.staff(("admin", "desk"), email="b@aue.example", password=False)
    await disable(world.accounts, HERE, first, by=ADMIN)
    await set_roles(world.accounts, HERE, second, [], by=OPERATOR)


async def test_what_is_done_to_nobody_is_not_found(world: World) -> None:
    for act in (
        set_roles(world.accounts, HERE, "f" * 32, [], by=ADMIN),
        disable(world.accounts, HERE, "f" * 32, by=ADMIN),
        reset_second_factor(world.accounts, HERE, "f" * 32, by=ADMIN),
        sign_in_link(world.accounts, HERE, "f" * 32),
    ):
        with pytest.raises(NotFound):
            await act
