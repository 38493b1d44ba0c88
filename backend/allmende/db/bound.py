"""The database as a plugin is given it: bound to one city, whatever city it is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from allmende.errors import ScopeError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from allmende.db.prepared import Key, Prepared, Room
    from allmende.db.rows import New


class Sessions(Protocol):
    """Who opens sessions: the database, or a leash on it."""

    def session(self, city: str) -> AbstractAsyncContextManager[AsyncSession]: ...
    def transaction(self, city: str) -> AbstractAsyncContextManager[AsyncSession]: ...
    def insert(
        self, city: str, rows: Sequence[New], room: Room | None = None, *, unless: tuple[Key, ...] = ()
    ) -> Awaitable[bool]: ...
    async def tuples(self, city: str, prepared: Prepared, columns: tuple[Any, ...]) -> Sequence[Sequence[Any]]: ...
    def remembered(self, city: str, key: Hashable) -> Any: ...
    async def remember(self, city: str, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any: ...


class Bound(Struct, eq=False):
    """Opens sessions of one city; asked for another city's, or for what sees all cities, it raises."""

    _database: Sessions
    _city: str

    def session(self, city: str) -> AbstractAsyncContextManager[AsyncSession]:
        """ScopeError for any city but its own."""
        self._check(city)
        return self._database.session(city)

    def transaction(self, city: str) -> AbstractAsyncContextManager[AsyncSession]:
        """ScopeError for any city but its own."""
        self._check(city)
        return self._database.transaction(city)

    def insert(
        self, city: str, rows: Sequence[New], room: Room | None = None, *, unless: tuple[Key, ...] = ()
    ) -> Awaitable[bool]:
        """New rows in a transaction of their own. ScopeError for any city but its own."""
        self._check(city)
        return self._database.insert(city, rows, room, unless=unless)

    async def tuples(self, city: str, prepared: Prepared, columns: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        """The rows of one prepared list. ScopeError for any city but its own."""
        self._check(city)
        return await self._database.tuples(city, prepared, columns)

    def remembered(self, city: str, key: Hashable) -> Any:
        """What was made for this key, if it still holds. ScopeError for any city but its own."""
        if city != self._city:
            self._check(city)
        return self._database.remembered(city, key)

    async def remember(self, city: str, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        """What `make` makes for this key, to be remembered. ScopeError for any city but its own."""
        self._check(city)
        return await self._database.remember(city, key, make)

    def _check(self, city: str) -> None:
        if city != self._city:
            raise ScopeError(f"the database was given out for {self._city}: it opens no session of {city!r}")
