"""How staff get a session at the desk: by password and second factor, or by a one-time link.

(By OpenID Connect: see oidc/.) Every way ends in a token for the session's cookie, see sessions.py.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts import attempts, passwords
from allmende.accounts.attempts import Key
from allmende.accounts.audit import audit
from allmende.accounts.second import check_code
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import open_session
from allmende.accounts.tables import Account, Token
from allmende.accounts.tokens import city_of, invalid, issue, use
from allmende.errors import Denied, NotFound
from allmende.reader import Reader
from allmende.sealing import SealBroken

HALFWAY = timedelta(minutes=5)
"""Between the password and the code."""
_QUIET = {"synchronize_session": False}


class SecondFactorNeeded(Denied):
    """The password was right. Ask for a code, and call `sign_in_code` with `halfway` (a hidden field) and the code."""

    code = "SECOND_FACTOR_NEEDED"

    def __init__(self, halfway: str) -> None:
        super().__init__("a code of your authenticator app is needed, or a recovery code")
        self.halfway = halfway


async def sign_in_password(accounts: Accounts, city: str, email: str, password: str, *, client: str) -> str:
    """A session token for the cookie.

    `client` is whoever asks, as the door knows it (`scope["allmende.client"]`). Raises Denied (SIGN_IN_FAILED) for a
    wrong or unknown address or password, which nobody can tell apart, not by time either; SecondFactorNeeded for an
    account that has one; TooManyAttempts, with the seconds to wait.
    """
    email = email.strip().lower()[:254]
    keys = (attempts.of_account(email), attempts.of_client(client))
    if not accounts.city(city).login.passwords:
        raise Denied("this city's staff sign in at their provider", code="SIGN_IN_FAILED")
    await attempts.begin(accounts, city, keys)
    async with accounts.database.session(city) as session:
        statement = select(Account.id, Account.name, Account.password, Account.totp).where(
            Account.email == email, Account.kind == "staff", Account.disabled.is_(None)
        )
        found = (await session.execute(statement)).one_or_none()
    right, better = await passwords.verified(found.password if found else "", password)
    if found is None or not right:
        raise _failed()
    async with accounts.database.transaction(city) as session:
        if better:
            kept = update(Account).where(Account.id == found.id, Account.password == found.password)
            await session.execute(kept.values(password=better), execution_options=_QUIET)
        if found.totp is None:
            return await _enter(accounts, session, city, found.id, found.name, "password", keys)
        client_only = [key for key in keys if key.what == "client"]
        await attempts.succeeded(accounts, session, client_only)  # the account's stays counted until the code is there
    raise SecondFactorNeeded(_halfway(accounts, city, found.id, email))


async def sign_in_code(accounts: Accounts, city: str, halfway: str, code: str, *, client: str) -> str:
    """The second step: a session token. Denied (SIGN_IN_FAILED) for a wrong or used code, or after five minutes."""
    account, email = _whose(accounts, city, halfway)
    keys = (attempts.of_account(email), attempts.of_client(client))
    await attempts.begin(accounts, city, keys)
    async with accounts.database.transaction(city) as session:
        statement = select(Account.name).where(Account.id == account, Account.disabled.is_(None))
        name = await session.scalar(statement)
        if name is None or not await check_code(accounts, session, city, account, code):
            raise _failed()
        return await _enter(accounts, session, city, account, name, "password and code", keys)


async def sign_in_link(accounts: Accounts, city: str, account: str) -> str:
    """A token for a link that signs this one of the staff in, once, within 15 minutes; earlier links end.

    Put it into `desk_link`. NotFound where there is no such account, or it is disabled.
    """
    async with accounts.database.transaction(city) as session:
        found = await session.get(Account, (city, account))
        if found is None or found.kind != "staff" or found.disabled is not None:
            raise NotFound("there is no such account, or it is disabled")
        earlier = delete(Token).where(Token.account == account, Token.kind == "link")
        await session.execute(earlier, execution_options=_QUIET)
        return await issue(session, city, account, "link", accounts.clock())


def desk_link(base: str, token: str) -> str:
    """The address at which the desk takes a link's token. Its page asks before it signs in: scanners of mail follow
    links, too."""
    return f"{base.rstrip('/')}/{city_of(token)}/desk/enter?link={token}"


async def follow_link(accounts: Accounts, city: str, token: str) -> str:
    """A session token for a link's token, which works once. Denied (UNAUTHENTICATED) where it does not."""
    if city_of(token) != city:
        raise invalid()
    first = (await accounts.look_up(token, ("link",)))[0]
    async with accounts.database.transaction(city) as session:
        if not await use(session, token, accounts.clock()):
            raise invalid()
        return await _enter(accounts, session, city, first.account, first.name, "link", ())


async def _enter(
    accounts: Accounts,
    session: AsyncSession,
    city: str,
    account: str,
    name: str,
    way: str,
    keys: tuple[Key, ...],
) -> str:
    now = accounts.clock()
    await attempts.succeeded(accounts, session, keys)
    await session.execute(update(Account).where(Account.id == account).values(seen=now), execution_options=_QUIET)
    token = await open_session(accounts, session, city, account)
    reader = Reader(kind="staff", id=account, city=city, name=name)
    await audit(session, reader, "session.open", account, {"by": way}, now=now)
    return token


def _failed() -> Denied:
    return Denied("the address, the password or the code is wrong", code="SIGN_IN_FAILED")


def _halfway(accounts: Accounts, city: str, account: str, email: str) -> str:
    until = (accounts.clock() + HALFWAY).timestamp()
    sealed = accounts.sealer.seal(msgspec.json.encode((account, email, until)), f"halfway {city}")
    return urlsafe_b64encode(sealed).decode()


def _whose(accounts: Accounts, city: str, halfway: str) -> tuple[str, str]:
    try:
        opened = accounts.sealer.open(urlsafe_b64decode(halfway[:1000]), f"halfway {city}")
    except (SealBroken, ValueError):
        raise _failed() from None
    account, email, until = msgspec.json.decode(opened, type=tuple[str, str, float])
    if until <= accounts.clock().timestamp():
        raise _failed()
    return account, email
