"""What is handed out to be shown again: random, bound to one city, and kept as a hash only.

| kind | held by | lives | opens |
|---|---|---|---|
| device | an app without a sign-in | until revoked, or unused for long | the API, as this device |
| access | an app with a sign-in | an hour | the API, as this citizen |
| refresh | the same app | 90 days, each use gives another, until the sign-in ends | a new pair |
| session | a browser at the desk | 12 hours, 2 without use | the desk |
| service | an importer, a machine | until revoked | the API, with the permissions it names |
| link | one of the staff, once | 15 minutes | a session |
| code | an app that comes back from signing in, once | 2 minutes | the first pair |
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal
from uuid import uuid4

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.tables import Token
from allmende.errors import Denied

Kind = Literal["device", "access", "refresh", "session", "service", "link", "code"]
LIVES: Mapping[Kind, timedelta | None] = {
    "device": None,
    "access": timedelta(hours=1),
    "refresh": timedelta(days=90),
    "session": timedelta(hours=12),
    "service": None,
    "link": timedelta(minutes=15),
    "code": timedelta(minutes=2),
}
IDLE = timedelta(hours=2)
"""After so long without a request, a session at the desk is over."""
BEARERS = ("device", "access", "service")
"""Kinds that open the API."""
_TOKEN = re.compile(r"([a-z0-9][a-z0-9-]{0,63})\.[A-Za-z0-9_-]{43}")


def invalid() -> Denied:
    """One answer for all that is wrong with a token, so that nobody learns which part of it was right."""
    return Denied("the token is not valid (any more); get another one", code="UNAUTHENTICATED")


def city_of(token: str) -> str:
    """The slug of the city that a token is for; Denied where it does not look like a token at all."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise invalid()
    return match[1]


def fingerprint(token: str) -> str:
    """What is kept of a token. Tokens are 256 random bits, so a plain hash is as good as a slow one."""
    return sha256(token.encode()).hexdigest()


async def issue(
    session: AsyncSession,
    city: str,
    account: str,
    kind: Kind,
    now: datetime,
    *,
    family: str = "",
    name: str = "",
    permissions: tuple[str, ...] = (),
    challenge: str = "",
    expires: datetime | None = None,
    ends: datetime | None = None,
) -> str:
    """A new token of this account, which nobody can be told a second time. The session is bound to the city.

    `ends` is when the whole sign-in does: no token of it lives longer.
    """
    token = f"{city}.{secrets.token_urlsafe(32)}"
    life = LIVES[kind]
    until = expires or (now + life if life else None)
    values = {
        "hash": fingerprint(token),
        "account": account,
        "kind": kind,
        "family": family or uuid4().hex,
        "name": name,
        "permissions": list(permissions),
        "challenge": challenge,
        "created": now,
        "seen": now,
        "expires": min(until, ends) if until and ends else until,
        "ends": ends,
    }
    await session.execute(insert(Token), [values])
    return token


async def use(session: AsyncSession, token: str, now: datetime) -> bool:
    """Mark a token as used; False where somebody was faster, or it had been used before."""
    statement = update(Token).where(Token.hash == fingerprint(token), Token.used.is_(None)).values(used=now)
    result = await session.execute(statement.returning(Token.hash), execution_options={"synchronize_session": False})
    return result.first() is not None
