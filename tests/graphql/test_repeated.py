"""Bodies that come again: the question is known then, and everything that is each request's own is looked at anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio
from allmende.accounts.devices import register_device
from allmende.db.engine import Database
from allmende.graphql.execute import Engine
from allmende.graphql.fast import Endpoint
from allmende.graphql.http import make_endpoint
from allmende.graphql.repeated import LONGEST
from sqlalchemy import update

from .gazette import GazetteNotice, make_engine, publish
from .plan.bulletin import BULLETIN

NOTICES = (
    "query N($city: String!, $first: Int!) { city(slug: $city) { bulletin { notices(first: $first) { title } } } }"
)
OBEN = {"city": "oben", "first": 2}


class Instance:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.engine: Engine = make_engine(database, BULLETIN)
        self.endpoint: Endpoint = make_endpoint(lambda: self.engine)
        self.costs: list[int] = []

    @property
    def known(self) -> int:
        return len(self.endpoint.repeated)

    async def ask(self, query: str, variables: Any = None, **headers: str) -> Any:
        """What a client is answered; headers by name, with _ for -."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        named = {b"host": b"api.example", b"content-type": b"application/json"}
        named |= {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        scope = {"method": "POST", "query_string": b"", "allmende.charge": self.costs.append}
        _, _, answer = await self.endpoint.directly(scope, named, body)
        return json.loads(answer)


@pytest_asyncio.fixture
async def instance(database: Database) -> Instance:
    await publish(database, "oben", {"title": "Alt"})
    return Instance(database)


def shown(title: str) -> Any:
    return {"data": {"city": {"bulletin": {"notices": [{"title": title}]}}}}


async def test_a_body_that_comes_again_is_not_read_again(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await instance.ask(NOTICES, OBEN)
    monkeypatch.setattr(instance.engine, "question", None)  # whoever calls it fails
    assert (await instance.ask(NOTICES, OBEN), first, instance.known) == (shown("Alt"), shown("Alt"), 1)
    assert instance.engine.plans.planned == 2


async def test_the_answer_is_made_anew(instance: Instance) -> None:
    await instance.ask(NOTICES, OBEN)
    async with instance.database.transaction("oben") as session:
        await session.execute(update(GazetteNotice).values(title="Neu"))
    assert await instance.ask(NOTICES, OBEN) == shown("Neu")


async def test_it_costs_the_client_as_much_each_time(instance: Instance) -> None:
    for _ in range(3):
        await instance.ask(NOTICES, OBEN)
    assert len(instance.costs) == 3
    assert len(set(instance.costs)) == 1


async def test_host_and_language_are_those_of_each_request(instance: Instance) -> None:
    query = "{ city { slug language bulletin { notices(first: 1) { title } } } }"
    answers = [
        await instance.ask(query, host=host, accept_language=language)
        for _ in range(2)
        for host, language in (("oben.example", "de"), ("oben.example", "en"), ("elsewhere.example", "de"))
    ]
    assert answers[:3] == answers[3:]
    places = [answer["data"]["city"] for answer in answers[:3]]
    assert [(place["slug"], place["language"]) for place in places[:2]] == [("oben", "de"), ("oben", "en")]
    assert places[2] is None
    assert instance.known == 1


async def test_a_plan_that_fails_leaves_a_known_question_to_the_reference(instance: Instance) -> None:
    await instance.ask(NOTICES, OBEN)
    instance.engine.plans.on = False
    assert (await instance.ask(NOTICES, OBEN), instance.engine.plans.planned) == (shown("Alt"), 1)


async def test_who_shows_who_they_are_neither_adds_to_what_is_known_nor_is_answered_by_it(instance: Instance) -> None:
    token = await register_device(instance.engine.services.accounts, "oben", "de")
    secret = '{ city(slug: "oben") { bulletin { secret } } }'
    answers = [await instance.ask(secret), await instance.ask(secret, authorization=f"Bearer {token}")]
    assert "errors" in answers[0]
    assert "errors" not in answers[1]
    await instance.ask(NOTICES, OBEN, authorization=f"Bearer {token}")
    assert instance.known == 0


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ nothing }", None),
        (
            '{ city(slug: "oben") { bulletin { count { total } } case(number: "1", receipt: "R") { id } } }',
            None,
        ),
        (NOTICES, {"city": "oben", "first": -1}),
        (NOTICES, {"city": "oben", "first": 2, "more": ["lists", "can be changed"]}),
        (NOTICES, {"city": "oben", "first": 2, **dict.fromkeys("abcdefghi")}),
        (NOTICES + " " * LONGEST, OBEN),
    ],
)
async def test_what_is_not_for_everybody_or_too_much_is_not_kept(
    instance: Instance, query: str, variables: Any
) -> None:
    answers = [await instance.ask(query, variables) for _ in range(2)]
    assert answers[0] == answers[1]
    assert instance.known == 0


async def test_other_plugins_know_nothing_of_what_was_asked_before(instance: Instance) -> None:
    await instance.ask(NOTICES, OBEN)
    instance.engine = make_engine(instance.database)
    assert "errors" in await instance.ask(NOTICES, OBEN)
    assert instance.known == 0


async def test_questions_go_with_plans_that_have_to_make_room(instance: Instance) -> None:
    await instance.ask(NOTICES, OBEN)
    instance.engine.plans.entries.room = 10
    other = NOTICES.replace("query N", "query M")
    await instance.ask(other, OBEN)
    assert await instance.ask(NOTICES, OBEN) == shown("Alt")
    assert instance.known <= 1


async def test_what_is_kept_has_an_end(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allmende.graphql.repeated.ROOM", 3_000)
    for number in range(20):
        await instance.ask(NOTICES, {"city": f"city-{number}", "first": 1})
    assert 1 <= instance.known <= 4
