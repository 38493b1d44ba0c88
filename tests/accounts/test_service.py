"""Whose token it is: in its city only, while it lives, and what is kept of it is no token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allmende.accounts.devices import register_device
from allmende.accounts.holdings import end_holding, holdings
from allmende.accounts.machines import add_service, list_services, remove_service
from allmende.accounts.staff import OPERATOR, disable
from allmende.accounts.tables import Account, Token
from allmende.accounts.tidy import tidy_once
from allmende.accounts.tokens import fingerprint
from allmende.errors import Denied, InputError
from allmende.testing import NOON
from sqlalchemy import func, select

from .people import HERE, THERE, World


async def refused(world: World, token: str) -> str:
    with pytest.raises(Denied) as caught:
        await world.accounts.reader(token)
    return caught.value.code


async def test_a_device_is_known_by_its_token_in_one_statement(world: World) -> None:
    token = await register_device(world.accounts, HERE, "de")
    with world.database.count() as statements:
        reader = await world.accounts.reader(token)
    assert len(statements) == 1
    assert (reader.kind, reader.city, reader.name, reader.permissions) == ("device", HERE, "", frozenset())
    assert reader == await world.accounts.bearer(f"Bearer {token}".encode())


async def test_a_forged_another_citys_and_a_malformed_token_are_refused_alike(world: World) -> None:
    token = await register_device(world.accounts, HERE, "de")
    random = token.partition(".")[2]
    for forged in (
        f"{THERE}.{random}",
        f"{HERE}.{random[::-1]}",
        f"nirgends.{random}",
        random,
        f"{HERE}.{random}x",
        f"{HERE}.{random[:-1]}ä",
        f"*.{random}",
        "",
        "." * 200,
    ):
        assert await refused(world, forged) == "UNAUTHENTICATED"
    for header in (token, f"Basic {token}", "Bearer", f"Bearer {token} x"):
        with pytest.raises(Denied):
            await world.accounts.bearer(header)


async def test_only_a_hash_of_a_token_is_kept(world: World) -> None:
    token = await register_device(world.accounts, HERE, "de")
    async with world.database.session(HERE) as session:
        rows = (await session.execute(select(Token.__table__))).mappings().all()
    assert [row["hash"] for row in rows] == [fingerprint(token)]
    assert token.partition(".")[2] not in str(rows)


async def test_use_is_written_down_once_a_day(world: World) -> None:
    token = await register_device(world.accounts, HERE, "de")
    for hours, statements in ((1, 1), (24, 3), (1, 1)):
        world.wait(hours=hours)
        with world.database.count() as counted:
            await world.accounts.reader(token)
        assert len(counted) == statements
    async with world.database.session(HERE) as session:
        assert (await session.scalars(select(Account.seen))).all() == [NOON + timedelta(hours=25)]


async def test_a_revoked_device_is_forgotten(world: World) -> None:
    token = await register_device(world.accounts, HERE, "de")
    reader = await world.accounts.reader(token)
    assert [one.kind for one in await holdings(world.accounts, HERE, reader.id)] == ["device"]
    await end_holding(world.accounts, reader, reader.session)
    assert await refused(world, token) == "UNAUTHENTICATED"
    async with world.database.session(HERE) as session:
        assert await session.scalar(select(func.count()).select_from(Account)) == 0


async def test_devices_that_nobody_uses_are_forgotten_and_others_stay(world: World) -> None:
    old = await register_device(world.accounts, HERE, "de")
    used = await register_device(world.accounts, HERE, "de")
    world.wait(days=300)
    await world.accounts.reader(used)
    world.wait(days=101)
    assert await tidy_once(world.accounts, HERE) == 1
    assert await refused(world, old) == "UNAUTHENTICATED"
    assert (await world.accounts.reader(used)).kind == "device"


async def test_a_service_has_the_permissions_that_it_names_until_it_is_removed(world: World) -> None:
    token = await add_service(world.accounts, HERE, "Importer", ["reports.triage", "desk.feeds"], by=OPERATOR)
    reader = await world.accounts.reader(token)
    assert (reader.kind, reader.name) == ("service", "Importer")
    assert reader.permissions == {"reports.triage", "desk.feeds"}
    (listed,) = await list_services(world.accounts, HERE)
    assert (listed.id, listed.permissions) == (reader.id, ("reports.triage", "desk.feeds"))
    assert await list_services(world.accounts, THERE) == []
    await remove_service(world.accounts, HERE, reader.id, by=OPERATOR)
    assert await refused(world, token) == "UNAUTHENTICATED"
    with pytest.raises(InputError, match=r"permissions: 'reports.burn' is none of"):
        await add_service(world.accounts, HERE, "x", ["reports.burn"], by=OPERATOR)


async def test_an_expired_service_token_is_refused(world: World) -> None:
    expires = world.now.replace(hour=13)
    token = await add_service(world.accounts, HERE, "x", ["desk.feeds"], by=OPERATOR, expires=expires)
    world.wait(minutes=59)
    assert (await world.accounts.reader(token)).kind == "service"
    world.wait(minutes=1)
    assert await refused(world, token) == "UNAUTHENTICATED"


async def test_a_disabled_account_holds_nothing(world: World) -> None:
    id_ = await world.staff(("admin", "*"))
    await disable(world.accounts, HERE, id_, by=OPERATOR)
    async with world.database.session(HERE) as session:
        assert await session.scalar(select(func.count()).select_from(Token)) == 0
