"""kill -9 in the middle of a storm of submissions: none is lost that was acknowledged, none is there twice.

First the register alone, in a process that knows nothing else; then all of it: servers, phones, reports with photos.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from allmende import cases
from allmende.cases.tables import CaseEvent
from allmende.db.engine import Database
from allmende.files.tables import FileUpload
from allmende.testing import Town
from sqlalchemy import func, select

from tests.files.photos import photo
from tests.server import running, workers

from .lamps import HERE, context, new_key, submit

ROOT = Path(__file__).parents[2]
STORM = 60
KILLED_AFTER = (12, 30)
"""Submissions that were acknowledged when the process is killed; then the phones try all of theirs again."""


def storm_until(url: str, keys: list[str], acknowledged: int) -> dict[str, tuple[str, str]]:
    """Key → number and receipt, of those that were acknowledged before the process was killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cases.storm", url],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(" ".join(keys))
        process.stdin.close()
        answers = {}
        for line in process.stdout:
            key, number, receipt = line.split()
            answers[key] = (number, receipt)
            if len(answers) == acknowledged:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was killed in the middle"
    return answers


async def test_a_killed_process_loses_no_case_and_doubles_none(database: Database, database_url: str) -> None:
    keys = [new_key() for _ in range(STORM)]
    answers: dict[str, tuple[str, str]] = {}
    for acknowledged in KILLED_AFTER:
        for key, answer in (await asyncio.to_thread(storm_until, database_url, keys, acknowledged)).items():
            assert answers.setdefault(key, answer) == answer
    ctx = context(database)
    for key in keys:
        done = await submit(ctx, f"Lampe {key}", key=key)
        assert answers.get(key, (done.case.number, done.receipt)) == (done.case.number, done.receipt)
        assert done.repeated or key not in answers
    async with database.session(HERE) as session:
        count = await session.scalar(select(func.count()).select_from(cases.Case))
        everything = (await session.scalars(select(cases.Case))).all()
        events = await session.scalar(select(func.count()).select_from(CaseEvent))
        faults = [fault for case in everything for fault in await cases.verify(session, case)]
    assert (count, events, faults) == (STORM, 0, [])


REPORTS = 'anonymous_per_hour = 10000\n\n[[categories]]\nid = "light"\nname = "Laterne"\n'
CREATE = """mutation($input: ReportsCreateInput!) {
  reportsCreate(input: $input) { number receipt repeated } }"""


class Phones:
    """File reports with photos, eight at once, and try each again with the same keys until it is acknowledged."""

    def __init__(self, client: httpx2.AsyncClient, keys: list[str]) -> None:
        self.client, self.keys = client, keys
        self.answers: dict[str, tuple[str, str]] = {}
        self.lost = 0
        self.more = asyncio.Event()

    async def file(self, key: str) -> dict[str, Any]:
        """The answer; an httpx2.HTTPError where there was none."""
        headers = {"Content-Type": "image/jpeg", "Idempotency-Key": f"{key}-photo"}
        picture = photo(64, 48, comment=key)
        taken = (await self.client.post(f"/{HERE}/files", content=picture, headers=headers)).raise_for_status().json()
        draft = {"city": HERE, "category": "light", "lat": 51.96, "lon": 7.63, "text": key, "photos": [taken["id"]]}
        body = {"query": CREATE, "variables": {"input": {**draft, "idempotencyKey": key}}}
        answer = (await self.client.post("/graphql", json=body)).raise_for_status().json()
        assert "errors" not in answer, answer
        filed: dict[str, Any] = answer["data"]["reportsCreate"]
        return filed

    async def storm(self) -> None:
        waiting = iter(self.keys)

        async def phone() -> None:
            for key in waiting:
                while key not in self.answers:
                    try:
                        filed = await self.file(key)
                    except httpx2.HTTPError:
                        self.lost += 1
                        await asyncio.sleep(0.05)
                    else:
                        self.answers[key] = filed["number"], filed["receipt"]
                        self.more.set()

        await asyncio.gather(*(phone() for _ in range(8)))

    async def acknowledged(self, number: int) -> None:
        while len(self.answers) < number:
            self.more.clear()
            await self.more.wait()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
async def test_killed_workers_lose_no_report_and_double_none(town: Town, database_url: str, tmp_path: Path) -> None:
    town.switch_on("reports", REPORTS)
    folders = {"ALLMENDE_CITIES": str(town.instance.folder), "ALLMENDE_FILES": str(tmp_path / "files")}
    keys = [new_key() for _ in range(STORM // 2)]
    with running(tmp_path, "serve", "--workers", "2", ALLMENDE_DATABASE=database_url, **folders) as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
            phones = Phones(client, keys)
            storm = asyncio.create_task(phones.storm())
            for acknowledged, worker in zip((6, 15), workers(server.process), strict=True):
                await phones.acknowledged(acknowledged)
                os.kill(worker, signal.SIGKILL)
            await storm
            assert phones.lost > 0, "they were killed in the middle"
            again = {key: await phones.file(key) for key in keys}
    assert {key: (one["number"], one["receipt"]) for key, one in again.items()} == phones.answers
    assert all(one["repeated"] for one in again.values())
    async with town.instance.database.session(HERE) as session:
        everything = (await session.scalars(select(cases.Case))).all()
        files = (await session.scalars(select(FileUpload))).all()
        faults = [fault for case in everything for fault in await cases.verify(session, case)]
    assert sorted(case.public["text"] for case in everything) == sorted(keys)
    assert sorted(file.owner for file in files) == sorted(f"case:{case.id}" for case in everything)
    assert faults == []
