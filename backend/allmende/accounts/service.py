"""Who a token or a cookie belongs to: one statement, in the one city that the token names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from allmende.accounts.permissions import Declared, granted, known
from allmende.accounts.tables import Account, Grant, Token
from allmende.accounts.tokens import BEARERS, city_of, fingerprint, invalid
from allmende.city.model import City
from allmende.context import Database, utc_now
from allmende.db.outage import is_outage
from allmende.errors import NotFound, Unavailable
from allmende.reader import Reader
from allmende.sealing import Sealer

TOUCH = timedelta(days=1)
"""How exactly it is known when a token or an account was last used: a write per token and day."""
_QUIET = {"synchronize_session": False}
_WHO: Any = (
    select(
        Token.account,
        Token.kind.label("token_kind"),
        Token.permissions,
        Token.family,
        Token.created,
        Token.seen,
        Token.expires,
        Account.kind,
        Account.name,
        Account.email,
        Account.password,
        Account.totp,
        Account.disabled,
        Grant.role,
        Grant.plugin,
    )
    .join(Account, and_(Account.city == Token.city, Account.id == Token.account))
    .outerjoin(Grant, and_(Grant.city == Token.city, Grant.account == Token.account))
    .where(Token.hash == bindparam("hash"))
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The instance's accounts; the application makes one, and every function of this room takes it."""

    database: Database
    sealer: Sealer
    cities: Callable[[], Mapping[str, City]]
    """By slug, asked anew each time."""
    plugins: Callable[[], Declared]
    """Plugin → its permissions."""
    clock: Callable[[], datetime] = utc_now
    _granted: dict[frozenset[tuple[str, str]], frozenset[str]] = field(default_factory=dict)

    async def reader(self, token: str) -> Reader:
        """Whom the token of an `Authorization: Bearer` header belongs to. One statement.

        Denied (UNAUTHENTICATED) for one that is forged, expired, revoked, of a disabled account, or not for the API.
        """
        rows = await self.look_up(token, BEARERS)
        first = rows[0]
        if first.seen is None or first.seen <= self.clock() - TOUCH:
            with suppress(DBAPIError):  # a full disk is no reason to know nobody any more
                await self.touch(city_of(token), token, first.account)
        return self.made(city_of(token), rows)

    async def bearer(self, header: bytes | str) -> Reader:
        """Whom a header Authorization belongs to (RFC 6750). Raises Unavailable while the database is not there."""
        text = header.decode("latin-1") if isinstance(header, bytes) else header
        scheme, _, token = text[:200].partition(" ")
        if scheme.lower() != "bearer":
            raise invalid()
        try:
            return await self.reader(token.strip())
        except Exception as error:
            if not is_outage(error):
                raise
            raise Unavailable("the database cannot do this at the moment; try again later") from error

    async def look_up(self, token: str, kinds: Sequence[str]) -> Sequence[Row[Any]]:
        """The token with its account, once for each role of the account; Denied where it is not valid."""
        city = city_of(token)
        if city not in self.cities():
            raise invalid()
        async with self.database.session(city) as session:
            rows: Sequence[Row[Any]] = (await session.execute(_WHO, {"hash": fingerprint(token)})).all()
        if not rows or rows[0].token_kind not in kinds or rows[0].disabled is not None:
            raise invalid()
        if rows[0].expires is not None and rows[0].expires <= self.clock():
            raise invalid()
        return rows

    def made(self, city: str, rows: Sequence[Row[Any]]) -> Reader:
        """The reader of these rows of `look_up`."""
        first = rows[0]
        permissions: frozenset[str] = frozenset()
        if first.token_kind == "service":
            permissions = frozenset(first.permissions) & known(self.plugins())
        elif first.kind == "staff":
            permissions = self.permissions((row.role, row.plugin) for row in rows if row.role is not None)
        shown = first.name if first.kind in ("staff", "service") else ""
        return Reader(
            kind=first.kind,
            id=first.account,
            city=city,
            name=shown,
            session=first.family,
            permissions=permissions,
        )

    def permissions(self, roles: Iterable[tuple[str, str]]) -> frozenset[str]:
        """What these (role, plugin) add up to."""
        key = frozenset(roles)
        if key not in self._granted:
            if len(self._granted) > 1000:
                self._granted.clear()
            self._granted[key] = granted(key, self.plugins())
        return self._granted[key]

    async def touch(self, city: str, token: str, account: str) -> None:
        """Remember that both are in use."""
        now = self.clock()
        async with self.database.transaction(city) as session:
            mine = update(Token).where(Token.hash == fingerprint(token)).values(seen=now)
            await session.execute(mine, execution_options=_QUIET)
            whose = update(Account).where(Account.id == account).values(seen=now)
            await session.execute(whose, execution_options=_QUIET)

    def city(self, slug: str) -> City:
        """The city; NotFound where there is none."""
        found = self.cities().get(slug)
        if found is None:
            raise NotFound(f"there is no city {slug[:80]!r}")
        return found
