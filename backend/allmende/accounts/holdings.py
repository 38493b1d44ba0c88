"""Where an account is signed in: what people see of their tokens, and end."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct
from sqlalchemy import func, or_, select

from allmende.accounts.devices import forget_device
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import end_tokens
from allmende.accounts.tables import Token
from allmende.errors import NotFound
from allmende.reader import Reader

MOST = 100
_KINDS: dict[str, Literal["device", "app", "desk", "service"]] = {
    "device": "device",
    "access": "app",
    "refresh": "app",
    "session": "desk",
    "service": "service",
}


class Holding(Struct, frozen=True, kw_only=True):
    """All tokens that came from one sign-in."""

    family: str
    kind: Literal["device", "app", "desk", "service"]
    created: datetime
    seen: datetime | None


async def holdings(accounts: Accounts, city: str, account: str) -> list[Holding]:
    """What is signed in to this account, the newest first, at most 100. One statement."""
    now = accounts.clock()
    began = func.min(Token.created)
    statement = (
        select(Token.family, func.min(Token.kind), began, func.max(Token.seen))
        .where(
            Token.account == account,
            Token.kind.in_(tuple(_KINDS)),
            Token.used.is_(None),
            or_(Token.expires.is_(None), Token.expires > now),
        )
        .group_by(Token.family)
        .order_by(began.desc(), Token.family)
        .limit(MOST)
    )
    async with accounts.database.session(city) as session:
        rows = (await session.execute(statement)).all()
    return [Holding(family=f, kind=_KINDS[kind], created=created, seen=seen) for f, kind, created, seen in rows]


async def end_holding(accounts: Accounts, reader: Reader, family: str = "", *, everywhere: bool = False) -> None:
    """Sign out: of one's own sign-in with this key (NotFound where it is none), or everywhere.

    A device has one token; without it, it is forgotten.
    """
    async with accounts.database.transaction(reader.city) as session:
        if reader.kind == "device":
            await forget_device(session, reader.id)
        elif not await end_tokens(session, reader.id, "" if everywhere else family) and not everywhere:
            raise NotFound("session: there is no such session of this account")
