"""What an app holds after signing in: once per code, once per refresh token, and stolen ones end everything."""

from __future__ import annotations

import asyncio

import pytest
from allmende.accounts import attempts, citizens
from allmende.accounts.citizens import Pair
from allmende.accounts.devices import register_device
from allmende.accounts.holdings import end_holding, holdings
from allmende.accounts.oidc.arrival import citizen_arrives
from allmende.accounts.oidc.flow import challenge_of
from allmende.accounts.tables import Account, Attempt
from allmende.accounts.tidy import tidy_once
from allmende.city.model import CitizenLogin, Login
from allmende.errors import AllmendeError, Denied, NotFound
from sqlalchemy import select

from .people import HERE, THERE, World

VERIFIER = "v" * 50
ERIKA = {"iss": "https://login.example", "sub": "erika"}


async def code(world: World, claims: dict[str, str] = ERIKA) -> str:
    city = world.cities()[HERE]
    return await citizen_arrives(world.accounts, city, claims, challenge_of(VERIFIER))


async def signed_in(world: World) -> Pair:
    return await citizens.exchange(world.accounts, HERE, await code(world), VERIFIER)


async def works(world: World, token: str) -> bool:
    try:
        await world.accounts.reader(token)
    except Denied:
        return False
    return True


async def refused(world: World, what: object, *arguments: str) -> None:
    with pytest.raises(Denied) as caught:
        await what(world.accounts, *arguments)  # type: ignore[operator]
    assert caught.value.code == "UNAUTHENTICATED"


async def test_a_code_needs_its_verifier_and_its_city_and_two_minutes(world: World) -> None:
    await refused(world, citizens.exchange, HERE, await code(world), "w" * 50)
    await refused(world, citizens.exchange, HERE, await code(world), "")
    await refused(world, citizens.exchange, THERE, await code(world), VERIFIER)
    late = await code(world)
    world.wait(minutes=2)
    await refused(world, citizens.exchange, HERE, late, VERIFIER)
    reader = await world.accounts.reader((await signed_in(world)).access)
    assert (reader.kind, reader.city, reader.name, reader.permissions) == ("citizen", HERE, "", frozenset())


async def test_a_code_that_is_shown_twice_ends_what_it_gave(world: World) -> None:
    one = await code(world)
    pair = await citizens.exchange(world.accounts, HERE, one, VERIFIER)
    await refused(world, citizens.exchange, HERE, one, VERIFIER)
    assert not await works(world, pair.access)
    await refused(world, citizens.refresh, HERE, pair.refresh)


async def test_the_same_citizen_has_one_account_and_another_one_another(world: World) -> None:
    found = set()
    for claims in (ERIKA, ERIKA, {**ERIKA, "sub": "max"}, {**ERIKA, "iss": "https://other.example"}):
        pair = await citizens.exchange(world.accounts, HERE, await code(world, claims), VERIFIER)
        found.add((await world.accounts.reader(pair.access)).id)
    assert len(found) == 3
    async with world.database.session(HERE) as session:
        rows = str((await session.execute(select(Account.__table__))).mappings().all())
    assert "erika" not in rows
    assert "login.example" not in rows


async def test_an_access_token_lives_an_hour_and_a_refresh_token_gets_new_ones(world: World) -> None:
    pair = await signed_in(world)
    world.wait(minutes=59)
    assert await works(world, pair.access)
    world.wait(minutes=1)
    assert not await works(world, pair.access)
    assert not await works(world, pair.refresh)
    fresh = await citizens.refresh(world.accounts, HERE, pair.refresh)
    assert await works(world, fresh.access)
    assert fresh.expires_in == 3600
    world.wait(days=90)
    await refused(world, citizens.refresh, HERE, fresh.refresh)


async def test_a_sign_in_ends_after_the_citys_days_however_often_it_is_refreshed(world: World) -> None:
    provider = CitizenLogin(issuer="https://login.example", client_id="allmende", longest_days=100)
    world.logins[HERE] = Login(citizens=provider)
    pair = await signed_in(world)
    for _ in range(2):
        world.wait(days=40)
        pair = await citizens.refresh(world.accounts, HERE, pair.refresh)
    world.wait(days=19, hours=23, minutes=30)
    pair = await citizens.refresh(world.accounts, HERE, pair.refresh)
    assert pair.expires_in == 1800, "the last access token ends with the sign-in"
    world.wait(minutes=30)
    assert not await works(world, pair.access)
    await refused(world, citizens.refresh, HERE, pair.refresh)
    pair = await signed_in(world)
    world.logins[HERE] = Login(citizens=CitizenLogin(issuer="https://login.example", client_id="x", longest_days=10))
    world.wait(days=50)
    pair = await citizens.refresh(world.accounts, HERE, pair.refresh)
    world.wait(days=10)
    await refused(world, citizens.refresh, HERE, pair.refresh)


async def test_one_address_gets_so_many_devices_an_hour_and_others_are_not_hindered(world: World) -> None:
    async def register(client: str, city: str = HERE) -> str:
        try:
            await register_device(world.accounts, city, "de", client=client)
        except AllmendeError as error:
            return error.message
        return ""

    most = attempts.of_devices("").free
    async with world.database.transaction(HERE) as session:
        key = attempts._hash(world.accounts, attempts.of_devices("192.0.2.1"))
        session.add(Attempt(key=key, failures=most - 1, last=world.now, until=world.now))
    world.wait(minutes=20)
    assert [await register("192.0.2.1") for _ in range(2)] == [
        "",
        "too many from this address; try again in 40 minutes",
    ]
    assert [await register("192.0.2.2"), await register("192.0.2.1", THERE), await register("")] == ["", "", ""]
    world.wait(minutes=40)
    assert await register("192.0.2.1") == ""


async def test_a_refresh_token_of_another_city_or_of_another_kind_is_refused(world: World) -> None:
    pair = await signed_in(world)
    for city, token in (
        (THERE, pair.refresh),
        (THERE, f"{THERE}.{pair.refresh.partition('.')[2]}"),
        (HERE, pair.access),
        (HERE, "x"),
    ):
        await refused(world, citizens.refresh, city, token)
    await citizens.refresh(world.accounts, HERE, pair.refresh)


async def test_a_phone_that_did_not_hear_the_answer_may_ask_again_at_once(world: World) -> None:
    pair = await signed_in(world)
    await citizens.refresh(world.accounts, HERE, pair.refresh)
    world.wait(seconds=29)
    again = await citizens.refresh(world.accounts, HERE, pair.refresh)
    assert await works(world, again.access)


async def test_a_stolen_refresh_token_ends_the_sign_in_for_both_and_no_other(world: World) -> None:
    other, pair = await signed_in(world), await signed_in(world)
    thief = await citizens.refresh(world.accounts, HERE, pair.refresh)
    world.wait(seconds=30)
    await refused(world, citizens.refresh, HERE, pair.refresh)
    await refused(world, citizens.refresh, HERE, thief.refresh)
    assert [await works(world, one.access) for one in (pair, thief, other)] == [False, False, True]


async def test_of_many_exchanges_at_the_same_time_none_stays_that_a_thief_could_use(world: World) -> None:
    one = await code(world)
    attempts = [citizens.exchange(world.accounts, HERE, one, VERIFIER) for _ in range(4)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, Pair) for result in results) <= 1


async def test_reuse_is_noticed_for_a_month_and_used_tokens_go_then(world: World) -> None:
    pair = await signed_in(world)
    fresh = await citizens.refresh(world.accounts, HERE, pair.refresh)
    world.wait(days=31)
    await tidy_once(world.accounts, HERE)
    await refused(world, citizens.refresh, HERE, pair.refresh)
    await citizens.refresh(world.accounts, HERE, fresh.refresh)  # what is forgotten ends nothing


async def test_people_see_where_they_are_signed_in_and_end_it_there_or_everywhere(world: World) -> None:
    pairs = [await signed_in(world) for _ in range(3)]
    readers = [await world.accounts.reader(pair.access) for pair in pairs]
    me = readers[0]
    assert {one.kind for one in await holdings(world.accounts, HERE, me.id)} == {"app"}
    assert {one.family for one in await holdings(world.accounts, HERE, me.id)} == {one.session for one in readers}
    await end_holding(world.accounts, me, readers[1].session)
    assert [await works(world, pair.access) for pair in pairs] == [True, False, True]
    with pytest.raises(NotFound):
        await end_holding(world.accounts, me, "f" * 32)
    stranger = await world.accounts.reader(
        (await citizens.exchange(world.accounts, HERE, await code(world, {**ERIKA, "sub": "max"}), VERIFIER)).access
    )
    with pytest.raises(NotFound):
        await end_holding(world.accounts, stranger, me.session)
    await end_holding(world.accounts, me, everywhere=True)
    assert [await works(world, pair.access) for pair in pairs] == [False, False, False]
