"""The accounts of a city's staff: made, listed, given roles, disabled. All of it is in the audit log.

`by` is who does it: a reader with the permission `desk.users`, which the caller has checked, or OPERATOR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts import passwords
from allmende.accounts.audit import audit
from allmende.accounts.permissions import EVERYWHERE, check_role
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import end_tokens
from allmende.accounts.tables import Account, Grant
from allmende.errors import InputError, NotFound
from allmende.reader import Reader

OPERATOR = Reader(kind="staff", name="operator")
"""Who works at the command line of the instance."""
PAGE = 200
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_QUIET = {"synchronize_session": False}


class Staff(Struct, frozen=True, kw_only=True):
    """One of the staff, as the list of users shows them."""

    id: str
    name: str
    email: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    """(role, plugin or `*`)."""
    has_password: bool = False
    has_second_factor: bool = False
    by_provider: bool = False
    """Signs in by the city's OpenID provider."""
    created: datetime
    seen: datetime | None = None
    disabled: datetime | None = None


async def add_staff(
    accounts: Accounts, city: str, email: str, name: str, roles: Iterable[tuple[str, str]] = (), *, by: Reader
) -> str:
    """A new account, without a password: give its owner a link (`sign_in_link`). Its id; InputError where the address
    is none, or taken."""
    email, name = email.strip().lower(), name.strip()
    if not _EMAIL.fullmatch(email) or len(email) > 254:
        raise InputError("email: it is not an e-mail address")
    if not 0 < len(name) <= 120:
        raise InputError("name: 1 to 120 characters are needed")
    roles = _checked(accounts, roles)
    accounts.city(city)
    id_, now = uuid4().hex, accounts.clock()
    taken = InputError("email: somebody with this address has an account already")
    try:
        async with accounts.database.transaction(city) as session:
            if await session.scalar(select(Account.id).where(Account.email == email)):
                raise taken
            values = {"id": id_, "kind": "staff", "name": name, "email": email, "created": now}
            await session.execute(insert(Account), [values])
            await _grant(session, id_, roles, now)
            await audit(session, by, "user.add", id_, {"name": name, "roles": [list(one) for one in roles]}, now=now)
    except IntegrityError:  # two at the same time; the database's error would name the address
        raise taken from None
    return id_


async def list_staff(accounts: Accounts, city: str, *, search: str = "", account: str = "") -> list[Staff]:
    """The staff of a city by name, at most 200; by a part of name or address, or one. Two statements."""
    statement = select(Account).where(Account.kind == "staff").order_by(Account.name, Account.id).limit(PAGE)
    if account:
        statement = statement.where(Account.id == account)
    if search:
        part = search.strip().lower()[:100]
        name, email = func.lower(Account.name), Account.email
        statement = statement.where(name.contains(part, autoescape=True) | email.contains(part, autoescape=True))
    async with accounts.database.session(city) as session:
        rows = (await session.scalars(statement)).all()
        ids = [row.id for row in rows]
        grants = (await session.scalars(select(Grant).where(Grant.account.in_(ids)))).all()
    return [_staff(row, [one for one in grants if one.account == row.id]) for row in rows]


async def find_staff(accounts: Accounts, city: str, email: str) -> Staff:
    """The one with this address; NotFound."""
    accounts.city(city)
    async with accounts.database.session(city) as session:
        wanted = select(Account.id).where(Account.email == email.strip().lower(), Account.kind == "staff")
        id_ = await session.scalar(wanted)
    if id_ is None:
        raise NotFound(f"nobody of the staff of {city} has this address")
    return (await list_staff(accounts, city, account=id_))[0]


async def set_roles(
    accounts: Accounts, city: str, account: str, roles: Iterable[tuple[str, str]], *, by: Reader
) -> None:
    """Give exactly these (role, plugin or `*`), at once; InputError where there would be no admin left."""
    roles = _checked(accounts, roles)
    now = accounts.clock()
    async with accounts.database.transaction(city) as session:
        await _one(session, city, account)
        await session.execute(delete(Grant).where(Grant.account == account), execution_options=_QUIET)
        await _grant(session, account, roles, now)
        await _keep_an_admin(session, by)
        await audit(session, by, "user.roles", account, {"roles": [list(one) for one in roles]}, now=now)


async def disable(accounts: Accounts, city: str, account: str, *, by: Reader, enable: bool = False) -> None:
    """Shut somebody out at once, with all their sessions and tokens; or (`enable`) let them in again."""
    now = accounts.clock()
    async with accounts.database.transaction(city) as session:
        await _one(session, city, account)
        change = update(Account).where(Account.id == account).values(disabled=None if enable else now)
        await session.execute(change, execution_options=_QUIET)
        if not enable:
            await end_tokens(session, account)
            await _keep_an_admin(session, by)
        await audit(session, by, "user.enable" if enable else "user.disable", account, now=now)


async def set_password(accounts: Accounts, city: str, account: str, password: str, *, by: Reader) -> None:
    """A new password; every session and token of the account ends, so sign in again. InputError for a bad one."""
    async with accounts.database.session(city) as session:
        email = (await _one(session, city, account)).email or ""
    passwords.check_password(password, email)
    kept, now = await passwords.hashed(password), accounts.clock()
    async with accounts.database.transaction(city) as session:
        change = update(Account).where(Account.id == account).values(password=kept)
        await session.execute(change, execution_options=_QUIET)
        await end_tokens(session, account)
        await audit(session, by, "user.password", account, now=now)


async def reset_second_factor(accounts: Accounts, city: str, account: str, *, by: Reader) -> None:
    """Forget it, for somebody who lost the phone and the recovery codes; every session and token ends."""
    now = accounts.clock()
    async with accounts.database.transaction(city) as session:
        await _one(session, city, account)
        values: dict[str, Any] = {"totp": None, "totp_next": None, "recovery": []}
        change = update(Account).where(Account.id == account).values(**values)
        await session.execute(change, execution_options=_QUIET)
        await end_tokens(session, account)
        await audit(session, by, "user.second_factor", account, now=now)


async def _one(session: AsyncSession, city: str, account: str) -> Account:
    found = await session.get(Account, (city, account))
    if found is None or found.kind != "staff":
        raise NotFound("there is no such account")
    return found


async def _grant(session: AsyncSession, account: str, roles: Sequence[tuple[str, str]], now: datetime) -> None:
    values = [{"account": account, "role": role, "plugin": plugin, "created": now} for role, plugin in roles]
    if values:
        await session.execute(insert(Grant), values)


async def _keep_an_admin(session: AsyncSession, by: Reader) -> None:
    """Who looks after users at the desk must not shut everybody out; the operator can always make another admin."""
    if by is OPERATOR:
        return
    admins = (
        select(func.count())
        .select_from(Grant)
        .join(Account, (Account.city == Grant.city) & (Account.id == Grant.account))
        .where(Grant.role == "admin", Grant.plugin.in_((EVERYWHERE, "desk")), Account.disabled.is_(None))
    )
    if not await session.scalar(admins):
        raise InputError("roles: at least one admin has to stay")


def _checked(accounts: Accounts, roles: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    wanted = list(dict.fromkeys(roles))
    for role, plugin in wanted:
        check_role(role, plugin, accounts.plugins())
    return wanted


def _staff(row: Account, grants: Iterable[Grant]) -> Staff:
    return Staff(
        id=row.id,
        name=row.name,
        email=row.email or "",
        roles=tuple(sorted((one.role, one.plugin) for one in grants)),
        has_password=bool(row.password),
        has_second_factor=row.totp is not None,
        by_provider=row.subject is not None,
        created=row.created,
        seen=row.seen,
        disabled=row.disabled,
    )
