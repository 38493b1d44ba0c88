"""Chores: the recurring work of the core's own rooms, once for each city, by the rules of plugins' jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.model import City

CORE = "core"
"""What stands for a plugin's name in the table of jobs; no plugin can have it."""


class Chore(Struct, frozen=True, kw_only=True):
    """Work of a room that is done now and then for each city, whatever that has switched on.

    A room makes its chores from its services (`def chores(accounts) -> tuple[Chore, ...]`), the application puts them
    into the house (`app.chores`), and both runners do them: one process at a time (a lease), tried again a minute
    after a failure, then ever less often, and after `retries` at the usual time, as a dead letter.
    """

    name: str
    """`<room>-<what>`, unique."""
    run: Callable[[City], Awaitable[None]]
    every: timedelta
    timeout: timedelta = timedelta(minutes=5)
    retries: int = 3
    waiting: Callable[[AsyncSession, datetime], Awaitable[Collection[str]]] | None = None
    """(session that sees all cities, now) → slugs of the cities where there is something to do. Then it is due there
    only, and as often as every look at what is due."""
