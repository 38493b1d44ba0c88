"""One worker of an instance as a process of its own: reads a command per line, answers with a line.

`read` asks through the cache, `write <text>` changes the row and says so once it is committed, `count` tells how many
answers were made rather than found.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog
from allmende.db.engine import Database
from allmende.graphql.cache.keep import Made, Responses
from allmende.graphql.cache.variant import Reader
from allmende.graphql.execute import Operation
from allmende.graphql.outgoing import encode
from gazette import GazetteNotice, make_engine
from sqlalchemy import update

QUERY = '{ city(slug: "oben", language: "de") { gazette { notices { nodes { title } } } } }'


async def main(url: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    database = Database(url)
    engine = make_engine(database)
    listener = database.listener()
    if listener:
        listener.start()
    responses = Responses(
        database.board,
        1_000_000,
        engine.services.cities,
        trusted=(lambda: listener.trusted) if listener else lambda: True,
    )
    made = 0

    async def answer() -> Made:
        nonlocal made
        made += 1
        outcome = await engine.execute(Operation(query=QUERY))
        return Made(outcome, encode(outcome.body))

    async def read() -> str:
        found: Any = await (responses.ask(b"titles", Reader(), answer) if responses.usable else answer())
        body: bytes = found.body
        return body.decode()

    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode().strip():
        command, _, value = line.partition(" ")
        if command == "write":
            async with database.transaction("oben") as session:
                await session.execute(update(GazetteNotice).values(title=value))
        result = {"read": await read() if command == "read" else "", "count": str(made)}.get(command, "done")
        sys.stdout.write(f"{result}\n")
        sys.stdout.flush()
    if listener:
        await listener.stop()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
