"""1,000 phones that open the app within five seconds: each with a connection of its own and one question."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence

from msgspec import Struct


class Crowd(Struct, frozen=True):
    """What they saw; times in milliseconds from wanting to connect to the last byte."""

    errors: int
    p50: float
    p99: float
    slowest: float


async def rush(port: int, paths: Sequence[str], phones: int = 1000, within: float = 5.0) -> Crowd:
    """All phones, each at a random moment."""
    draw = random.Random(1)
    asked = [_phone(port, draw.choice(paths), draw.uniform(0, within)) for _ in range(phones)]
    times = await asyncio.gather(*asked)
    good = sorted(moment for moment in times if moment is not None)
    if not good:
        return Crowd(errors=phones, p50=0, p99=0, slowest=0)
    return Crowd(
        errors=phones - len(good),
        p50=statistics.median(good) * 1e3,
        p99=good[min(len(good) - 1, round(len(good) * 0.99))] * 1e3,
        slowest=good[-1] * 1e3,
    )


async def _phone(port: int, path: str, delay: float) -> float | None:
    await asyncio.sleep(delay)
    started = time.perf_counter()
    try:
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(length)
            writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, StopIteration):
        return None
    fine = head.startswith(b"HTTP/1.1 200") and body.startswith(b'{"data"') and b'"errors"' not in body[:200]
    return time.perf_counter() - started if fine else None
