"""The composition root: settings, plugins, cities and database become one ASGI application."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from litestar import Litestar

from allmende import metrics
from allmende.accounts.oidc.provider import Providers
from allmende.accounts.tidy import account_chores
from allmende.cases.chores import case_chores
from allmende.changes.chores import changes_chores
from allmende.chore import Chore
from allmende.city.model import City
from allmende.city.secrets import resolve_secret
from allmende.content.chores import content_chores
from allmende.db.engine import Database
from allmende.db.listening import Listener
from allmende.desk.content.deliver import newsroom
from allmende.desk.office import Office, sessions
from allmende.desk.pages import PAGES
from allmende.desk.routes import desk_routes
from allmende.documents import document_routes
from allmende.egress import GuardedTransport, guarded_socket, parse_allowed
from allmende.files.store import Store
from allmende.gate.door import Door
from allmende.graphql.cache.keep import Responses
from allmende.graphql.compose import Composed, compose
from allmende.graphql.documents import Documents, load_documents
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.fast import Front
from allmende.graphql.http import graphql_routes, make_endpoint
from allmende.graphql.live.hub import Hub
from allmende.graphql.request import Services
from allmende.health import health_routes
from allmende.jobs.embedded import EmbeddedRunner
from allmende.jobs.house import House
from allmende.jobs.house import make_house as assemble
from allmende.jobs.tasks import tasks_of_files
from allmende.log import configure_logging
from allmende.notify.chores import notify_chores
from allmende.notify.ways import Ways
from allmende.pages.login import login_routes
from allmende.pages.notify import notify_pages
from allmende.pages.views import page_routes
from allmende.privacy.chores import privacy_chores
from allmende.privacy.declared import held
from allmende.privacy.rooms import erasers
from allmende.registry import Registry, load_registry
from allmende.sealing import load_sealer
from allmende.settings import Settings, load_settings
from allmende.town import Town, load_town, problems, tell
from allmende.uploads import upload_routes
from allmende.usage import Usage, usage_chores
from allmende.watchdog import Watchdog


def make_services(settings: Settings, registry: Registry, town: Town, database: Database) -> Services:
    """What does not change from request to request."""
    allowed = parse_allowed(settings.egress_allow)
    return Services(
        registry=registry,
        database=database,
        cities=lambda: town.cities,
        sealer=load_sealer(settings),
        providers=Providers(allowed, lambda reference: resolve_secret(reference, settings.secrets)),
        files=Store(settings.files),
    )


def make_ways(settings: Settings) -> Ways:
    """How notifications leave this instance: to public addresses, and those that the operator allows."""
    allowed = parse_allowed(settings.egress_allow)
    return Ways(
        secret=lambda reference: resolve_secret(reference, settings.secrets),
        transport=lambda http2, connections: GuardedTransport(allowed, http2=http2, connections=connections),
        dial=lambda host, port: guarded_socket(allowed, host, port),
    )


def chores(settings: Settings, services: Services) -> tuple[Chore, ...]:
    """What the rooms of the core do now and then; each room adds its own here."""
    plugins = services.registry.plugins

    def erase(city: City) -> dict[str, Any]:
        hooks: dict[str, Any] = erasers(services.database, city, services.clock)
        for name, installed in plugins.items():
            ctx = services.registry.context(city, name, services.database)
            if installed.plugin.erase is not None and ctx is not None:
                hooks[name] = partial(installed.plugin.erase, ctx)
        return hooks

    return (
        *account_chores(services.accounts),
        *notify_chores(make_ways(settings), services.database, services.clock),
        *content_chores(newsroom(services)),
        *usage_chores(services.database, services.clock),
        *changes_chores(services.database, services.clock, lambda: [one.plugin for one in plugins.values()]),
        *case_chores(
            services.database,
            services.store,
            services.clock,
            lambda name: kind.retention if (kind := services.registry.case_kind(name)) else None,
            services.receiver,
            services.registry.outside,
        ),
        *privacy_chores(
            services.database,
            services.clock,
            lambda: held({name: installed.manifest for name, installed in plugins.items()}),
            erase,
        ),
    )


def make_house(
    settings: Settings,
    registry: Registry,
    town: Town,
    database: Database,
    blocked: Callable[[str], bool] = lambda plugin: False,
) -> House:
    """What imports and jobs work on. `blocked` says which plugins a watchdog has shut out."""
    return assemble(
        settings,
        database,
        context=lambda city, name: registry.context(city, name, database),
        cities=lambda: town.cities.by_slug,
        plugins=lambda: [installed.plugin for installed in registry.plugins.values()],
        chores=chores(settings, make_services(settings, registry, town, database)),
        blocked=blocked,
    )


def make_office(settings: Settings, engine: Engine, house: House, town: Town) -> Office:
    """What the desk works with."""
    services = engine.services
    return Office(
        registry=services.registry,
        database=services.database,
        cities=lambda: town.cities,
        feeds=house.services,
        accounts=services.accounts,
        who=sessions(services.accounts, secure=settings.production),
        clock=services.clock,
        production=settings.production,
        services=services,
        schema=engine.composed.schema,
        files=services.store,
    )


def follow_files(town: Town, house: House, runner: EmbeddedRunner) -> None:
    """From now on, a source whose file has changed is read at once. Called in the running event loop."""
    loop = asyncio.get_running_loop()

    def changed(files: set[tuple[str, str]]) -> None:
        if tasks := tasks_of_files(house, files):
            loop.call_soon_threadsafe(runner.hurry, tasks)

    town.on_files = changed


def make_engine(settings: Settings, database: Database, composed: Composed | None = None) -> tuple[Engine, Town]:
    """All plugins that fit together (or the schema that was composed of them before), all cities, and what answers
    operations on them."""
    if composed is None:
        committed = settings.schema.read_text() if settings.schema.is_file() else ""
        composed = compose(load_registry(settings), committed)
    town = load_town(settings, composed.registry)
    services = make_services(settings, composed.registry, town, database)
    rows = settings.row_cache * 1_000_000
    return Engine(composed, services, introspectable=not settings.production, row_cache=rows), town


def make_responses(settings: Settings, database: Database, engine: Engine, listener: Listener | None) -> Responses:
    """The response cache of this worker. Without a listener (embedded database), there is nothing else to hear."""
    return Responses(
        database.board,
        settings.response_cache * 1_000_000,
        engine.services.cities,
        trusted=(lambda: listener.trusted) if listener else lambda: True,
        clock=engine.services.clock,
    )


def make_documents(settings: Settings, engine: Engine) -> Documents:
    """The operations of the registered apps, and whether others are answered."""
    registered = load_documents(settings.clients, lambda text: engine.prepare(text).document is not None)
    return Documents(registered, only_registered=settings.documents == "registered")


def create_app(settings: Settings | None = None) -> Door:
    """The application that every worker process serves."""
    settings = settings or load_settings()
    configure_logging(production=settings.production)
    database = Database(settings.database)
    engine, town = make_engine(settings, database)
    services, registry = engine.services, engine.services.registry
    folders = {name: installed.folder for name, installed in registry.plugins.items()}
    watchdog = Watchdog(folders, Path(settings.run) if settings.run else None)
    services.breakers.blocked, services.breakers.resting = watchdog.blocklist.holds, watchdog.resting
    listener = database.listener()
    services.breakers.busy = lambda: (
        watchdog.busy or database.lock.is_late or (listener is not None and not listener.trusted)
    )

    responses = make_responses(settings, database, engine, listener)
    documents = make_documents(settings, engine)
    usage = Usage()
    hub = Hub(lambda: engine, documents, usage=usage)
    endpoint = make_endpoint(
        lambda: engine,
        documents=documents,
        responses=responses,
        graphiql=not settings.production,
        usage=usage,
    )

    house = make_house(settings, registry, town, database, watchdog.blocklist.holds)

    async def ask(text: str, variables: Any, accept_language: str) -> Any:
        operation = Operation(query=text, variables=variables, accept_language=accept_language, read_only=True)
        return (await engine.execute(operation)).body

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        # The application may have been made in the process that this one was forked from, see serving/.
        database.begin()
        town.begin()
        metrics.started()
        tell(registry, town)
        # What is there now stays: the collector need not look at a quarter of a million objects again and again.
        gc.collect()
        gc.freeze()
        # The server drops all sockets before it ends the lifespan, so it sends this signal first, see cli/serve.py.
        with suppress(ValueError, RuntimeError, NotImplementedError):  # in a thread, as in tests, there are no signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, hub.stopping.set)
        watchdog.start()
        counting = usage.follow(database, lambda: town.cities.by_slug, services.clock)
        watching = asyncio.gather(town.watch(), town.follow(database), counting, metrics.follow())
        if listener:
            listener.start()
        runner = EmbeddedRunner(house) if settings.is_sqlite else None
        if runner:
            runner.start()
            follow_files(town, house, runner)
        yield
        await hub.stop()
        watchdog.stop()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if runner:
            await runner.stop()
        if listener:
            await listener.stop()
        await database.close()

    def known_problems() -> list[str]:
        return problems(registry, town)

    app = Litestar(
        [
            *graphql_routes(lambda: engine, graphiql=not settings.production, endpoint=endpoint),
            *health_routes(
                services,
                lambda: town.cities,
                known_problems,
                blocked=lambda: watchdog.blocklist.entries,
                production=settings.production,
            ),
            *page_routes(
                services, ask, (lambda: []) if settings.production else known_problems, graphiql=not settings.production
            ),
            *notify_pages(services),
            *upload_routes(services),
            *login_routes(services, secure=settings.production),
            *desk_routes(make_office(settings, engine, house, town), PAGES),
            *document_routes(services),
        ],
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
    )
    return Door(
        Front(app, endpoint, hub),
        lambda: town.cities,
        hosts=settings.hosts,
        proxies=settings.proxies,
        production=settings.production,
    )
