"""Usage is counted at the real endpoint, from the cache or not, and reaches the database without a trace of anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from allmende.cases import Case
from allmende.db.engine import Database
from allmende.graphql.cache.keep import Responses
from allmende.graphql.documents import Documents, load_documents
from allmende.graphql.http import make_endpoint
from allmende.notify.tables import Endpoint
from allmende.testing import NOON, Town
from allmende.usage import Asked, Usage, UsageCount, read, rows
from allmende.usage.counting import OTHER, RELEASES
from allmende.usage.keeping import DAYS, WEEKS, keep_counts
from sqlalchemy import delete, select

CLIENTS = Path(__file__).parents[2] / "clients"
NEWS = (CLIENTS / "allmende-app/1.0/News.graphql").read_text()
FILE = "mutation($input: ReportsCreateInput!) { reportsCreate(input: $input) { number } }"
REPORTS = '[[categories]]\nid = "light"\nname = "Laterne"\n'
TODAY = NOON.date()
"""A Monday."""


@dataclass
class Worker:
    """The endpoint of one worker, and what it counts."""

    town: Town
    usage: Usage
    responses: Responses
    client: httpx2.AsyncClient

    async def get(self, query: str = NEWS, release: str = "2.3.1", **variables: Any) -> Any:
        asked = {"query": query, "variables": json.dumps({"city": self.town.slug, **variables})}
        return await self.client.get("/graphql", params=asked, headers={"App-Version": release})

    async def flush(self) -> None:
        await self.usage.flush(self.town.instance.database, self.town.instance.cities.by_slug, self.town.now)

    async def counts(self, span: str = "day") -> dict[tuple[str, str], int]:
        """(measure, name) → number, of today."""
        await self.flush()
        async with self.town.instance.database.session(self.town.slug) as session:
            found = await session.scalars(select(UsageCount).where(UsageCount.span == span))
            return {(row.measure, row.name): row.number for row in found}


@pytest_asyncio.fixture
async def worker(town: Town) -> AsyncIterator[Worker]:
    town.switch_on("news")
    engine, database = town.instance.engine, town.instance.database
    documents = Documents(load_documents(CLIENTS, lambda text: engine.prepare(text).document is not None))
    clock = engine.services.clock
    responses, usage = Responses(database.board, 1_000_000, engine.services.cities, clock=clock), Usage()
    endpoint = make_endpoint(lambda: engine, documents=documents, responses=responses, usage=usage)
    transport = httpx2.ASGITransport(app=endpoint)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://one.example", headers={"accept": "application/json"}
    ) as client:
        yield Worker(town, usage, responses, client)


async def test_requests_are_counted_by_operation_module_release_and_language(worker: Worker) -> None:
    worker.town.wait(days=3)
    for _ in range(3):
        assert "errors" not in (await worker.get()).json()
    assert (worker.responses.hits, worker.responses.misses) == (2, 1)
    await worker.client.post(
        "/graphql",
        json={"query": f'query Secret {{ city(slug: "{worker.town.slug}", language: "en") {{ name }} }}'},
        headers={"App-Version": "2.4.0-beta+jane.doe"},
    )
    assert await worker.counts() == {
        ("request", ""): 4, ("operation", "News"): 3, ("operation", OTHER): 1, ("module", "news"): 3,
        ("release", "2.3.1"): 3, ("release", "2.4.0"): 1, ("language", "de"): 3, ("language", "en"): 1,
    }  # fmt: skip
    assert await worker.counts("week") == await worker.counts()
    async with worker.town.instance.database.session(worker.town.slug) as session:
        begins = {(row.span, row.begins) for row in await session.scalars(select(UsageCount))}
    assert begins == {("day", TODAY + timedelta(days=3)), ("week", TODAY)}


async def test_what_meets_in_a_list_counts_for_no_module_and_nonsense_for_no_city(worker: Worker) -> None:
    feed = '{ city(slug: "%s") { feed(first: 5) { nodes { title } } } }'
    for query in (feed % worker.town.slug, feed % "nowhere", "{ nosuch }", "{ cities(first: 5) { nodes { slug } } }"):
        await worker.get(query, release="")
    assert await worker.counts() == {
        ("request", ""): 1, ("operation", OTHER): 1, ("release", ""): 1, ("language", "de"): 1,
    }  # fmt: skip


async def test_names_do_not_grow_without_bound(worker: Worker) -> None:
    subject = worker.usage.asked("News", ((worker.town.slug, "de", ("news",)),))
    for number in range(3 * RELEASES):
        subject.count(f"1.{number}")
        await worker.flush()
    for number in range(3 * RELEASES):
        subject.count(f"3.{number}")
    counts = await worker.counts()
    releases = {name: number for (measure, name), number in counts.items() if measure == "release"}
    assert len(releases) == RELEASES + 1
    assert (releases[OTHER], counts["request", ""]) == (5 * RELEASES, 6 * RELEASES)


async def test_several_workers_add_up_and_what_could_not_be_written_is_written_later(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Worker(worker.town, Usage(), worker.responses, worker.client)
    parts = ((worker.town.slug, "de", ("news",)),)
    for each in (worker, other):
        each.usage.asked("News", parts).count("1.0")
        await each.flush()
    database = worker.town.instance.database
    worker.usage.asked("News", parts).count("1.0")
    with monkeypatch.context() as broken:
        broken.setattr(database, "system", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await worker.flush()
    worker.usage.asked("News", parts).count("1.0")
    assert (await worker.counts())["request", ""] == 4


async def test_worker_that_stops_writes_its_last_counts(worker: Worker) -> None:
    instance = worker.town.instance
    following = worker.usage.follow(instance.database, lambda: instance.cities.by_slug, lambda: worker.town.now)
    task = asyncio.create_task(following)
    await asyncio.sleep(0)  # it has begun to wait
    await worker.get()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with instance.database.session(worker.town.slug) as session:
        assert (await session.scalars(select(UsageCount.number).where(UsageCount.measure == "request"))).all() == [1, 1]


async def test_counting_an_answer_from_the_cache_is_a_few_instructions_and_no_statement(worker: Worker) -> None:
    await worker.get()
    with worker.town.count() as statements:
        await worker.get()
    assert statements == []
    assert Asked.count.__code__.co_names == ("releases", "KeyError", "_usage", "begin")


async def test_devices_are_counted_by_a_chore_that_forgets_what_is_old(town: Town) -> None:
    database: Database = town.instance.database
    old = [
        UsageCount(span=span, begins=TODAY - age, measure="request", name="", number=number)
        for span, kept in (("day", DAYS), ("week", WEEKS))
        for age, number in ((kept, 1), (kept - timedelta(days=1), 2))
    ]

    def endpoint(n: int, channel: str, *, confirmed: bool = True) -> Endpoint:
        return Endpoint(
            id=f"{n:032}", owner=f"{n}", channel=channel, address="x", digest=f"{n}", language="de",
            confirmed=confirmed, ticket=f"{n}", created=town.now,
        )  # fmt: skip

    async with database.transaction(town.slug) as session:
        session.add_all(old)
        session.add_all([endpoint(n, "fcm") for n in range(7)])
        session.add_all([endpoint(7, "email"), endpoint(8, "apns", confirmed=False)])
    for _ in range(2):  # a second look counts nobody twice
        await keep_counts(database, town.city, town.now)
    async with database.session(town.slug) as session:
        found = (await session.scalars(select(UsageCount).where(UsageCount.measure == "request"))).all()
        assert {(row.span, row.number) for row in found} == {("day", 2), ("week", 2)}
        figures = await read(session, "day", TODAY, town.city.tz)
    assert (len(figures.begins), figures.begins[-1], figures.timelines["device"][-1]) == (90, TODAY, 7)


async def test_reports_are_counted_from_the_register_when_they_are_looked_at_and_by_a_chore(town: Town) -> None:
    town.switch_on("reports", REPORTS)

    async def file(number: int) -> None:
        for _ in range(number):
            given = {"city": town.slug, "category": "light", "lat": 51.96, "lon": 7.63, "text": "Die Laterne ist aus."}
            answer = await town.answer(FILE, input={**given, "idempotencyKey": str(uuid4())})
            assert "errors" not in answer

    async def told(day: int = 0) -> tuple[list[int | None], list[Any]]:
        today = TODAY + timedelta(days=day)
        async with town.context("reports").session() as session:
            figures = await read(session, "day", today, town.city.tz)
            listed = [row for row in await rows(session, "week", today, town.city.tz) if row[1] == "report"]
        return list(figures.timelines["report"][-2:]), listed

    await file(5)
    assert await told() == ([0, 5], [(TODAY, "report", "reports", 5)])
    async with town.context("reports").transaction() as session:
        session.add(Case(id="f" * 32, number="NAC-1", origin="nachbardorf", kind="reports.defect", status="received",
                         created=town.now, updated=town.now))  # fmt: skip
    assert (await told())[0] == [0, 5], "counted where it was filed"
    town.wait(days=1)
    await file(6)
    await keep_counts(town.instance.database, town.city, town.now)
    async with town.context("reports").transaction() as session:
        await session.execute(delete(Case))
    assert await told(1) == ([5, 6], [(TODAY, "report", "reports", 11)]), "kept, whatever becomes of the register"


async def test_few_are_not_told_and_rare_names_have_none(town: Town) -> None:
    given = {
        ("request", ""): 100, ("report", "reports"): 4, ("device", "fcm"): 0,
        ("module", "news"): 3, ("module", "places"): 9,
        ("release", "2.3"): 90, ("release", "9.9"): 4, ("release", "9.8"): 3, ("release", "9.7"): 3,
        ("language", "de"): 98, ("language", "uk"): 2,
    }  # fmt: skip
    async with town.instance.database.transaction(town.slug) as session:
        for (measure, name), number in given.items():
            session.add(UsageCount(span="day", begins=TODAY, measure=measure, name=name, number=number))
    async with town.instance.database.session(town.slug) as session:
        with town.count() as statements:
            figures = await read(session, "day", TODAY, town.city.tz)
        listed = await rows(session, "day", TODAY, town.city.tz)
    assert len(statements) == 3
    assert {one: numbers[-2:] for one, numbers in figures.timelines.items()} == {
        "request": [0, 100], "report": [0, None], "device": [0, 0],
    }  # fmt: skip
    assert figures.breakdowns == {
        "module": [("places", 9), ("news", None)], "operation": [],
        "release": [("2.3", 90), (OTHER, 10)], "language": [("de", 98), (OTHER, None)],
    }  # fmt: skip
    told = {(measure, name): number for _, measure, name, number in listed}
    assert told["release", OTHER] == 10
    assert ("language", "uk") not in told
    neighbour = town.neighbour()
    async with town.instance.database.session(neighbour.slug) as session:
        assert await rows(session, "day", TODAY, town.city.tz) == []
