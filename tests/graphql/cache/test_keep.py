"""The response cache by itself: what is kept, for whom, how long, and what drops it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from allmende.db.board import ALL
from allmende.db.engine import Database
from allmende.graphql import exact
from allmende.graphql.cache.entry import Entry, control
from allmende.graphql.cache.keep import LIFE, Made, Responses
from allmende.graphql.cache.variant import Reader
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.outgoing import encode
from sqlalchemy import delete, insert, update

from ..gazette import GazetteNotice, make_engine, publish
from ..test_exact import taken

TITLES = '{ city(slug: "oben", language: "de") { gazette { notices { nodes { title } } } } }'
MODULES = '{ city(slug: "oben", language: "de") { modules { name status } } }'


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 11, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class House:
    """An engine with a cache before it."""

    def __init__(self, database: Database, capacity: int = 1_000_000) -> None:
        self.engine: Engine = make_engine(database)
        self.clock = Clock()
        self.engine.services.clock = self.clock
        self.responses = Responses(database.board, capacity, lambda: self.engine.services.cities(), clock=self.clock)
        self.computed = 0

    async def ask(self, text: str, **reader: str) -> Any:
        read = Reader(**reader)

        async def answer() -> Made:
            self.computed += 1
            operation = Operation(query=text, read_only=True, **reader)
            outcome = await self.engine.execute(operation)
            return Made(outcome, None if "errors" in outcome.body else encode(outcome.body))

        return await self.responses.ask(text.encode(), read, answer)


@pytest_asyncio.fixture
async def house(database: Database) -> AsyncIterator[House]:
    yield House(database)


async def titles(house: House) -> bytes:
    entry = await house.ask(TITLES)
    assert isinstance(entry, Entry)
    return entry.body


def shown(*names: str) -> bytes:
    nodes = ",".join(f'{{"title":"{name}"}}' for name in names)
    return f'{{"data":{{"city":{{"gazette":{{"notices":{{"nodes":[{nodes}]}}}}}}}}}}'.encode()


async def test_second_reader_gets_the_same_bytes_without_a_statement(house: House, database: Database) -> None:
    await publish(database, "oben", {"title": "Eins"})
    first = await house.ask(TITLES)
    with database.count() as statements:
        second = await house.ask(TITLES)
    assert (second is first, len(statements), house.computed) == (True, 0, 1)
    assert first.body == shown("Eins")


async def test_an_answer_takes_no_more_memory_than_it_is_counted_for(house: House, database: Database) -> None:
    """The room of the cache is counted by the length of what is kept; an encoder leaves room behind it."""
    await publish(database, "oben", {"title": "T" * 1_500})
    await titles(house)
    await publish(database, "oben", {"title": "Zwei"})
    with taken(exact) as bytes_of_answers:
        entry = await house.ask(TITLES)
    assert bytes_of_answers() == sys.getsizeof(entry.body)


async def test_every_way_of_writing_drops_what_shows_the_table(house: House, database: Database) -> None:
    """The unit of work, Core's insert with many rows, update, delete; in a transaction of the city or of the core."""
    (first,) = await publish(database, "oben", {"title": "Eins"})
    assert await titles(house) == shown("Eins")
    await publish(database, "oben", {"title": "Zwei", "published": datetime(2026, 10, 1, tzinfo=UTC)})
    assert await titles(house) == shown("Eins", "Zwei")
    async with database.transaction("oben") as session:
        row = await session.get_one(GazetteNotice, ("oben", first))
        row.title = "Uno"
    assert await titles(house) == shown("Uno", "Zwei")
    async with database.transaction("oben") as session:
        await session.execute(update(GazetteNotice).where(GazetteNotice.id == first).values(title="Un"))
    assert await titles(house) == shown("Un", "Zwei")
    async with database.transaction("oben") as session:
        await session.execute(delete(GazetteNotice).where(GazetteNotice.id == first))
    assert await titles(house) == shown("Zwei")
    old = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {"id": f"{n:032}", "source": "desk", "key": str(n), "title": f"N{n}", "published": old, "fetched_at": old}
        for n in range(2)
    ]
    async with database.transaction("oben") as session:
        await session.execute(insert(GazetteNotice), rows)
    assert await titles(house) == shown("Zwei", "N0", "N1")
    async with database.system() as session:
        await session.execute(delete(GazetteNotice))
    assert await titles(house) == shown()


async def test_other_tables_other_cities_and_rollbacks_drop_nothing(house: House, database: Database) -> None:
    await publish(database, "oben", {"title": "Eins"})
    await titles(house)
    await publish(database, "unten", {"title": "Fremd"})
    with suppress(RuntimeError):
        async with database.transaction("oben") as session:
            await session.execute(delete(GazetteNotice))
            raise RuntimeError
    await titles(house)
    assert house.computed == 1


async def test_many_who_ask_at_once_are_answered_once(house: House, database: Database) -> None:
    await publish(database, "oben", {"title": "Eins"})
    answers = await asyncio.gather(*(titles(house) for _ in range(50)))
    assert (set(answers), house.computed) == ({shown("Eins")}, 1)


async def test_who_asks_after_a_write_does_not_wait_for_an_answer_from_before_it(
    house: House, database: Database
) -> None:
    """Single-flight must not hand a reader an answer whose making began before the write was acknowledged."""
    await publish(database, "oben", {"title": "Alt"})
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Made:
        outcome = await house.engine.execute(Operation(query=TITLES))
        begun.set()
        await go_on.wait()
        return Made(outcome, encode(outcome.body))

    early = asyncio.create_task(house.responses.ask(TITLES.encode(), Reader(), slow))
    await begun.wait()
    async with database.transaction("oben") as session:
        await session.execute(update(GazetteNotice).values(title="Neu"))
    assert await titles(house) == shown("Neu")
    go_on.set()
    await early
    assert await titles(house) == shown("Neu"), "the late answer was kept although it is old"


async def test_readers_share_an_answer_unless_it_depended_on_them(house: House, database: Database) -> None:
    """Accept-Language counts where no language argument decides, and only as the language that it leads to."""
    await publish(database, "oben", {"title": "Eins"})
    free = '{ city(slug: "oben") { gazette { language } } }'
    german = await house.ask(free, accept_language="de")
    assert (german.vary, german.body) == (
        "Accept, Authorization, Origin, Accept-Language",
        b'{"data":{"city":{"gazette":{"language":"de"}}}}',
    )
    assert await house.ask(free, accept_language="de-AT, fr;q=0.5") is german
    english = await house.ask(free, accept_language="en-GB")
    assert english.body == b'{"data":{"city":{"gazette":{"language":"en"}}}}'
    assert house.computed == 2
    assert (await house.ask(TITLES, accept_language="de")).vary == "Accept, Authorization, Origin"
    await house.ask(TITLES, accept_language="en")
    assert house.computed == 3


async def test_host_counts_only_without_a_slug(house: House) -> None:
    by_host = "{ city { slug } }"
    found = await house.ask(by_host, host="oben.example")
    assert found.vary.endswith("Host")
    assert isinstance(await house.ask(by_host, host="elsewhere.example"), Made)
    assert (
        await house.ask('{ city(slug: "oben", language: "de") { slug } }', host="oben.example")
    ).vary == "Accept, Authorization, Origin"


async def test_answer_with_an_error_is_not_kept(house: House) -> None:
    broken = '{ city(slug: "oben") { gazette { crash } } }'
    for _ in range(2):
        assert isinstance(await house.ask(broken), Made)
    assert (house.computed, len(house.responses.store)) == (2, 0)


async def test_answer_that_looked_at_the_clock_expires(house: House) -> None:
    entry = await house.ask(MODULES)
    assert entry.until == (house.clock.now + timedelta(seconds=60)).timestamp()
    house.clock.now += timedelta(seconds=55)
    assert (await house.ask(MODULES)) is entry
    assert entry.age(house.clock.now.timestamp()) == 5
    house.clock.now += timedelta(seconds=6)
    assert (await house.ask(MODULES)) is not entry


async def test_every_answer_is_made_anew_after_a_while(house: House) -> None:
    """What was changed past this program is seen at last."""
    entry = await house.ask(TITLES)
    house.clock.now += timedelta(seconds=LIFE + 1)
    assert await house.ask(TITLES) is not entry


async def test_nothing_is_kept_for_longer_because_the_clock_was_set_back(house: House) -> None:
    for question in (TITLES, MODULES):
        entry = await house.ask(question)
        house.clock.now -= timedelta(hours=1)
        assert await house.ask(question) is not entry


async def test_reloaded_cities_drop_everything(house: House) -> None:
    entry = await house.ask(TITLES)
    before = house.engine.services.cities()
    house.engine.services.cities = lambda: type(before)(before.by_slug, before.by_host)
    fresh = await house.ask(TITLES)
    assert fresh is not entry


async def test_memory_is_bounded_and_the_latest_asked_stay(database: Database) -> None:
    house = House(database, capacity=20_000)
    await house.ask(TITLES)
    for number in range(100):
        await house.ask(f'{{ a{number}: city(slug: "oben", language: "de") {{ slug }} }}')
        await house.ask(TITLES)
    assert house.responses.store.size <= 20_000
    assert house.computed == 101


async def test_unknown_changes_drop_everything(house: House, database: Database) -> None:
    """What a listener does that has missed something."""
    await titles(house)
    assert database.board is not None
    database.board.raise_({(ALL, ALL)})
    await titles(house)
    assert house.computed == 2


def test_other_caches_are_told_no_more_than_holds() -> None:
    assert control(10) == "public, max-age=10, s-maxage=10, stale-while-revalidate=20"
    assert control(3) == "public, max-age=3, s-maxage=3, stale-while-revalidate=6"
    assert control(0) == "public, no-cache"
