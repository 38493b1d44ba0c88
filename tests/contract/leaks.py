"""Asks as one city for all that is another's, and names what it got."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from allmende.accounts.permissions import known
from allmende.db.engine import Database
from allmende.documents import document_routes
from allmende.feeds.importing import import_all
from allmende.feeds.tables import FeedQuarantine, FeedRun, FeedSource
from allmende.graphql.breaker import Breakers, Rules
from allmende.graphql.compose import Composed
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.limits.model import Limits
from allmende.plugin import Plugin
from allmende.reader import ANONYMOUS, Reader
from allmende.search.tables import SearchTerm
from allmende.testing.town import Instance
from allmende.visibility import PUBLIC
from litestar import Litestar
from sqlalchemy import delete

from .probes import Probe, mutations, probes
from .rows import contents, fill, tables_of, texts, word_of

ROOT = Path(__file__).parents[2]
EXAMPLE = "musterstadt"
HERE, THERE = "aue", "bek"
"""The two cities."""
READERS = ("anonymous", "citizen", "staff")
"""Who asks: nobody in particular, a citizen whose things none of the rows are, staff who may do all there is."""
STRANGER = "5" * 32
"""The account of the citizen, and of the staff."""
PER_TABLE = 1
FEW = 4
"""Calls of one field by each further reader."""
ID = re.compile(r"[0-9a-f]{32}")


class Pair:
    """Two cities with every plugin on and the same feeds, each with a word of its own in all that it holds."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.composed, self.database = instance, instance.composed, instance.database
        self.plugins: list[Plugin] = [one.plugin for one in self.composed.registry.plugins.values()]
        self.ids: dict[str, set[str]] = {}
        self.pools: dict[tuple[str, str], list[str]] = {}
        """(City, plugin) → texts that only this city knows, to be asked for by the other one."""

    async def prepare(self) -> None:
        cities = list(self.instance.cities.by_slug.values())
        runs = await import_all(self.instance.feeds, cities, self.plugins)
        assert {run.status for run in runs} <= {"fresh"}, [run for run in runs if run.reason]
        for slug in (HERE, THERE):
            await fill(self.database, slug, self.plugins)
            found = await contents(self.database, slug, self.plugins)
            self.ids[slug] = await self.ids_now(slug)
            for plugin in self.plugins:
                self.pools[slug, plugin.name] = _pool(slug, plugin, found)
            self.pools[slug, ""] = [word_of(slug), slug, *(ids[0] for ids in self._by_plugin(slug, found))]
        for slug in (HERE, THERE):
            await self._harvest_cursors(slug)

    async def ids_now(self, slug: str) -> set[str]:
        found = await contents(self.database, slug, self.plugins)
        return {str(row["id"]) for rows in found.values() for row in rows if "id" in row}

    def _by_plugin(self, slug: str, found: Mapping[str, Any]) -> list[list[str]]:
        tables = [found[tables_of(plugin)[0].__tablename__] for plugin in self.plugins if tables_of(plugin)]
        return [[str(rows[0]["id"])] for rows in tables if rows and "id" in rows[0]]

    async def _harvest_cursors(self, slug: str) -> None:
        """The cursors that the city's own pages give, so that the other one can try to go on from there."""
        for probe in probes(self.composed):
            if "after" in probe.arguments:
                pool = self.pools[slug, self._plugin(probe)]
                answer = await self.ask(probe.document, next(probe.calls(slug, pool)))
                pool += list(dict.fromkeys(cursor for cursor in _cursors(answer)))[:PER_TABLE]

    def _plugin(self, probe: Probe) -> str:
        parts = probe.name.split(".")
        return self.composed.ownership.of(parts[0], parts[1]) or ""

    def reader(self, who: str, city: str) -> Reader:
        """Who asks, with a token of this city."""
        if who == "anonymous":
            return ANONYMOUS
        kind: Any = who
        permissions = known({plugin.name: plugin.permissions for plugin in self.plugins}) if who == "staff" else ()
        return Reader(kind=kind, id=STRANGER, city=city, name=who, session=STRANGER, permissions=frozenset(permissions))

    async def ask(self, document: str, variables: Mapping[str, Any], reader: Reader = ANONYMOUS) -> dict[str, Any]:
        operation = Operation(query=document, variables=variables, reader=reader)
        body = (await self.instance.engine.execute(operation)).body
        assert "data" in body, f"the suite made a bad operation: {body}\n{document}\n{variables}"
        return body

    async def read(self, asker: str, owner: str, who: str = "anonymous") -> dict[str, list[Any]]:
        """All that `asker` is answered when it asks with what `owner` knows: field → (variables, answer)."""
        answers: dict[str, list[Any]] = {}
        for probe in probes(self.composed):
            pool = [word_of(asker), *self.pools[owner, self._plugin(probe)]]
            for variables in self._calls(probe, asker, pool, who):
                answer = await self.ask(probe.document, variables, self.reader(who, asker))
                answers.setdefault(probe.name, []).append((variables, answer))
        return answers

    async def documents(self, asker: str, owner: str) -> dict[str, list[Any]]:
        """The same for the plugins' routes; parameters are those in the path and the arguments of their fields."""
        names: dict[str, set[str]] = {}
        for probe in probes(self.composed):
            names.setdefault(self._plugin(probe), {"city"}).update(probe.arguments)
        app = Litestar([*document_routes(self.instance.services)], openapi_config=None)
        answers: dict[str, list[Any]] = {}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://city.example") as client:
            for plugin in self.plugins:
                for route in plugin.routes:
                    for text in self.pools[owner, plugin.name][:4]:
                        path = quote(text, safe="").join(re.split(r"\{[a-z_]+\}", route.path))
                        for query in ({}, *({name: text} for name in sorted(names.get(plugin.name, ())))):
                            response = await client.get(f"/{asker}/{plugin.name}/{path}", params=query)
                            call = {"path": path, **query}
                            unfolded = response.text.replace("\r\n ", "").replace("\n ", "")
                            said = {"data": _unquoted(unfolded, call) if response.status_code == 200 else ""}
                            answers.setdefault(f"{plugin.name}/{route.path}", []).append(
                                ({"path": path, **query}, said)
                            )
        return answers

    async def write(self, asker: str, owner: str, who: str = "anonymous") -> list[str]:
        """The mutations that showed or changed something of `owner` when `asker` called them."""
        found = []
        before = await contents(self.database, owner, self.plugins)
        for probe in mutations(self.composed):
            for variables in self._calls(probe, asker, self.pools[owner, self._plugin(probe)], who):
                answer = await self.ask(probe.document, variables, self.reader(who, asker))
                if self.shown(owner, variables, answer, strict=True):
                    found.append(probe.name)
            after = await contents(self.database, owner, self.plugins)
            if after != before:
                found.append(f"{probe.name} (changes rows)")
            before = after
        return sorted(set(found))

    def _calls(self, probe: Probe, asker: str, pool: Sequence[str], who: str) -> Iterator[dict[str, Any]]:
        """Every call for the anonymous reader; of the others, who are asked all the same, the first few."""
        return islice(probe.calls(asker, pool), None if who == "anonymous" else FEW)

    async def strangers(self, owner: str, token_of: str) -> list[str]:
        """The entries which are not for everybody and show or change something of `owner` all the same, when somebody
        asks there whose things they are not: with a token of another city, or as another citizen of the same one."""
        found = []
        who = ("citizen", "staff") if token_of != owner else ("citizen",)
        for probe in (*probes(self.composed), *mutations(self.composed)):
            if probe.visible == PUBLIC:
                continue
            writes = probe.name.startswith("Mutation.") and token_of != owner
            before = await contents(self.database, owner, self.plugins) if writes else None
            for variables in probe.calls(owner, [word_of(owner), *self.pools[owner, self._plugin(probe)]]):
                for one in who:
                    answer = await self.ask(probe.document, variables, self.reader(one, token_of))
                    if self.shown(owner, variables, answer, strict=True):
                        found.append(
                            f"{probe.name} (to {one}s of {'another' if token_of != owner else 'the same'} city)"
                        )
            if writes and await contents(self.database, owner, self.plugins) != before:
                found.append(f"{probe.name} (changes rows)")
        return sorted(set(found))

    def shown(
        self, owner: str, variables: Mapping[str, Any], answer: Mapping[str, Any], *, strict: bool = False
    ) -> bool:
        """Whether the answer holds anything of `owner`, but for what only repeats what was asked."""
        told = strings(answer.get("data")) if strict else news(variables, answer)
        told += [_unquoted(text, variables) for text in strings(answer.get("errors", []))]
        return any(word_of(owner) in text or self.ids[owner] & set(ID.findall(text)) for text in told)

    async def seen(self, slug: str) -> dict[str, bool]:
        """Entry → whether the city itself is shown something of its own by it: the suite must not look past things."""
        answers = {**await self.read(slug, slug), **await self.documents(slug, slug)}
        return {name: any(self.shown(slug, *call) for call in calls) for name, calls in answers.items()}

    async def empty(self, slug: str) -> None:
        """Take away every row of the city."""
        async with self.database.transaction(slug) as session:
            tables = [table for plugin in self.plugins for table in reversed(tables_of(plugin))]
            for table in (*tables, SearchTerm, FeedRun, FeedQuarantine, FeedSource):
                await session.execute(delete(table), execution_options={"synchronize_session": False})


@asynccontextmanager
async def pair(composed: Composed, database: Database, folder: Path) -> AsyncIterator[Pair]:
    """The example city of the repository twice, under other names, with every plugin of the schema on."""
    shutil.copytree(ROOT / "cities/_shared", folder / "_shared")
    for number, slug in enumerate((HERE, THERE), 1):
        shutil.copytree(ROOT / "cities" / EXAMPLE, folder / slug, ignore=shutil.ignore_patterns("texts"))
        path = folder / slug / "city.toml"
        text = path.read_text().replace(EXAMPLE.title(), slug.title()).replace(EXAMPLE, slug)
        path.write_text(re.sub(r'^(ag|ar)s = "05\d{3}', rf'\1s = "0599{number}', text, flags=re.M))
        for plugin in composed.registry.plugins:
            (folder / slug / "plugins" / f"{plugin}.toml").touch()
        for path in (folder / slug / "plugins").iterdir():
            if path.stem not in composed.registry.plugins:
                path.unlink()
    instance = Instance(composed, database, folder)
    instance.reload()
    instance.engine = Engine(composed, instance.services, Limits(cost=1_000_000))  # all that can be asked, at once
    instance.services.breakers = Breakers(Rules(failures=1_000_000))  # a failure must not hide what comes after it
    made = Pair(instance)
    await made.prepare()
    yield made


async def leaks(pair: Pair) -> list[str]:
    """Every entry that shows one city what belongs to the other, or answers otherwise because the other is there."""
    found: set[str] = set()
    first: dict[str, list[Any]] = {}
    for asker, owner in ((HERE, THERE), (THERE, HERE)):
        answers = {**await pair.read(asker, owner), **await pair.documents(asker, owner)}
        first = first or answers
        for who in READERS:
            answers = answers if who == "anonymous" else await pair.read(asker, owner, who)
            found |= {name for name, calls in answers.items() if any(pair.shown(owner, *call) for call in calls)}
            found |= set(await pair.write(asker, owner, who))
        for token_of in (asker, owner):
            found |= set(await pair.strangers(owner, token_of))
    await pair.empty(THERE)
    again = {**await pair.read(HERE, THERE), **await pair.documents(HERE, THERE)}
    differing = {name for name in first if _stable(first[name]) != _stable(again[name])}
    return sorted(found | {f"{name} (depends on the other city)" for name in differing - found})


def news(variables: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """The texts in the data that are not simply the reader's own words, given back."""
    asked = strings(variables)
    return [text for text in strings(answer.get("data")) if not any(text in given for given in asked)]


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in strings(inner)]
    return [text for inner in value for text in strings(inner)] if isinstance(value, list) else []


def _unquoted(text: str, variables: Mapping[str, Any]) -> str:
    """A text without the arguments that it repeats: an error, or a document that is named after what it is about."""
    for given in strings(variables):
        text = text.replace(given, "") if len(given) > len(HERE) else text
    return text


def _pool(slug: str, plugin: Plugin, found: Mapping[str, Any]) -> list[str]:
    pool = [word_of(slug), slug]
    for table in tables_of(plugin):
        rows = found[table.__tablename__]
        pool += [str(row["id"]) for row in rows if "id" in row][:PER_TABLE]
        marked = dict.fromkeys(text for text in texts(rows) if word_of(slug) in text and len(text) < 100)
        pool += list(marked)[:PER_TABLE]
    return list(dict.fromkeys(pool))


def _cursors(value: Any, key: str = "") -> list[str]:
    if isinstance(value, str):
        return [value] if "cursor" in key.lower() else []
    if isinstance(value, Mapping):
        return [cursor for name, inner in value.items() for cursor in _cursors(inner, name)]
    return [cursor for inner in value for cursor in _cursors(inner, key)] if isinstance(value, list) else []


def _stable(calls: list[Any]) -> list[Any]:
    """Answers without the numbers under which failures are logged."""
    return [
        (answer.get("data"), [(e.get("path"), e["extensions"]["code"]) for e in answer.get("errors", [])])
        for _, answer in calls
    ]
