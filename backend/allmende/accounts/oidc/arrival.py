"""Whose account somebody is who comes back from the provider, and what they hold from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.audit import audit
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import open_session
from allmende.accounts.tables import Account, Grant
from allmende.accounts.tokens import issue
from allmende.city.model import City, StaffLogin
from allmende.errors import Denied
from allmende.reader import Reader

_QUIET = {"synchronize_session": False}


async def citizen_arrives(accounts: Accounts, city: City, claims: Mapping[str, Any], challenge: str) -> str:
    """The one-time code that the app exchanges for tokens. Of the citizen nothing is kept but a fingerprint."""
    now, subject = accounts.clock(), _fingerprint("citizen", claims)
    async with accounts.database.transaction(city.slug) as session:
        account = await _known(session, subject)
        if account is None:
            account = uuid4().hex
            values = {"id": account, "kind": "citizen", "subject": subject, "created": now, "seen": now}
            await session.execute(insert(Account), [values])
        return await issue(session, city.slug, account, "code", now, challenge=challenge)


async def staff_arrive(accounts: Accounts, city: City, login: StaffLogin, claims: Mapping[str, Any]) -> str:
    """A session token for the desk. The roles are those that the provider's groups give now: Denied without any."""
    roles = _roles(login, claims)
    if not roles:
        raise Denied("this account has no role in this city; ask its admin", code="SIGN_IN_REFUSED")
    now, subject = accounts.clock(), _fingerprint("staff", claims)
    email, name = _email(claims), _name(claims)
    async with accounts.database.transaction(city.slug) as session:
        account = await _known(session, subject) or await _same_address(session, email)
        values: dict[str, Any] = {"subject": subject, "name": name, "seen": now}
        if account is None:
            account = uuid4().hex
            made = {"id": account, "kind": "staff", "email": email, "created": now, **values}
            await session.execute(insert(Account), [made])
        else:
            change = update(Account).where(Account.id == account).values(**values)
            await session.execute(change, execution_options=_QUIET)
        reader = Reader(kind="staff", id=account, city=city.slug, name=name)
        await _give(accounts, session, reader, roles)
        await audit(session, reader, "session.open", account, {"by": "provider"}, now=now)
        return await open_session(accounts, session, city.slug, account)


async def _give(accounts: Accounts, session: AsyncSession, reader: Reader, roles: Sequence[tuple[str, str]]) -> None:
    """Exactly these roles from the provider; those that were given at the desk stay."""
    now = accounts.clock()
    statement = select(Grant.role, Grant.plugin, Grant.source).where(Grant.account == reader.id)
    there = {(role, plugin): source for role, plugin, source in (await session.execute(statement)).all()}
    before = {pair for pair, source in there.items() if source == "oidc"}
    wanted = {pair for pair in roles if there.get(pair) != "desk"}
    if before == wanted:
        return
    mine = delete(Grant).where(Grant.account == reader.id, Grant.source == "oidc")
    await session.execute(mine, execution_options=_QUIET)
    rows = [
        {"account": reader.id, "role": role, "plugin": plugin, "source": "oidc", "created": now}
        for role, plugin in sorted(wanted)
    ]
    if rows:
        await session.execute(insert(Grant), rows)
    detail = {"roles": [list(pair) for pair in sorted(wanted)], "by": "provider"}
    await audit(session, reader, "user.roles", reader.id, detail, now=now)


def _roles(login: StaffLogin, claims: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the city's file says about the values of the claim."""
    found = claims.get(login.claim)
    values = {found} if isinstance(found, str) else {one for one in found or () if isinstance(one, str)}
    return list(dict.fromkeys((rule.role, rule.plugin) for rule in login.roles if rule.value in values))


async def _known(session: AsyncSession, subject: str) -> str | None:
    statement = select(Account.id, Account.disabled).where(Account.subject == subject)
    found = (await session.execute(statement)).one_or_none()
    if found is None:
        return None
    return _open(found.id, found.disabled)


async def _same_address(session: AsyncSession, email: str | None) -> str | None:
    """The account that was made at the desk for this address, which the provider has verified."""
    if email is None:
        return None
    statement = select(Account.id, Account.disabled, Account.subject).where(Account.email == email)
    found = (await session.execute(statement)).one_or_none()
    if found is None:
        return None
    if found.subject is not None:
        raise Denied("this address belongs to another account; ask the admin", code="SIGN_IN_REFUSED")
    return _open(found.id, found.disabled)


def _open(account: str, disabled: Any) -> str:
    if disabled is not None:
        raise Denied("this account is disabled", code="SIGN_IN_REFUSED")
    return account


def _fingerprint(kind: str, claims: Mapping[str, Any]) -> str:
    """Tells one person from another, and neither who they are nor that a citizen and a colleague are the same."""
    return sha256("\x00".join((kind, claims["iss"], claims["sub"])).encode()).hexdigest()


def _email(claims: Mapping[str, Any]) -> str | None:
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True or not 0 < len(email) <= 254:
        return None
    return email.strip().lower()


def _name(claims: Mapping[str, Any]) -> str:
    names = (claims.get(key) for key in ("name", "preferred_username", "email"))
    return next((name.strip()[:120] for name in names if isinstance(name, str) and name.strip()), "–")
