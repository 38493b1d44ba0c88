"""A job without an end, one that raises, and one that ends the process."""

import asyncio
from datetime import timedelta
from typing import Any

from allmende import Context, Job, Plugin


async def endless(ctx: Context[Any]) -> None:
    await asyncio.Event().wait()


async def raising(ctx: Context[Any]) -> None:
    raise RuntimeError("the job's own fault")


async def exiting(ctx: Context[Any]) -> None:
    raise SystemExit(3)


_HOUR = timedelta(hours=1)
plugin = Plugin(
    name="chores",
    jobs=(
        Job(name="endless", run=endless, every=_HOUR, timeout=timedelta(seconds=0.3)),
        Job(name="exiting", run=exiting, every=_HOUR),
        Job(name="raising", run=raising, every=_HOUR),
    ),
)
