"""A fictional city in an instance of its own: switched on, imported and asked as in production, with a fixed clock."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import structs
from sqlalchemy import select

from allmende.city.load import Cities, load_cities
from allmende.city.model import City
from allmende.content.items import create, publish
from allmende.content.publish import Desk
from allmende.content.values import blank
from allmende.context import Context
from allmende.db.engine import Counter, Database
from allmende.errors import ConfigError, NotFound
from allmende.feeds.fetch import Fetcher
from allmende.feeds.importing import import_source
from allmende.feeds.outcome import Run
from allmende.feeds.services import Services as FeedServices
from allmende.feeds.services import sources_of
from allmende.graphql.compose import Composed
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.request import Services
from allmende.notify.tables import Outgoing
from allmende.outside import Outside
from allmende.pages.operation import home_operation
from allmende.pages.render import fragment
from allmende.pages.views import home_variables
from allmende.plugin import Reply
from allmende.reader import ANONYMOUS, Reader
from allmende.registry import Installed
from allmende.testing.makers import NOON

CITY = """name = "{name}"
ags = "{ags}"
ars = "{ars}"
subdivision = "DE-NW"
fictional = true
languages = ["de", "en"]

[area]
lat = 51.96
lon = 7.63
bbox = {{ south = 51.8, west = 7.4, north = 52.1, east = 7.8 }}
"""

PATIENCE = 60.0
"""Seconds that a plugin, or a whole request, may take here: what a busy machine does must not change an answer."""


class Instance:
    """An instance of Allmende whose cities are written by the test."""

    def __init__(self, composed: Composed, database: Database, folder: Path, now: datetime = NOON) -> None:
        self.composed, self.database, self.folder, self.now = composed, database, folder, now
        self.registry = composed.registry
        folder.mkdir(parents=True, exist_ok=True)
        self.cities = self._load()
        self.services = Services(
            self.registry, database, lambda: self.cities, clock=lambda: self.now, budget=PATIENCE, deadline=PATIENCE
        )
        self.engine = Engine(composed, self.services)
        self.feeds = FeedServices(
            database=database,
            context=lambda city, name: self.registry.context(city, name, database, clock=lambda: self.now),
            fetcher=Fetcher(clock=lambda: self.now),
            clock=lambda: self.now,
        )

    def _load(self) -> Cities:
        known = self.registry.broken.keys()
        return load_cities(self.folder, self.registry.configs, environ={}, known=known, secrets=self.folder)

    def reload(self) -> None:
        """Read the cities anew; ConfigError with all that is wrong in their files."""
        self.cities = self._load()
        if problems := self.cities.all_problems():
            raise ConfigError(problems)

    def town(self, slug: str) -> Town:
        """A further city."""
        number = len(self.cities.by_slug) + 1
        folder = self.folder / slug
        folder.mkdir()
        ags = f"05{number:06}"
        keys = {"ags": ags, "ars": ags[:5] + "0000" + ags[5:]}
        (folder / "city.toml").write_text(CITY.format(name=slug.title(), **keys), encoding="utf-8")
        self.reload()
        return Town(self, slug)

    def installed(self, plugin: str) -> Installed:
        """The plugin, or why it is not there."""
        if broken := self.registry.broken.get(plugin):
            raise NotFound(f"the plugin {plugin} could not be loaded: {broken.reason}")
        if plugin not in self.registry.plugins:
            there = ", ".join(self.registry.plugins) or "none"
            raise NotFound(f"there is no plugin {plugin!r} here; there are: {there}")
        return self.registry.plugins[plugin]


class Town:
    """One city of an instance. `town.write(…)`, `town.switch_on(…)`, `await town.load()`, `await town.ask(…)`."""

    def __init__(self, instance: Instance, slug: str) -> None:
        self.instance, self.slug = instance, slug
        self.folder = instance.folder / slug

    @property
    def city(self) -> City:
        return self.instance.cities.by_slug[self.slug]

    @property
    def now(self) -> datetime:
        """The instant at which the clock stands; set it, or let `wait` move it."""
        return self.instance.now

    @now.setter
    def now(self, moment: datetime) -> None:
        self.instance.now = moment

    def wait(self, **time: float) -> None:
        """Let time pass: `town.wait(minutes=20)`."""
        self.now += timedelta(**time)

    def neighbour(self, slug: str = "nachbardorf") -> Town:
        """Another city of the same instance, to prove that nothing of this one is seen there."""
        return self.instance.town(slug)

    def write(self, name: str, content: str | bytes | Path) -> None:
        """Write a file below the city's folder: text, bytes, or a copy of another file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copy(content, path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def switch_on(self, plugin: str, config: str = "") -> None:
        """Write plugins/<plugin>.toml. ConfigError names everything that is wrong with it."""
        self.instance.installed(plugin)
        self.write(f"plugins/{plugin}.toml", config)
        self.instance.reload()

    def switch_off(self, plugin: str) -> None:
        (self.folder / "plugins" / f"{plugin}.toml").unlink()
        self.instance.reload()

    async def load(self, plugin: str = "") -> dict[str, Run]:
        """Import all sources (of one plugin) now; source → what became of it."""
        runs = {}
        for name, installed in self.instance.registry.plugins.items():
            for source in sources_of(self.city, installed.plugin) if plugin in ("", name) else ():
                run = await import_source(self.instance.feeds, self.city, installed.plugin, source, force=True)
                runs[source.id] = run
        return runs

    async def replay(self, plugin: str, payloads: Path, kind: str, **options: Any) -> dict[str, Run]:
        """Import every file of a folder of captured payloads, each as a source of its own; file name → the run.

        `options` are those of the source (`encoding="cp1252"`). What the plugin is configured with besides stays.
        """
        ids = self._sources(plugin, payloads, {"kind": kind, **options})
        runs = await self.load(plugin)
        return {name: runs[id_] for name, id_ in ids.items()}

    def _sources(self, plugin: str, payloads: Path, options: Mapping[str, Any]) -> dict[str, str]:
        """Configure each file of the folder as a source; file name → id of the source."""
        there = self.folder / f"plugins/{plugin}.toml"
        config = [there.read_text(encoding="utf-8") if there.is_file() else ""]
        ids = {}
        for path in sorted(path for path in payloads.iterdir() if path.is_file()):
            ids[path.name] = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")
            self.write(f"data/{path.name}", path)
            values = {"id": ids[path.name], "file": f"data/{path.name}", **options}
            config += ["[[sources]]", *(f"{key} = {_toml(value)}" for key, value in values.items()), ""]
        self.switch_on(plugin, "\n".join(config))
        return ids

    async def answer(
        self, query: str, *, language: str = "", reader: Reader = ANONYMOUS, **variables: Any
    ) -> dict[str, Any]:
        """The whole answer to a GraphQL document, with its errors if there are any."""
        operation = Operation(query=query, variables=variables, accept_language=language, reader=reader)
        return (await self.instance.engine.execute(operation)).body

    async def ask(self, selection: str, *, language: str = "", reader: Reader = ANONYMOUS) -> Any:
        """What `city(slug: …) { selection }` answers; an error fails the test."""
        body = await self.answer(f'{{ city(slug: "{self.slug}") {{ {selection} }} }}', language=language, reader=reader)
        assert "errors" not in body, body["errors"]
        return body["data"]["city"]

    def count(self) -> AbstractContextManager[Counter]:
        """`with town.count() as statements:` collects the SQL that runs inside."""
        return self.instance.database.count()

    def context(self, plugin: str, language: str | None = None, reader: Reader = ANONYMOUS) -> Context[Any]:
        """What the plugin is given here."""
        self.instance.installed(plugin)
        registry, database = self.instance.registry, self.instance.database
        made = registry.context(self.city, plugin, database, language, lambda: self.now, reader)
        if made is None:
            raise NotFound(f"{plugin} is off in {self.slug}; call town.switch_on({plugin!r}) first")
        return made

    async def home_variables(self, language: str = "", **variables: Any) -> dict[str, Any]:
        """The variables of the Home operation: what the reader chose, and the plugins' defaults for the rest."""
        services, operation = self.instance.services, home_operation(self.instance.registry)
        chosen = {key: str(value) for key, value in variables.items()}
        return await home_variables(services, operation, self.city, language or self.city.language, chosen)

    async def home(self, language: str = "", **variables: Any) -> dict[str, Any]:
        """The answer to the Home operation, as the apps and the preview page send it."""
        values = await self.home_variables(language, **variables)
        return await self.answer(home_operation(self.instance.registry).text, **values)

    async def preview(self, plugin: str, language: str = "") -> str:
        """The plugin's part of the preview page, as HTML, in one line; an error in the template fails the test."""
        variables = await self.home_variables(language)
        body = await self.home(language)
        assert "errors" not in body, body["errors"]
        ctx = self.context(plugin, language or None)
        html = fragment(self.instance.installed(plugin), ctx, body["data"]["city"][plugin], variables)
        assert html is not None, "preview.html could not be rendered; the log says why"
        return re.sub(r"\s+", " ", html).strip()

    async def document(self, plugin: str, path: str, query: Mapping[str, str] | None = None, **parts: str) -> Reply:
        """What the route with this path gives; `parts` fill its parameters."""
        route = next((r for r in self.instance.installed(plugin).plugin.routes if r.path == path), None)
        if route is None:
            raise NotFound(f"{plugin} has no route {path!r}")
        return await route.handle(self.context(plugin), parts, query or {})

    async def told(self, topic: str = "") -> list[dict[str, Any]]:
        """What is in the outbox (of one topic, `<plugin>.<topic>`), the oldest first: `topic`, `key`, `texts`, …"""
        async with self.instance.database.session(self.slug) as session:
            found = await session.scalars(select(Outgoing).order_by(Outgoing.created, Outgoing.key))
            names = ("topic", "key", "texts", "link", "urgency", "thread", "to", "expires")
            return [{name: getattr(one, name) for name in names} for one in found if topic in ("", one.topic)]

    async def publish(self, plugin: str, values: Mapping[str, Any], kind: str = "", **times: datetime) -> str:
        """Write and publish an item of the plugin's content (the first type, or the one named); its id at the desk.

        `values` are as they are stored: of translated fields, texts by language. `at` and `until` are instants.
        """
        declared = self.instance.installed(plugin).plugin
        type_ = next(one for one in declared.content if kind in ("", one.name))
        desk = Desk(declared, type_, self.context(plugin), "Test")
        async with desk.ctx.transaction() as session:
            item = await create(session, desk, {**blank(type_), **values})
            await publish(session, desk, item, **times)
        return item.id

    def reach(self, host: str, port: int) -> None:
        """Let the plugins call a server of the test on this machine, which they otherwise may not."""
        outside = Outside(allowed=frozenset({(host, port)}), secrets=self.folder)
        self.instance.registry = structs.replace(self.instance.registry, outside=outside)

    async def work(self, plugin: str, job: str) -> None:
        """Run a job once, here and now."""
        found = next((j for j in self.instance.installed(plugin).plugin.jobs if j.name == job), None)
        if found is None:
            raise NotFound(f"{plugin} has no job {job!r}")
        await found.run(self.context(plugin))


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
