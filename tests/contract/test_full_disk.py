"""The disk fills up while citizens file reports: what was acknowledged is there, what was not is refused by a code,
nothing is doubled, everything is read as before, and when there is room again, service goes on by itself.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
import psycopg
import pytest
from allmende import cases
from allmende.db.engine import Database
from allmende.testing.databases import PostgreSQL
from sqlalchemy import select

from tests.contract.test_crash import Cluster, make_durable
from tests.disk import fill, small_disk
from tests.server import ROOT, Server, clean_environment, running
from tests.warm import allmende

HERE = "musterstadt"
REPORTS = 'moderation = "after"\nanonymous_per_hour = 10000\n\n[[categories]]\nid = "light"\nname = "Laterne"\n'
CREATE = """mutation($input: ReportsCreateInput!) {
  reportsCreate(input: $input) { number receipt repeated } }"""
HOME = f'{{ city(slug: "{HERE}") {{ name reports {{ list(first: 5) {{ nodes {{ id }} }} }} }} }}'
NEWER = 8
"""Reports that have to be acknowledged, or refused, until the next thing happens."""


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(160) as folder:
        yield folder


class Stored(NamedTuple):
    """A database on that disk. `ready` is for before the disk is filled."""

    url: str
    ready: Callable[[], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def stored(request: pytest.FixtureRequest, disk: Path) -> Iterator[Stored]:
    if request.param == "sqlite":
        yield Stored(f"sqlite:///{disk / 'full.sqlite'}", lambda: None)
        return
    cluster = Cluster(disk / "postgresql")
    server = PostgreSQL(cluster.server.get_uri())

    def ready() -> None:
        """A file of the log with room in it: without, PostgreSQL ends (which is why docs/operations.md parts them)."""
        for statement in ("SELECT pg_switch_wal()", "CHECKPOINT"):
            server.execute(statement)

    yield Stored(server.url(server.create()), ready)
    cluster.server.cleanup()


class Phones:
    """File one report after the other, four at once; one that was refused is tried again later, by the same key."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.answers: dict[str, tuple[str, str]] = {}
        self.refused: list[str] = []
        self.codes = Counter[str]()
        self.over = False

    async def file(self, key: str) -> dict[str, Any] | None:
        """What was filed; None where that was refused."""
        text = f"{key} " + "x" * 1500
        draft = {"city": HERE, "category": "light", "lat": 51.35, "lon": 8.2, "text": text, "idempotencyKey": key}
        response = await self.client.post("/graphql", json={"query": CREATE, "variables": {"input": draft}})
        assert response.status_code in (200, 429, 503), response.text
        answer = response.json()
        if "errors" in answer:
            self.codes[answer["errors"][0]["extensions"]["code"]] += 1
            return None
        filed: dict[str, Any] = answer["data"]["reportsCreate"]
        return filed

    async def again(self, key: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while (filed := await self.file(key)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        return filed

    async def storm(self) -> None:
        async def phone() -> None:
            while not self.over:
                key = self.refused.pop(0) if self.refused and len(self.refused) > NEWER * 3 else str(uuid4())
                filed = await self.file(key)
                if filed is None:
                    self.refused.append(key)
                    await asyncio.sleep(0.05)
                else:
                    self.answers[key] = filed["number"], filed["receipt"]

        await asyncio.gather(*(phone() for _ in range(4)))

    async def until(self, storm: asyncio.Task[None], reached: Callable[[], bool]) -> None:
        end = time.monotonic() + 90
        while not reached():
            assert not storm.done(), storm.result()
            assert time.monotonic() < end, f"{len(self.answers)} acknowledged, {self.codes}"
            await asyncio.sleep(0.05)


def started(folder: Path, disk: Path, database: str) -> AbstractContextManager[Server]:
    """A server with all that it writes on the disk, also what workers share."""
    city = folder / "cities" / HERE
    shutil.copytree(ROOT / "cities" / HERE, city)
    shutil.rmtree(city / "plugins")
    (city / "plugins").mkdir()
    (city / "plugins" / "reports.toml").write_text(REPORTS)
    environ = {"ALLMENDE_DATABASE": database, "ALLMENDE_CITIES": str(folder / "cities"), "TMPDIR": str(disk)}
    allmende("db", "upgrade", environ=clean_environment(**environ), check=True)
    return running(folder, "serve", "--workers", "2", **environ)


async def test_a_full_disk_under_load_loses_nothing_doubles_nothing_and_is_over_when_there_is_room(
    stored: Stored, disk: Path, tmp_path: Path
) -> None:
    filler = disk / "filler"
    with started(tmp_path, disk, stored.url) as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
            phones = Phones(client)
            storm = asyncio.create_task(phones.storm())
            await phones.until(storm, lambda: len(phones.answers) >= NEWER)
            stored.ready()
            fill(filler)
            await phones.until(storm, lambda: phones.codes.total() >= NEWER)
            read = (await client.post("/graphql", json={"query": HOME})).json()
            assert "errors" not in read, read
            assert read["data"]["city"]["reports"]["list"]["nodes"] != []
            assert set(phones.codes) == {"UNAVAILABLE"}
            filler.unlink()
            before = len(phones.answers)
            await phones.until(storm, lambda: len(phones.answers) >= before + NEWER)
            phones.over = True
            await storm
            again = {key: await phones.again(key) for key in (*phones.answers, *phones.refused)}
    await check(stored.url, phones, again)


async def check(url: str, phones: Phones, again: dict[str, dict[str, Any]]) -> None:
    """What was acknowledged is there as it was, nothing is there twice, and all histories are whole."""
    database = Database(url)
    async with database.session(HERE) as session:
        everything = (await session.scalars(select(cases.Case))).all()
        faults = [fault for case in everything for fault in await cases.verify(session, case)]
    await database.close()
    filed = {key: (one["number"], one["receipt"]) for key, one in again.items()}
    assert {key: filed[key] for key in phones.answers} == phones.answers
    assert sorted(case.public["text"].split()[0] for case in everything) == sorted(again)
    assert faults == []


async def test_a_full_disk_under_postgresqls_log_ends_it_and_nothing_else(disk: Path, tmp_path: Path) -> None:
    """Whoever starts it again (here: this test) may try in vain until there is room."""
    cluster = Cluster(Path(f"/tmp/allmende-log-{os.getpid()}"))
    over = threading.Event()

    def init() -> None:
        while not over.wait(1):
            if not cluster.is_running():
                with suppress(Exception):
                    cluster.start()

    starting = threading.Thread(target=init)
    try:
        cluster.move_log(disk)
        postgresql = PostgreSQL(cluster.server.get_uri())
        make_durable(postgresql)
        url = postgresql.url(postgresql.create())
        with started(tmp_path, tmp_path, url) as server:
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                phones = Phones(client)
                storm = asyncio.create_task(phones.storm())
                await phones.until(storm, lambda: len(phones.answers) >= NEWER)
                fill(disk / "filler")
                with suppress(psycopg.OperationalError):
                    while True:  # until there is no file any more that was made before
                        await asyncio.to_thread(postgresql.execute, "SELECT pg_switch_wal()")
                        await asyncio.sleep(0.2)
                starting.start()
                await phones.until(storm, lambda: phones.codes.total() >= NEWER)
                read = (await client.post("/graphql", json={"query": HOME})).json()
                assert read["data"] == {"city": {"name": "Musterstadt", "reports": None}}
                assert (await client.get("/health/ready")).status_code == 503
                assert (await client.get("/health")).status_code == 200
                (disk / "filler").unlink()
                before = len(phones.answers)
                await phones.until(storm, lambda: len(phones.answers) >= before + NEWER)
                phones.over = True
                await storm
                again = {key: await phones.again(key) for key in (*phones.answers, *phones.refused)}
        assert set(phones.codes) <= {"UNAVAILABLE", "PLUGIN_TIMEOUT"}
        await check(url, phones, again)
    finally:
        over.set()
        if starting.ident:
            starting.join()
        cluster.server.cleanup()
        shutil.rmtree(cluster.folder, ignore_errors=True)
