"""How long something keeps the event loop to itself, in CPU time, which says the same on a busy machine."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable


async def largest_stretch(work: Awaitable[object]) -> float:
    """The longest piece between two turns of the loop, as a share of all that the process computes meanwhile."""
    done, longest = asyncio.Event(), 0.0

    async def turn() -> None:
        nonlocal longest
        while not done.is_set():
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    turning = asyncio.create_task(turn())
    gc.collect()
    gc.disable()  # looking through all that the test session has made is nobody's stretch
    try:
        await asyncio.sleep(0)
        longest, before = 0.0, time.process_time()
        await work
        used = time.process_time() - before
    finally:
        gc.enable()
        done.set()
        await turning
    return longest / used
