"""Slows down guessing: each failure makes the next attempt wait longer, for the account and for the client.

An attempt is counted before it is looked at, so that many at the same time gain nothing; success takes it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import Any

from msgspec import Struct
from sqlalchemy import case, delete, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.service import Accounts
from allmende.accounts.tables import Attempt
from allmende.errors import AllmendeError

FORGET = timedelta(days=1)
"""After so long without a failure, all is forgotten."""
LONGEST = timedelta(minutes=15)
SKEW = timedelta(minutes=2)
"""Clocks of machines are not further apart: what seems to be later was written before the clock was set back."""
_QUIET = {"synchronize_session": False}


class TooManyAttempts(AllmendeError):
    """Wait before you try again; `retry_after` is in seconds, for the header Retry-After."""

    code = "TOO_MANY_ATTEMPTS"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts; try again in {retry_after} seconds")
        self.retry_after = retry_after


class Key(Struct, frozen=True):
    """What failures are counted for, and how many of them cost nothing."""

    what: str
    who: str
    free: int


def of_account(email: str) -> Key:
    """Somebody may mistype a password; the fifth time it takes patience."""
    return Key("account", email, 4)


def of_client(client: str) -> Key:
    """A whole town hall can share an address."""
    return Key("client", client, 20)


def of_devices(client: str) -> Key:
    """Many phones can share an address, of a school or of a mobile operator."""
    return Key("devices", client, 100)


async def begin(accounts: Accounts, city: str, keys: Sequence[Key]) -> None:
    """Count an attempt for each key; TooManyAttempts, and nothing counted, while one of them has to wait."""
    now = accounts.clock()
    async with accounts.database.transaction(city) as session:
        wait = timedelta()
        for key in sorted(keys, key=lambda one: one.what):  # always in this order, so that no two wait for each other
            failures, until = await _count(accounts, session, key)
            if until - now <= LONGEST:  # longer, and it was written before the clock was set back
                wait = max(wait, until - now)
            delay = _delay(failures - key.free)
            statement = update(Attempt).where(Attempt.key == _hash(accounts, key)).values(until=now + delay)
            await session.execute(statement, execution_options=_QUIET)
        if wait > timedelta():
            raise TooManyAttempts(ceil(wait.total_seconds()))


async def count(accounts: Accounts, city: str, key: Key, within: timedelta) -> None:
    """One more of what costs nothing to ask for, of which `key.free` are given to each within a time.

    RATE_LIMITED for further ones, until the time that began with the first is over.
    """
    now = accounts.clock()
    async with accounts.database.transaction(city) as session:
        number, began = await _number(accounts, session, key, within)
    if number > key.free:
        wait = ceil((began + within - now).total_seconds() / 60)
        raise AllmendeError(f"too many from this address; try again in {wait} minutes", code="RATE_LIMITED")


async def succeeded(accounts: Accounts, session: AsyncSession, keys: Sequence[Key]) -> None:
    """The attempt was a good one: forget the account's failures, and take this one back from the client's."""
    for key in keys:
        mine = Attempt.key == _hash(accounts, key)
        if key.what == "account":
            await session.execute(delete(Attempt).where(mine), execution_options=_QUIET)
        else:
            now = accounts.clock()
            statement = update(Attempt).where(mine).values(failures=Attempt.failures - 1, until=now)
            await session.execute(statement, execution_options=_QUIET)


async def forget(accounts: Accounts, session: AsyncSession) -> None:
    """Drop what is so old that it does not count any more."""
    old = Attempt.last < accounts.clock() - FORGET
    await session.execute(delete(Attempt).where(old), execution_options=_QUIET)


async def _count(accounts: Accounts, session: AsyncSession, key: Key) -> Any:
    """One failure more; how many there are, and until when nobody may try."""
    now = accounts.clock()
    made: Any = _dialect(session).insert(Attempt).values(key=_hash(accounts, key), failures=1, last=now, until=now)
    more = case((Attempt.last < now - FORGET, 1), else_=Attempt.failures + 1)
    made = made.on_conflict_do_update(index_elements=["city", "key"], set_={"failures": more, "last": now})
    return (await session.execute(made.returning(Attempt.failures, Attempt.until))).one()


async def _number(accounts: Accounts, session: AsyncSession, key: Key, within: timedelta) -> Any:
    """How many there are now, and since when they are counted."""
    now = accounts.clock()
    over = or_(Attempt.last <= now - within, Attempt.last > now + SKEW)
    made: Any = _dialect(session).insert(Attempt).values(key=_hash(accounts, key), failures=1, last=now, until=now)
    set_ = {"failures": case((over, 1), else_=Attempt.failures + 1), "last": case((over, now), else_=Attempt.last)}
    made = made.on_conflict_do_update(index_elements=["city", "key"], set_=set_)
    return (await session.execute(made.returning(Attempt.failures, Attempt.last))).one()


def _dialect(session: AsyncSession) -> Any:
    return postgresql if session.get_bind().dialect.name == "postgresql" else sqlite


def _delay(over: int) -> timedelta:
    """Nothing for the free ones, then 2, 4, 8 … seconds."""
    return min(timedelta(seconds=2 ** min(over, 20)), LONGEST) if over > 0 else timedelta()


def _hash(accounts: Accounts, key: Key) -> str:
    """Addresses and e-mail addresses are not kept."""
    return accounts.sealer.sign(key.who, f"attempt {key.what}")
