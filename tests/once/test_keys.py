"""Idempotency keys: what is stored tells nothing, and only the same request under the same key gets the answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allmende.db.engine import Database
from allmende.errors import AllmendeError, InputError
from allmende.once import keys as once
from allmende.once.tables import OnceKey
from allmende.testing import NOON
from sqlalchemy import func, select, update

from tests.cases.lamps import HERE, THERE, context

KEY = "7b0f4c7e-6d0e-4bb4-9d0c-2f6d3b1f7a11"
ANSWER = b"receipt: 7K3QX-0V9TR"


async def done(
    database: Database, what: str = "vote", key: str = KEY, request: Any = ("a", 1), city: str = HERE
) -> bytes:
    ctx = context(database, slug=city)
    async with ctx.transaction() as session:
        return await once.claim(session, ctx, what, key, request, ANSWER) or b"new"


async def test_the_first_answer_comes_again_and_only_in_its_city_and_for_its_mutation(database: Database) -> None:
    assert [await done(database) for _ in range(3)] == [b"new", ANSWER, ANSWER]
    assert await done(database, "other") == await done(database, city=THERE) == b"new"
    assert await done(database, key=KEY.upper()) == b"new", "keys are compared letter by letter"


async def test_another_request_under_the_key_gets_nothing(database: Database) -> None:
    await done(database)
    for other in (("a", 2), ("a",), "a", None):
        with pytest.raises(AllmendeError) as refused:
            await done(database, request=other)
        assert refused.value.code == "IDEMPOTENCY_MISMATCH"
        assert ANSWER.decode() not in refused.value.message


async def test_what_is_stored_holds_neither_key_nor_request_nor_answer(database: Database) -> None:
    await done(database, request={"phone": "0251 123456"})
    async with database.session(HERE) as session:
        row = (await session.scalars(select(OnceKey))).one()
    stored = f"{row.id} {row.request} {row.answer!r}"
    assert [secret for secret in (KEY, "0251", "phone", "receipt", "7K3QX") if secret in stored] == []


async def test_a_stored_answer_that_was_tampered_with_is_not_given_out(database: Database) -> None:
    await done(database)
    await done(database, "other")
    async with database.transaction(HERE) as session:
        await session.execute(update(OnceKey).values(answer=bytes(60)))
    with pytest.raises(Exception) as failed:
        await done(database)
    assert not isinstance(failed.value, AllmendeError), "nothing that a reader would be told"


async def test_keys_are_forgotten_when_no_phone_tries_again(database: Database) -> None:
    await done(database)
    await once.forget_old(database, HERE, NOON + once.RETENTION - timedelta(hours=1))
    await once.forget_old(database, THERE, NOON + once.RETENTION * 2)
    assert await done(database) == ANSWER
    await once.forget_old(database, HERE, NOON + once.RETENTION + timedelta(hours=1))
    async with database.session(HERE) as session:
        assert await session.scalar(select(func.count()).select_from(OnceKey)) == 0


@pytest.mark.parametrize("key", ["", "x" * 15, "x" * 129, "schlüssel-mit-umlaut", "tab\tinside-of-the-key"])
def test_keys_that_others_could_have_are_refused(key: str) -> None:
    with pytest.raises(InputError, match="idempotencyKey"):
        once.check_key(key)
