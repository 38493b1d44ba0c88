"""Staff sign in by password, second factor or link; guessing is slow, and nobody learns which part was wrong."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pyotp
import pytest
from allmende.accounts.attempts import TooManyAttempts
from allmende.accounts.second import STEP, begin_enrolment, confirm_enrolment
from allmende.accounts.sessions import Session, check_csrf, find_session, session_cookie, sign_out
from allmende.accounts.signing_in import (
    SecondFactorNeeded,
    follow_link,
    sign_in_code,
    sign_in_link,
    sign_in_password,
)
from allmende.accounts.staff import OPERATOR, disable, set_password
from allmende.accounts.tables import Account, Attempt
from allmende.city.model import Login
from allmende.errors import Denied, InputError
from argon2 import PasswordHasher
from sqlalchemy import select, update

from .people import HERE, PASSWORD, THERE, World

EMAIL = "ada@aue.example"
CLIENT = "192.0.2.1"


async def sign_in(world: World, password: str = PASSWORD, *, email: str = EMAIL, client: str = CLIENT) -> str:
    return await sign_in_password(world.accounts, HERE, email, password, client=client)


async def session_of(world: World, token: str, city: str = HERE) -> Session:
    cookie = session_cookie(HERE, token, secure=True).partition(";")[0]
    return await find_session(world.accounts, city, f"other=1; {cookie}", secure=True)


async def enrolled(world: World, account: str) -> tuple[str, list[str]]:
    """The secret of the second factor, and the recovery codes."""
    enrolment = await begin_enrolment(world.accounts, HERE, account)
    code = pyotp.TOTP(enrolment.secret).at(world.now)
    return enrolment.secret, await confirm_enrolment(world.accounts, HERE, account, code)


async def refused(world: World, password: str, **who: str) -> str:
    with pytest.raises(Denied) as caught:
        await sign_in(world, password, **who)
    return f"{caught.value.code}: {caught.value.message}"


async def test_a_password_opens_a_session_that_can_only_enrol_a_second_factor(world: World) -> None:
    await world.staff(("admin", "*"))
    session = await session_of(world, await sign_in(world, email=" Ada@AUE.example "))
    assert (session.must_enrol, session.reader.permissions, session.email) == (True, frozenset(), EMAIL)
    world.logins[HERE] = Login(second_factor=False)
    session = await session_of(world, await sign_in(world))
    assert session.must_enrol is False
    assert session.reader.may("desk.users")


async def test_a_city_whose_staff_sign_in_at_a_provider_takes_no_passwords(world: World) -> None:
    await world.staff(("admin", "*"))
    world.logins[HERE] = Login(passwords=False)
    assert (await refused(world, PASSWORD)).startswith("SIGN_IN_FAILED")


async def test_with_a_second_factor_a_password_alone_is_not_enough(world: World) -> None:
    account = await world.staff(("admin", "*"))
    secret, _ = await enrolled(world, account)
    world.wait(minutes=1)
    with pytest.raises(SecondFactorNeeded) as needed:
        await sign_in(world)
    halfway, code = needed.value.halfway, pyotp.TOTP(secret).at(world.now)
    assert account not in halfway
    with pytest.raises(Denied):
        await sign_in_code(world.accounts, THERE, halfway, code, client=CLIENT)
    token = await sign_in_code(world.accounts, HERE, halfway, f"{code[:3]} {code[3:]}", client=CLIENT)
    assert (await session_of(world, token)).reader.may("desk.users")
    with pytest.raises(Denied) as again:  # seen over somebody's shoulder
        await sign_in_code(world.accounts, HERE, halfway, code, client=CLIENT)
    assert again.value.code == "SIGN_IN_FAILED"


async def test_codes_of_the_step_before_are_taken_and_older_ones_not(world: World) -> None:
    account = await world.staff(("admin", "*"))
    secret, _ = await enrolled(world, account)
    world.wait(minutes=10)
    for age, works in ((2, False), (1, True), (1, False), (0, True)):
        with pytest.raises(SecondFactorNeeded) as needed:
            await sign_in(world)
        code = pyotp.TOTP(secret).at(world.now - timedelta(seconds=STEP * age))
        if works:
            await sign_in_code(world.accounts, HERE, needed.value.halfway, code, client=CLIENT)
        else:
            with pytest.raises(Denied):
                await sign_in_code(world.accounts, HERE, needed.value.halfway, code, client=CLIENT)


async def test_each_recovery_code_works_once(world: World) -> None:
    account = await world.staff(("admin", "*"))
    _, codes = await enrolled(world, account)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"(\w{4}-){3}\w{4}", code) for code in codes)
    for code, works in ((codes[3].upper(), True), (codes[3], False), (codes[4].replace("-", " "), True)):
        with pytest.raises(SecondFactorNeeded) as needed:
            await sign_in(world)
        if works:
            await sign_in_code(world.accounts, HERE, needed.value.halfway, code, client=CLIENT)
        else:
            with pytest.raises(Denied):
                await sign_in_code(world.accounts, HERE, needed.value.halfway, code, client=CLIENT)


async def test_a_step_that_is_five_minutes_old_or_forged_leads_nowhere(world: World) -> None:
    account = await world.staff(("admin", "*"))
    secret, _ = await enrolled(world, account)
    with pytest.raises(SecondFactorNeeded) as needed:
        await sign_in(world)
    world.wait(minutes=5)
    for halfway in (needed.value.halfway, needed.value.halfway[:-8] + "AAAAAAA=", "", "x" * 5000, "ä"):
        with pytest.raises(Denied) as caught:
            await sign_in_code(world.accounts, HERE, halfway, pyotp.TOTP(secret).at(world.now), client=CLIENT)
        assert caught.value.code == "SIGN_IN_FAILED"


async def test_the_secret_of_a_second_factor_is_sealed_for_its_account(world: World) -> None:
    account = await world.staff(("admin", "*"))
    secret, _ = await enrolled(world, account)
    async with world.database.session(HERE) as session:
        kept = (await session.scalars(select(Account.totp))).one()
    assert kept is not None
    assert secret.encode() not in kept
    assert world.accounts.sealer.open(kept, f"totp {HERE} {account}") == secret.encode()


async def test_wrong_unknown_disabled_and_other_citys_accounts_are_refused_alike(world: World) -> None:
    account = await world.staff(("admin", "*"))
    wrong = await refused(world, "Kastanienallee 13")
    assert wrong == "SIGN_IN_FAILED: the address, the password or the code is wrong"
    assert await refused(world, PASSWORD, email="nobody@aue.example") == wrong
    with pytest.raises(Denied):
        await sign_in_password(world.accounts, THERE, EMAIL, PASSWORD, client=CLIENT)
    await disable(world.accounts, HERE, account, by=OPERATOR)
    assert await refused(world, PASSWORD) == wrong


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(world: World, slow_passwords: None) -> None:
    """No clock is compared: both must have computed an Argon2 hash, which takes tens of milliseconds of this thread."""
    await world.staff(("admin", "*"))
    spent = []
    for email in (EMAIL, "nobody@aue.example"):
        before = time.process_time()
        await refused(world, "x", email=email)
        spent.append(time.process_time() - before)
    assert min(spent) > 0.01


async def test_each_failure_makes_the_next_attempt_wait_longer(world: World) -> None:
    await world.staff(("admin", "*"))
    for _ in range(5):
        await refused(world, "wrong")
    waits = []
    for _ in range(3):
        with pytest.raises(TooManyAttempts) as caught:
            await sign_in(world)  # even with the right password
        waits.append(caught.value.retry_after)
        world.wait(seconds=caught.value.retry_after)
        await refused(world, "wrong")
    assert waits == [2, 4, 8]
    world.wait(minutes=16)
    await sign_in(world)
    assert (await refused(world, "wrong")).startswith("SIGN_IN_FAILED")  # success has forgotten the failures


async def test_nobody_waits_for_an_hour_because_the_clock_was_set_back_by_one(world: World) -> None:
    await world.staff(("admin", "*"))
    for _ in range(5):
        await refused(world, "wrong")
    with pytest.raises(TooManyAttempts):
        await sign_in(world)
    world.wait(hours=-1)
    await sign_in(world)


async def test_one_client_that_tries_many_accounts_is_slowed_down_and_others_are_not(world: World) -> None:
    await world.staff(("admin", "*"))
    for number in range(21):
        await refused(world, "wrong", email=f"user{number}@aue.example")
    with pytest.raises(TooManyAttempts):
        await sign_in(world)
    await sign_in(world, client="198.51.100.7")


async def test_attempts_keep_neither_addresses_nor_names(world: World) -> None:
    await refused(world, "wrong")
    async with world.database.session(HERE) as session:
        rows = str((await session.execute(select(Attempt.__table__))).all())
    assert EMAIL not in rows
    assert CLIENT not in rows


async def test_a_link_signs_in_once_within_fifteen_minutes(world: World) -> None:
    account = await world.staff(("admin", "*"), password=False)
    first = await sign_in_link(world.accounts, HERE, account)
    link = await sign_in_link(world.accounts, HERE, account)
    for token, city in ((first, HERE), (link, THERE), (f"{THERE}.{link.partition('.')[2]}", THERE)):
        with pytest.raises(Denied):
            await follow_link(world.accounts, city, token)
    session = await session_of(world, await follow_link(world.accounts, HERE, link))
    assert (session.must_enrol, session.reader.may("desk.users")) == (False, True)
    with pytest.raises(Denied):
        await follow_link(world.accounts, HERE, link)
    late = await sign_in_link(world.accounts, HERE, account)
    world.wait(minutes=15)
    with pytest.raises(Denied):
        await follow_link(world.accounts, HERE, late)
    with pytest.raises(Denied):
        await world.accounts.reader(late)  # it opens nothing but a session


async def test_a_session_ends_by_signing_out_without_use_and_after_half_a_day(world: World) -> None:
    account = await world.staff(("admin", "*"), password=False)

    async def fresh() -> str:
        return await follow_link(world.accounts, HERE, await sign_in_link(world.accounts, HERE, account))

    async def is_over(token: str) -> bool:
        try:
            await session_of(world, token)
        except Denied:
            return True
        return False

    token = await fresh()
    assert await is_over("") is True
    await sign_out(world.accounts, await session_of(world, token))
    assert await is_over(token) is True
    token = await fresh()
    world.wait(hours=2)
    assert await is_over(token) is True
    token = await fresh()
    for _ in range(11):
        world.wait(hours=1)
        assert await is_over(token) is False
    world.wait(hours=1)
    assert await is_over(token) is True


async def test_a_session_is_of_one_city_and_no_token_for_the_api(world: World) -> None:
    account = await world.staff(("admin", "*"), password=False)
    token = await follow_link(world.accounts, HERE, await sign_in_link(world.accounts, HERE, account))
    with pytest.raises(Denied):
        await session_of(world, token, THERE)
    with pytest.raises(Denied):
        await find_session(world.accounts, THERE, f"__Host-desk-{THERE}={token}", secure=True)
    with pytest.raises(Denied):
        await world.accounts.reader(token)


async def test_a_form_needs_the_csrf_token_of_its_session(world: World) -> None:
    account = await world.staff(("admin", "*"), password=False)

    async def fresh() -> Session:
        link = await sign_in_link(world.accounts, HERE, account)
        return await session_of(world, await follow_link(world.accounts, HERE, link))

    one, other = await fresh(), await fresh()
    check_csrf(world.accounts, one, one.csrf)
    for given in ("", other.csrf, one.csrf[:-1], one.token):
        with pytest.raises(Denied) as caught:
            check_csrf(world.accounts, one, given)
        assert caught.value.code == "CSRF"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_hosts() -> None:
    assert session_cookie("aue", "aue.x", secure=True) == (
        "__Host-desk-aue=aue.x; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"
    )
    assert session_cookie("aue", "", secure=False) == "desk-aue=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"


async def test_a_new_password_ends_every_session(world: World) -> None:
    world.logins[HERE] = Login(second_factor=False)
    account = await world.staff(("admin", "*"))
    token = await sign_in(world)
    await set_password(world.accounts, HERE, account, "Lindenstraße 40 b", by=OPERATOR)
    with pytest.raises(Denied):
        await session_of(world, token)
    await sign_in(world, "Lindenstraße 40 b")
    for bad in ("kurz", "x" * 30, "ada ist hier ada", "y" * 201):
        with pytest.raises(InputError):
            await set_password(world.accounts, HERE, account, bad, by=OPERATOR)


async def test_a_password_is_hashed_anew_when_the_parameters_have_become_stronger(world: World) -> None:
    await world.staff(("admin", "*"))
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with world.database.transaction(HERE) as session:
        await session.execute(update(Account).values(password=weak))
    await sign_in(world)
    async with world.database.session(HERE) as session:
        kept = (await session.scalars(select(Account.password))).one()
    assert kept != weak
    assert kept.startswith("$argon2id$")
    await sign_in(world)
