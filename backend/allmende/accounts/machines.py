"""Service tokens: for importers and other machines of a city, each with the permissions that it names and no others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import and_, delete, insert, select

from allmende.accounts.audit import audit
from allmende.accounts.permissions import check_permissions
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import end_tokens
from allmende.accounts.tables import Account, Token
from allmende.accounts.tokens import issue
from allmende.errors import InputError, NotFound
from allmende.reader import Reader

PAGE = 200


class Service(Struct, frozen=True, kw_only=True):
    """A machine that has a token, as the list of tokens shows it; the token itself is never shown again."""

    id: str
    name: str
    permissions: tuple[str, ...]
    created: datetime
    seen: datetime | None = None
    expires: datetime | None = None


async def add_service(
    accounts: Accounts, city: str, name: str, permissions: Iterable[str], *, by: Reader, expires: datetime | None = None
) -> str:
    """The token of a new service, to be shown once. InputError for a permission that there is not, or none at all."""
    wanted, name = tuple(dict.fromkeys(permissions)), name.strip()
    if not 0 < len(name) <= 120:
        raise InputError("name: 1 to 120 characters are needed, which say what the token is for")
    if not wanted:
        raise InputError("permissions: name at least one")
    check_permissions(wanted, accounts.plugins())
    accounts.city(city)
    id_, now = uuid4().hex, accounts.clock()
    async with accounts.database.transaction(city) as session:
        await session.execute(insert(Account), [{"id": id_, "kind": "service", "name": name, "created": now}])
        token = await issue(session, city, id_, "service", now, name=name, permissions=wanted, expires=expires)
        await audit(session, by, "token.add", id_, {"name": name, "permissions": list(wanted)}, now=now)
    return token


async def list_services(accounts: Accounts, city: str) -> list[Service]:
    """The services of a city by name, at most 200. One statement."""
    statement = (
        select(Account.id, Account.name, Token.permissions, Token.created, Token.seen, Token.expires)
        .join(Token, and_(Token.city == Account.city, Token.account == Account.id))
        .where(Account.kind == "service")
        .order_by(Account.name, Account.id)
        .limit(PAGE)
    )
    async with accounts.database.session(city) as session:
        rows = (await session.execute(statement)).all()
    return [
        Service(
            id=row.id,
            name=row.name,
            permissions=tuple(row.permissions),
            created=row.created,
            seen=row.seen,
            expires=row.expires,
        )
        for row in rows
    ]


async def remove_service(accounts: Accounts, city: str, service: str, *, by: Reader) -> None:
    """The token opens nothing any more; NotFound."""
    async with accounts.database.transaction(city) as session:
        found = await session.get(Account, (city, service))
        if found is None or found.kind != "service":
            raise NotFound("there is no such token")
        await end_tokens(session, service)
        await session.execute(delete(Account).where(Account.id == service))
        await audit(session, by, "token.remove", service, {"name": found.name}, now=accounts.clock())
