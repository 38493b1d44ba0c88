"""Devices: anonymous identities, so that a phone can have reports and subscriptions without anybody signing in."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts import attempts
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import end_tokens
from allmende.accounts.tables import Account
from allmende.accounts.tokens import issue


async def register_device(accounts: Accounts, city: str, language: str, *, client: str = "") -> str:
    """A new device of this city; its token, which the app keeps and nobody can be told again.

    `client` is whoever asks, as the door knows it; RATE_LIMITED where too many come from there. Without one, nobody
    counts.
    """
    if client:
        await attempts.count(accounts, city, attempts.of_devices(client), timedelta(hours=1))
    now, id_ = accounts.clock(), uuid4().hex
    async with accounts.database.transaction(city) as session:
        values = {"id": id_, "kind": "device", "language": language[:16], "created": now, "seen": now}
        await session.execute(insert(Account), [values])
        return await issue(session, city, id_, "device", now)


async def forget_device(session: AsyncSession, account: str) -> None:
    """The device is no more, and its token opens nothing."""
    await end_tokens(session, account)
    mine = delete(Account).where(Account.id == account, Account.kind == "device")
    await session.execute(mine, execution_options={"synchronize_session": False})
