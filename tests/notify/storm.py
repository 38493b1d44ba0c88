"""A process that delivers what is due in the city of these tests; it is killed while it does."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

from allmende.db.engine import Database

from .people import make_town, run


async def deliver(url: str, base: str, now: datetime) -> None:
    database = Database(url, pool_size=5)
    print(sum((await run(database, make_town(), base, now=now)).values()), flush=True)  # noqa: T201
    await database.close()


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3])))
