"""No stale answer is served after a committed write was acknowledged to its writer: two processes, both databases."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from allmende.db.engine import Database
from sqlalchemy import update

from ..gazette import GazetteNotice, publish

WORKER = Path(__file__).parent / "worker.py"
WRITES = 60


class Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def say(self, command: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n".encode())
        return (await asyncio.wait_for(self.process.stdout.readline(), 60)).decode().strip()


@asynccontextmanager
async def workers(url: str, environs: Sequence[dict[str, str]]) -> AsyncIterator[list[Worker]]:
    started = [
        Worker(
            await asyncio.create_subprocess_exec(
                *(sys.executable, str(WORKER), url),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environ,
            )
        )
        for environ in environs
    ]
    try:
        yield started
    finally:
        for worker in started:
            assert worker.process.stdin is not None
            worker.process.stdin.close()
            await asyncio.wait_for(worker.process.wait(), 30)


async def until_it_keeps(worker: Worker) -> None:
    """Until it has heard that it missed nothing: before that it computes every answer."""
    async with asyncio.timeout(60):
        while True:
            before = int(await worker.say("count"))
            for _ in range(3):
                await worker.say("read")
            if int(await worker.say("count")) - before < 3:
                return


def shown(title: str) -> str:
    return f'{{"data":{{"city":{{"gazette":{{"notices":{{"nodes":[{{"title":"{title}"}}]}}}}}}}}}}'


async def test_acknowledged_write_is_seen_by_every_worker_at_once(database: Database, database_url: str) -> None:
    """The writer is told, and from then on neither worker answers with what was before, although both keep it."""
    await publish(database, "oben", {"title": "0"})
    async with workers(database_url, [{}, {}]) as (one, other):
        await asyncio.gather(until_it_keeps(one), until_it_keeps(other))
        before = int(await one.say("count"))
        for number in range(WRITES):
            writer, reader = (one, other) if number % 2 else (other, one)
            assert await writer.say(f"write {number}") == "done"
            assert await reader.say("read") == shown(str(number))
            assert await writer.say("read") == shown(str(number))
            assert await reader.say("read") == shown(str(number))
        for _ in range(20):
            assert await one.say("read") == shown(str(WRITES - 1))
        assert int(await one.say("count")) - before < 3 * WRITES, "nothing was kept, so nothing was proved"


async def test_write_by_any_process_is_seen(database: Database, database_url: str) -> None:
    """An import, a command, a job: whoever writes through the database."""
    await publish(database, "oben", {"title": "Alt"})
    async with workers(database_url, [{}]) as (worker,):
        for _ in range(3):
            assert await worker.say("read") == shown("Alt")
        async with database.transaction("oben") as session:
            await session.execute(update(GazetteNotice).values(title="Neu"))
        assert await worker.say("read") == shown("Neu")


async def test_another_machine_sees_a_write_soon(postgresql_url: str, tmp_path: Path) -> None:
    """Machines share no memory (here: another folder for temporary files): the notice comes through the database."""
    database = Database(postgresql_url)
    await publish(database, "oben", {"title": "0"})
    elsewhere = {"TMPDIR": str(tmp_path)}
    assert tempfile.gettempdir() != str(tmp_path)
    async with workers(postgresql_url, [{}, elsewhere]) as (here, there):
        await asyncio.gather(until_it_keeps(here), until_it_keeps(there))
        before = int(await there.say("count"))
        for number in range(10):
            await there.say("read")
            await here.say(f"write {number}")
            async with asyncio.timeout(60):
                while await there.say("read") != shown(str(number)):  # noqa: ASYNC110 - in another process
                    await asyncio.sleep(0.02)
            assert await there.say("read") == shown(str(number))
        assert int(await there.say("count")) - before < 40
    await database.close()
