"""An app that is open is told when a module goes off, fails or is well again; City.modules then has the reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from allmende import Config, Source
from allmende.city.model import City, Switch
from allmende.db.engine import Database
from allmende.feeds.tables import FeedSource
from allmende.graphql.execute import Engine
from allmende.graphql.live.hub import Hub
from allmende.testing import NOON
from sqlalchemy import update

from tests.graphql.gazette import Towns, ask, make_engine, publish
from tests.graphql.live.test_socket import followed
from tests.graphql.live.wire import Wire

CHANGES = 'subscription { changes(city: "oben") { module status } }'
REASON = '{ city(slug: "oben") { modules { name status reason } } }'


class Sourced(Config, frozen=True, kw_only=True):
    sources: tuple[Source, ...] = (Source(id="paper", file="paper.json"),)


@pytest.fixture
def engine(database: Database) -> Engine:
    engine = make_engine(database)
    set_city(engine, plugins={"gazette": Sourced(), "tower": Config()})
    return engine


def set_city(engine: Engine, **changes: Any) -> None:
    """As a reload of the folders, or a switch at the desk, replaces the cities."""
    cities = engine.services.cities()
    oben: City = msgspec.structs.replace(cities.by_slug["oben"], **changes)
    towns = Towns({**cities.by_slug, "oben": oben}, {"oben.example": oben})
    engine.services.cities = lambda: towns


async def set_source(database: Database, **values: Any) -> None:
    async with database.transaction("oben") as session:
        await session.execute(update(FeedSource).values(**values), execution_options={"synchronize_session": False})


async def told(wire: Wire) -> tuple[str, str]:
    message = await wire.hear()
    assert message["type"] == "next", message
    change = message["payload"]["data"]["changes"]
    return change["module"], change["status"]


async def reason(engine: Engine) -> tuple[str, str | None]:
    modules = (await ask(engine, REASON))["data"]["city"]["modules"]
    return next((one["status"], one["reason"]) for one in modules if one["name"] == "gazette")


async def test_a_switch_is_told_and_nothing_of_what_changes_while_it_is_off(engine: Engine, database: Database) -> None:
    hub = Hub(lambda: engine)
    async with Wire(hub) as wire, Wire(hub, headers=[(b"app-version", b"2.1")]) as old:
        for each in (wire, old):
            await each.begin()
            each.ask("1", CHANGES)
        await followed(hub, 2)
        set_city(engine, modules={"gazette": Switch(off=True, app_versions="<3", reason={"de": "Alt."})})
        assert await told(old) == ("gazette", "OFF")
        await publish(database, "oben", {"title": "Seen by new releases only"})
        assert await told(wire) == ("gazette", "ON")
        set_city(engine, modules={"gazette": Switch(off=True, reason={"de": "Wird berichtigt."})})
        assert (await told(wire), await reason(engine)) == (("gazette", "OFF"), ("OFF", "Wird berichtigt."))
        set_city(engine, modules={})
        assert (await told(wire), await told(old)) == (("gazette", "ON"), ("gazette", "ON"))
        set_city(engine, plugins={"gazette": Sourced()})
        assert await told(wire) == ("tower", "OFF")


async def test_a_breaker_that_opens_and_closes_is_told(engine: Engine) -> None:
    hub, breakers = Hub(lambda: engine), engine.services.breakers
    async with Wire(hub) as wire:
        await wire.begin()
        wire.ask("1", CHANGES)
        await followed(hub, 1)
        for _ in range(breakers.rules.failures):
            breakers.report("oben", "gazette", failed=True)
        assert (await told(wire), (await reason(engine))[0]) == (("gazette", "FAILED"), "FAILED")
        breakers.report("oben", "gazette", failed=False)
        assert await told(wire) == ("gazette", "ON")
        blocked = {"tower"}
        breakers.blocked = lambda plugin: plugin in blocked
        assert await told(wire) == ("tower", "FAILED")


async def test_sources_that_fail_recover_or_grow_old_are_told(engine: Engine, database: Database) -> None:
    fresh = {"status": "fresh", "last_success": NOON, "stale_at": NOON + timedelta(hours=1)}
    async with database.transaction("oben") as session:
        session.add(FeedSource(plugin="gazette", source="paper", **fresh))
    hub = Hub(lambda: engine)
    async with Wire(hub) as wire:
        await wire.begin()
        wire.ask("1", CHANGES)
        await followed(hub, 1)
        await set_source(database, status="failed", last_success=None)
        assert await told(wire) == ("gazette", "FAILED")
        await set_source(database, **fresh)
        assert await told(wire) == ("gazette", "ON")
        engine.services.clock = lambda: NOON + timedelta(hours=2)
        assert await told(wire) == ("gazette", "STALE")
        assert (await reason(engine))[0] == "STALE"


async def test_who_follows_a_city_that_goes_is_told_that_all_is_off_and_the_subscription_ends(engine: Engine) -> None:
    hub = Hub(lambda: engine)
    async with Wire(hub) as wire:
        await wire.begin()
        wire.ask("1", CHANGES)
        await followed(hub, 1)
        gone = Towns({})
        engine.services.cities = lambda: gone
        heard = [await told(wire), await told(wire), (await wire.hear())["type"]]
        assert heard == [("gazette", "OFF"), ("tower", "OFF"), "complete"]
