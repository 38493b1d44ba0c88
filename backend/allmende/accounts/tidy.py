"""What becomes of identities by itself: expired tokens go, and devices that nobody has used for long."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts import attempts
from allmende.accounts.service import Accounts
from allmende.accounts.tables import Account, Token
from allmende.chore import Chore
from allmende.city.model import City

UNUSED = timedelta(days=400)
"""After so long without a request a device is forgotten: longer than from one summer holiday to the next."""
REUSE = timedelta(days=30)
"""For how long it is noticed that a refresh token is shown a second time."""
CHUNK = 500
_QUIET = {"synchronize_session": False}


def account_chores(accounts: Accounts) -> tuple[Chore, ...]:
    """The chores of this room."""

    async def tidy(city: City) -> None:
        while await tidy_once(accounts, city.slug) >= CHUNK:
            pass

    return (Chore(name="accounts-tidy", run=tidy, every=timedelta(days=1)),)


async def tidy_once(accounts: Accounts, city: str) -> int:
    """Drop what has expired, at most 500 devices of it; how many those were."""
    now = accounts.clock()
    over = or_(Token.expires <= now, and_(Token.kind == "refresh", Token.used <= now - REUSE))
    async with accounts.database.transaction(city) as session:
        await session.execute(delete(Token).where(over), execution_options=_QUIET)
        await attempts.forget(accounts, session)
        return await _forget_devices(accounts, session)


async def _forget_devices(accounts: Accounts, session: AsyncSession) -> int:
    unused = and_(Account.kind == "device", Account.seen <= accounts.clock() - UNUSED)
    ids = (await session.scalars(select(Account.id).where(unused).limit(CHUNK))).all()
    if ids:
        await session.execute(delete(Token).where(Token.account.in_(ids)), execution_options=_QUIET)
        await session.execute(delete(Account).where(Account.id.in_(ids)), execution_options=_QUIET)
    return len(ids)
