"""What the desk works with: the instance's services, made once by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from graphql import GraphQLSchema

from allmende.accounts.service import Accounts
from allmende.accounts.sessions import Session, find_session
from allmende.city.load import Cities
from allmende.context import utc_now
from allmende.db.engine import Database
from allmende.errors import Denied
from allmende.feeds.services import Services as Feeds
from allmende.files.store import Store
from allmende.graphql.request import Services
from allmende.registry import Registry

Who = Callable[[str, str], Awaitable[Session | None]]
"""(city, header Cookie) → the session that somebody has there; None where nobody has, or it has ended."""


@dataclass(frozen=True, slots=True)
class Office:
    """`cities` gives them as they are now; another object after a reload."""

    registry: Registry
    database: Database
    cities: Callable[[], Cities]
    feeds: Feeds
    accounts: Accounts
    who: Who
    services: Services
    """For previews, which ask the plugins' own GraphQL types."""
    schema: GraphQLSchema
    files: Store
    """Where uploaded pictures go."""
    clock: Callable[[], datetime] = utc_now
    production: bool = False
    """Then cookies go over https only."""


def sessions(accounts: Accounts, *, secure: bool) -> Who:
    """Finds sessions by their cookie; `secure` is whether the instance is in production."""

    async def who(city: str, cookies: str) -> Session | None:
        try:
            return await find_session(accounts, city, cookies, secure=secure)
        except Denied:
            return None

    return who
