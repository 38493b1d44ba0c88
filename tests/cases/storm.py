"""A process that submits cases as fast as it can, and says of each that it is there; it is killed while it does."""

from __future__ import annotations

import asyncio
import sys

from allmende.db.engine import Database

from tests.cases.lamps import context, open_case


async def storm(url: str, keys: list[str]) -> None:
    """Eight phones at once; what is printed has been acknowledged."""
    database = Database(url, pool_size=8)
    ctx, waiting = context(database), iter(keys)

    async def phone() -> None:
        for key in waiting:
            done = await open_case(ctx, f"Lampe {key}", key=key)
            print(key, done.case.number, done.receipt, flush=True)  # noqa: T201

    await asyncio.gather(*(phone() for _ in range(8)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(storm(sys.argv[1], sys.stdin.read().split()))
