"""Sends one message to very many browsers, through a push service in another process that decrypts each of them.

    python -m tests.benchmarks.push --recipients 100000

Everything is as in production: subscriptions and outbox in the database, claims, egress guard, VAPID, RFC 8291, HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import allmende.app  # noqa: F401 - declares the tables of all rooms
import httpx2
from allmende.db.engine import Database
from allmende.notify.matching import fingerprint
from allmende.notify.spread import spread
from allmende.notify.tables import Endpoint, Subscription
from allmende.testing import NOON
from allmende.testing.databases import create_tables
from sqlalchemy import insert

from ..notify.people import PICKUPS, announce, make_town, make_ways
from ..notify.pushservice import browser
from ..server import free_port

CITY = make_town()
CHUNK = 5000


@contextmanager
def push_service() -> Iterator[str]:
    """In a process of its own, so that it takes no time of the sender's."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.notify.pushservice:app", "--port", str(port)]
    process = subprocess.Popen([*command, "--log-level", "warning", "--no-access-log", "--lifespan", "off"])
    try:
        for _ in range(200):
            try:
                httpx2.get(f"http://127.0.0.1:{port}/count", trust_env=False)
                break
            except httpx2.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def subscribe(database: Database, base: str, recipients: int) -> None:
    """So many browsers have subscribed to everything."""
    match = fingerprint(PICKUPS, {})
    for start in range(0, recipients, CHUNK):
        endpoints, subscriptions = [], []
        for number in range(start, min(start + CHUNK, recipients)):
            given, id_ = browser(base, number), f"{number:032x}"
            common = {"id": id_, "created": NOON}
            endpoints.append(
                common
                | {
                    "owner": id_,
                    "channel": "webpush",
                    "address": given["address"],
                    "digest": id_,
                    "keys": {"p256dh": given["p256dh"], "auth": given["auth"]},
                    "language": "de",
                    "confirmed": True,
                    "ticket": id_,
                }
            )
            subscriptions.append(common | {"endpoint": id_, "topic": "waste.pickups", "parameters": {}, "match": match})
        async with database.transaction(CITY.slug) as session:
            await session.execute(insert(Endpoint), endpoints)
            await session.execute(insert(Subscription), subscriptions)


async def measure(url: str, recipients: int) -> dict[str, Any]:
    """Seconds of spreading the message and of sending it, and what the push service says it has decrypted."""
    from allmende.notify.delivery import deliver

    database = Database(url)
    with push_service() as base:
        await subscribe(database, base, recipients)
        await announce(database, CITY)
        began = time.perf_counter()
        while await spread(database, CITY.slug, NOON):
            pass
        spreading = time.perf_counter() - began
        began, processor = time.perf_counter(), time.process_time()
        counts = await deliver(make_ways(base), database, CITY, lambda: NOON, 3600)
        sending, processor = time.perf_counter() - began, time.process_time() - processor
        answer = json.loads(httpx2.get(f"{base}/count", trust_env=False).content)
    await database.close()
    return {
        "recipients": recipients,
        "spread_seconds": round(spreading, 1),
        "send_seconds": round(sending, 1),
        "per_second": round(recipients / sending),
        "processor_seconds": round(processor, 1),
        "decrypted": answer["received"],
        "refused": answer["refused"],
        "counts": dict(counts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--database", default="", help="a PostgreSQL with all tables; an SQLite file otherwise")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{Path(folder) / 'push.sqlite'}"
        if not given.database:
            create_tables(url)
        sys.stdout.write(json.dumps(asyncio.run(measure(url, given.recipients)), indent=1) + "\n")


if __name__ == "__main__":
    main()
