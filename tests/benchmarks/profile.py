"""Where the time goes in one process: home, asked again and again in the process itself, without HTTP."""

from __future__ import annotations

import asyncio
import cProfile
import io
import json
import pstats
import time
from collections.abc import Mapping

from allmende.app import make_engine
from allmende.db.engine import Database
from allmende.graphql.execute import Operation
from allmende.settings import load_settings

from . import questions
from .questions import HOME

TIMES = 400
SHOWN = 25


def hot_path(environ: Mapping[str, str]) -> str:
    """The functions that take most of the time of home, not cached, by themselves."""
    return asyncio.run(_profile(environ))


async def _profile(environ: Mapping[str, str]) -> str:
    settings = load_settings(environ)
    database = Database(settings.database)
    engine, _ = make_engine(settings, database)
    operations = [Operation(query=HOME.ours, variables=mine) for _, mine in questions.variables(HOME)[:50]]

    async def run() -> float:
        begun = time.process_time()
        for number in range(TIMES):
            outcome = await engine.execute(operations[number % len(operations)])
            assert outcome.kind == "executed"
        return (time.process_time() - begun) / TIMES * 1e3

    await run()
    plain = await run()
    profiler = cProfile.Profile()
    profiler.enable()
    await run()
    profiler.disable()
    await database.close()
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    head = f"home, not cached, in one process: {plain:.2f} ms of CPU each (profile of {TIMES}, {json.dumps('tottime')})"
    return "\n".join([head, *lines[2:]])
