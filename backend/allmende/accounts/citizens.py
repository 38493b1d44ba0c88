"""An app that somebody has signed in to: tokens for the one-time code, and new ones for the refresh token.

A refresh token works once. Shown again later than a lost answer explains, it was stolen, from the app or by it: then
everything that came from this sign-in ends (RFC 9700 § 4.14.2). However often it is refreshed, a sign-in ends after the
days that the city says.
"""

from __future__ import annotations

import hmac
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import select

from allmende.accounts.oidc.flow import challenge_of
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import end_tokens
from allmende.accounts.tables import Token
from allmende.accounts.tokens import LIVES, Kind, city_of, fingerprint, invalid, issue, use
from allmende.city.model import LONGEST_DAYS

PATIENCE = timedelta(seconds=30)
"""So long after its use a refresh token gives another pair: the phone may not have heard the answer."""


class Pair(Struct, frozen=True):
    """What an app holds from now on."""

    access: str
    refresh: str
    expires_in: int
    """Seconds for which the access token works."""


async def exchange(accounts: Accounts, city: str, code: str, verifier: str) -> Pair:
    """Tokens for the code of a sign-in, which works once, and only for the app that has the verifier of its challenge.

    Denied (UNAUTHENTICATED) for any other; a code that is shown twice ends what it had given.
    """
    token = await _take(accounts, city, code, "code")
    if not hmac.compare_digest(token.challenge.encode(), challenge_of(verifier[:200]).encode()):
        raise invalid()
    return await _pair(accounts, city, token)


async def refresh(accounts: Accounts, city: str, token: str) -> Pair:
    """A new pair for a refresh token, which is used up by that. Denied (UNAUTHENTICATED) for one that is not valid."""
    return await _pair(accounts, city, await _take(accounts, city, token, "refresh"))


async def _take(accounts: Accounts, city: str, token: str, kind: Kind) -> Token:
    """The row of a token that has just been used up."""
    if city_of(token) != city:
        raise invalid()
    await accounts.look_up(token, (kind,))
    now = accounts.clock()
    async with accounts.database.transaction(city) as session:
        fresh = await use(session, token, now)
        row = await session.scalar(select(Token).where(Token.hash == fingerprint(token)))
        late = row is not None and row.used is not None and row.used <= now - PATIENCE
        if row is not None and not fresh and (late or kind == "code"):
            await end_tokens(session, row.account, row.family)
            row = None  # and commit that
    if row is None:
        raise invalid()
    return row


async def _pair(accounts: Accounts, city: str, token: Token) -> Pair:
    now, login = accounts.clock(), accounts.city(city).login.citizens
    longest = now + timedelta(days=login.longest_days if login else LONGEST_DAYS)
    ends = min(token.ends or longest, longest)
    async with accounts.database.transaction(city) as session:
        access = await issue(session, city, token.account, "access", now, family=token.family, ends=ends)
        again = await issue(session, city, token.account, "refresh", now, family=token.family, ends=ends)
    life = LIVES["access"]
    assert life is not None
    return Pair(access, again, int(min(life, ends - now).total_seconds()))
