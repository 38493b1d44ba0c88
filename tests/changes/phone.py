"""A phone that keeps a city's items and asks for what has changed since it was last online."""

from __future__ import annotations

from allmende.changes.read import Position, read_changes
from allmende.db.engine import Database

PAGES = 200


class Phone:
    def __init__(self, database: Database, city: str, plugin: str, first: int = 3) -> None:
        self.database, self.city, self.plugin, self.first = database, city, plugin, first
        self.since: Position | None = None
        self.items: set[str] = set()
        self.resets = 0

    async def page(self) -> bool:
        """Ask once; whether there is more."""
        page = await read_changes(self.database, self.city, [self.plugin], self.since, self.first)
        if page.reset:
            self.items.clear()
            self.resets += 1
        for item in page.items:
            (self.items.discard if item.deleted else self.items.add)(item.id)
        self.since = page.position
        return page.more

    async def sync(self) -> set[str]:
        for _ in range(PAGES):
            if not await self.page():
                return self.items
        raise AssertionError("the sync does not end")
