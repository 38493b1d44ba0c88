"""Desk and API for a browser: the town of the tests behind a real server, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from allmende.accounts.sessions import Session
from allmende.db.engine import Database
from allmende.desk.office import sessions
from allmende.desk.pages import PAGES
from allmende.desk.routes import desk_routes
from allmende.gate.door import Door
from allmende.graphql.compose import Composed
from allmende.graphql.http import graphql_routes
from allmende.reader import Reader
from allmende.testing.town import Instance, Town
from allmende.uploads import upload_routes
from litestar import Litestar

from tests.desk.conftest import make_office

T = TypeVar("T")


class Announced(uvicorn.Server):
    """A server that says when it is there."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class House:
    """`house.url`, `house.town`; `house.do(coroutine)` runs something beside the server."""

    def __init__(self, composed: Composed, database_url: str, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.socket = socket.create_server(("127.0.0.1", 0))  # held from now on: nobody else can take the port
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._made = (composed, database_url, folder)
        self.permissions: dict[str, frozenset[str]] = {}
        """Name in the cookie → what this member of staff may do; everybody else signs in as people do."""
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        if not self._ready.wait(60):
            raise TimeoutError("the desk did not start")

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        composed, database_url, folder = self._made
        database = Database(database_url, pool_size=5)
        instance = Instance(composed, database, folder / "cities")
        self.town = instance.town("teststadt")

        signed_in = sessions(instance.services.accounts, secure=False)

        async def who(slug: str, cookies: str) -> Session | None:
            end = self.town.now + timedelta(days=1)
            for name, permissions in self.permissions.items():
                if f"signed={name}" in cookies:
                    reader = Reader(kind="staff", id=name * 4, city=slug, name=name.title(), permissions=permissions)
                    return Session(reader=reader, csrf=f"right-{name}", token="", family="", expires=end)
            return await signed_in(slug, cookies)

        office = make_office(self.town, who, folder)
        api = graphql_routes(lambda: instance.engine, graphiql=False)
        routes = [*desk_routes(office, PAGES), *upload_routes(instance.services), *api]
        app = Door(Litestar(routes, openapi_config=None), lambda: instance.cities)
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        self.server = Announced(config, self._ready)
        await self.server.serve([self.socket])
        await database.close()


@contextmanager
def open_house(composed: Composed, database_url: str, folder: Path) -> Iterator[House]:
    house = House(composed, database_url, folder)
    try:
        yield house
    finally:
        house.stop()


__all__ = ["House", "Town", "open_house"]
