"""What the desk works with: the instance's services, made once by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from graphql import GraphQLSchema
from msgspec import Struct

from allmende.city.load import Cities
from allmende.context import utc_now
from allmende.db.engine import Database
from allmende.feeds.services import Services as Feeds
from allmende.files.store import Store
from allmende.graphql.request import Services
from allmende.reader import Reader
from allmende.registry import Registry


class Signed(Struct, frozen=True, kw_only=True):
    """A member of staff with a session at this city's desk."""

    reader: Reader
    csrf: str
    """The token that every form of this session holds."""


Who = Callable[[str, str], Awaitable[Signed | None]]
"""(city, header Cookie) → who has a session there; None where nobody has, or it has ended."""


@dataclass(frozen=True, slots=True)
class Office:
    """`cities` gives them as they are now; another object after a reload."""

    registry: Registry
    database: Database
    cities: Callable[[], Cities]
    feeds: Feeds
    who: Who
    clock: Callable[[], datetime] = utc_now
    production: bool = False
    """Then cookies go over https only."""
    services: Services | None = None
    """For previews, which ask the plugins' own GraphQL types."""
    schema: GraphQLSchema | None = None
    files: Store | None = None
    """Where uploaded pictures go."""
