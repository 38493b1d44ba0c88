"""kill -9 in the middle of a storm of submissions: none is lost that was acknowledged, none is there twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from allmende import cases
from allmende.cases.tables import CaseEvent
from allmende.db.engine import Database
from allmende.once.tables import OnceKey
from sqlalchemy import func, select

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
        counts = [await session.scalar(select(func.count()).select_from(t)) for t in (cases.Case, OnceKey)]
        everything = (await session.scalars(select(cases.Case))).all()
        events = await session.scalar(select(func.count()).select_from(CaseEvent))
        faults = [fault for case in everything for fault in await cases.verify(session, case)]
    assert (counts, events, faults) == ([STORM, STORM], 2 * STORM, [])
