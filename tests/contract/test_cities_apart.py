"""Two cities at once: under load, with requests that are given up half way, each is answered from its own rows only."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from allmende.db.engine import Database
from allmende.feeds.removal import remove_source
from allmende.feeds.tables import FeedQuarantine
from allmende.testing import NOON

from .leaks import HERE, THERE, Pair, news, pair
from .probes import probes
from .rows import word_of
from .test_visibility import TREE

OPERATIONS = 400
AT_ONCE = 24
GIVEN_UP = 0.25
"""Share of the requests that the reader cancels."""


async def load(cities: Pair) -> dict[str, int]:
    """Ask for both cities in turns, much at once, and give up some; slug → answers that showed the city its own."""
    dice = random.Random(20261122)
    asked = [probe for probe in probes(cities.composed) if probe.name.count(".") == 2 or probe.name == "City.feed"]
    calls, plain = [], []
    for asker, owner in ((HERE, THERE), (THERE, HERE)):
        for probe in asked:
            plugin = cities.composed.ownership.of(*probe.name.split(".")[:2]) or ""
            pool = [*cities.pools[asker, plugin][:3], *cities.pools[owner, plugin][:3]]
            made = [(asker, owner, probe.document, variables) for variables in probe.calls(asker, pool)]
            plain.append(made[0])
            calls += made
    room, own = asyncio.Semaphore(AT_ONCE), {HERE: 0, THERE: 0}
    wrong: list[Any] = []

    async def one(asker: str, owner: str, document: str, variables: dict[str, Any], give_up: float | None) -> None:
        async with room:
            try:
                async with asyncio.timeout(give_up):
                    answer = await cities.ask(document, variables)
            except TimeoutError:
                return
            if cities.shown(owner, variables, answer):
                wrong.append((asker, document, variables, answer))
            own[asker] += cities.shown(asker, {}, answer)

    chosen = [dice.choice(dice.choice((calls, plain))) for _ in range(OPERATIONS)]
    patience = [dice.uniform(0, 0.02) if dice.random() < GIVEN_UP else None for _ in chosen]
    await asyncio.gather(*(one(*call, give_up) for call, give_up in zip(chosen, patience, strict=True)))
    assert wrong == []
    return own


async def test_interleaved_and_cancelled_requests_of_two_cities_never_mix(database: Database, tmp_path: Path) -> None:
    async with pair(TREE, database, tmp_path) as cities:
        own = await load(cities)
        assert min(own.values()) > OPERATIONS / 20, f"too little was seen to prove anything: {own}"
        once_more = await load(cities)  # the pool is in order after the cancelled ones
        assert min(once_more.values()) > OPERATIONS / 20


async def test_one_request_for_two_cities_answers_each_from_its_own(database: Database, tmp_path: Path) -> None:
    parts = [
        f'{alias}: city(slug: "{slug}") {{ feed(first: 8) {{ nodes {{ title }} }} search(text: $text) {{ title }} }}'
        for alias, slug in (("a", HERE), ("b", THERE), ("c", HERE), ("d", THERE))
    ]
    query = f"query($text: String!) {{ {' '.join(parts)} }}"
    async with pair(TREE, database, tmp_path) as cities:
        for slug in (HERE, THERE):
            data = (await cities.ask(query, {"text": word_of(slug)}))["data"]
            words = {
                alias: {w for w in (HERE, THERE) if word_of(w) in json.dumps(part)} for alias, part in data.items()
            }
            assert words == {"a": {HERE}, "b": {THERE}, "c": {HERE}, "d": {THERE}}
            assert data["a"] == data["c"]
            assert data["b"] == data["d"]


async def test_a_module_that_is_off_shows_none_of_the_rows_that_it_keeps(database: Database, tmp_path: Path) -> None:
    async with pair(TREE, database, tmp_path) as cities:
        for file in (cities.instance.folder / HERE / "plugins").iterdir():
            file.unlink()
        cities.instance.reload()
        answers = {**await cities.read(HERE, HERE), **await cities.documents(HERE, HERE)}
        shown = [name for name, calls in answers.items() if any(cities.shown(HERE, *call) for call in calls)]
        assert shown == []
        assert cities.ids[HERE], "the rows are there"
        assert cities.ids[HERE] == await cities.ids_now(HERE)


async def test_what_an_import_was_quarantined_with_is_nowhere(database: Database, tmp_path: Path) -> None:
    async with pair(TREE, database, tmp_path) as cities:
        secret = "qzquarantined99"
        async with database.transaction(HERE) as session:
            for name in TREE.registry.plugins:
                for source in getattr(cities.instance.cities.by_slug[HERE].config(name), "sources", ()):
                    session.add(
                        FeedQuarantine(
                            plugin=name, source=source.id, created=NOON, reason="would remove much",
                            content=secret.encode(), content_hash="", name=secret, fetched_at=NOON,
                        )
                    )  # fmt: skip
        answers = {**await cities.read(HERE, HERE), **await cities.documents(HERE, HERE)}
        assert [name for name, calls in answers.items() if any(secret in json.dumps(a) for _, a in calls)] == []


async def test_rows_of_a_source_that_the_city_has_taken_out_are_gone(database: Database, tmp_path: Path) -> None:
    """The worker removes them as soon as it sees the new configuration; nothing of them is found from then on."""
    async with pair(TREE, database, tmp_path) as cities:
        city = cities.instance.cities.by_slug[HERE]
        for plugin in cities.plugins:
            for source in getattr(city.config(plugin.name), "sources", ()):
                assert await remove_source(cities.instance.feeds, HERE, plugin, source.id)
        left = await cities.ids_now(HERE)
        gone = cities.ids[HERE] - left
        assert gone
        answers = {**await cities.read(THERE, HERE), **await cities.read(HERE, HERE)}
        told = {text for calls in answers.values() for call in calls for text in news(*call)}
        assert gone & told == set()
