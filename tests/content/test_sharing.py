"""Content goes from city to city: only what is offered or subscribed to and published, until it is withdrawn."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.content.items import archive, find, publish, save
from allmende.content.received import accept, arrive, cut_loose, inbox, merged, one, reject, take, waiting
from allmende.content.sharing import ALL, deliver, offer, reach, subscribe
from allmende.content.tables import ContentItem, ContentReceived, ContentVersion
from allmende.db.table import Base, city_tables
from allmende.errors import InputError
from allmende.testing import Town
from sqlalchemy import select, text

from .newsroom import desk, news, published, titles


@pytest.fixture
def north(town: Town) -> Town:
    town.switch_on("news")
    return town


@pytest.fixture
def south(north: Town) -> Town:
    other = north.neighbour("suedstadt")
    other.switch_on("news")
    return other


async def send(town: Town) -> list[tuple[str, str]]:
    """Empty the outbox, and let happen what happens by itself."""
    instance = town.instance
    plugins = {name: one.plugin for name, one in instance.registry.plugins.items()}
    cities = instance.cities.by_slug
    arrived = await deliver(instance.database, town.city, plugins, cities, town.now)
    for slug, id_ in arrived:
        at = desk(Town(instance, slug), by="")
        async with at.ctx.transaction() as session:
            await arrive(session, at, await one(session, id_, write=True))
    return arrived


async def offering(town: Town, *to: str, values: dict[str, Any] | None = None) -> ContentItem:
    item, at = await published(town, values or news("Gruß aus {city}")), desk(town)
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id, write=True)
        await offer(session, at, item, to, town.instance.cities.by_slug)
    await send(town)
    return item


async def edited(town: Town, item: ContentItem, values: dict[str, Any]) -> None:
    at = desk(town)
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id, write=True)
        await save(session, at, item, values, item.version)
        await publish(session, at, item)
    await send(town)


async def accepted(town: Town) -> ContentItem:
    at = desk(town)
    async with at.ctx.transaction() as session:
        got = (await inbox(session))[0]
        item = await accept(session, at, got)
        await publish(session, at, item)
    return item


async def state(town: Town) -> ContentReceived:
    async with desk(town).ctx.session() as session:
        return (await inbox(session))[0]


async def test_an_offer_waits_is_accepted_and_speaks_of_the_new_city(north: Town, south: Town) -> None:
    await offering(north, "suedstadt")
    async with desk(south).ctx.session() as session:
        assert await waiting(session) == 1
    assert await titles(south) == []
    await accepted(south)
    assert (await titles(north), await titles(south)) == (["Gruß aus Teststadt"], ["Gruß aus Suedstadt"])


async def test_nothing_but_the_offered_item_crosses(north: Town, south: Town) -> None:
    """Neither other items, nor drafts of the same, nor who wrote it and when: searched for in every table."""
    await published(north, news("Nur hier MARKER-A"))
    item, at = await offering(north, "suedstadt"), desk(north, by="Ada MARKER-B")
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id, write=True)
        await save(session, at, item, news("Entwurf MARKER-C"), item.version)
    await send(north)
    await accepted(south)
    found = []
    async with north.instance.database.system(write=False) as session:
        for name in city_tables():
            table = Base.metadata.tables[name]
            rows = (await session.execute(select(*table.columns).where(table.c.city == "suedstadt"))).all()
            found += [f"{name}: {row}" for row in rows if "MARKER" in str(row)]
        there = (await session.execute(text("SELECT city, title FROM content_received"))).all()
    assert (found, [tuple(row) for row in there]) == ([], [("suedstadt", "Gruß aus {city}")])


async def test_other_cities_get_nothing_of_an_offer_that_names_one(north: Town, south: Town) -> None:
    west = north.neighbour("weststadt")
    west.switch_on("news")
    await offering(north, "suedstadt")
    async with desk(west).ctx.session() as session:
        assert list(await inbox(session)) == []
    await offering(north, ALL, values=news("Für alle"))
    async with desk(west).ctx.session() as session:
        assert [got.title for got in await inbox(session)] == ["Für alle"]


async def test_a_city_without_the_module_is_sent_nothing(north: Town) -> None:
    west = north.neighbour("weststadt")
    await offering(north, ALL)
    async with north.instance.database.session(west.slug) as session:
        assert (await session.scalars(select(ContentReceived))).all() == []


async def test_a_change_of_the_original_is_shown_and_merged_with_our_own_words(north: Town, south: Town) -> None:
    item = await offering(north, "suedstadt", values=news("Gruß", "Alt."))
    local, at = await accepted(south), desk(south)
    async with at.ctx.transaction() as session:
        local = await find(session, at, local.id, write=True)
        await save(session, at, local, news("Unser Gruß", "Alt."), local.version)
        await publish(session, at, local)
    await edited(north, item, news("Neuer Gruß", "Neu."))
    assert await titles(south) == ["Unser Gruß"]
    async with at.ctx.transaction() as session:
        got = (await inbox(session, "changed"))[0]
        assert merged(got, local.values) == (news("Unser Gruß", "Neu."), ["title"])
        local = await take(session, at, got)
        await publish(session, at, local)
        assert (local.values["text"], got.seen, await waiting(session)) == ({"de": "Neu."}, got.version, 0)
    assert await titles(south) == ["Unser Gruß"]


async def test_a_change_can_be_rejected_or_taken_as_a_whole(north: Town, south: Town) -> None:
    item = await offering(north, "suedstadt", values=news("Eins"))
    local, at = await accepted(south), desk(south)
    await edited(north, item, news("Zwei"))
    async with at.ctx.transaction() as session:
        await reject(session, (await inbox(session, "changed"))[0])
    assert ((await state(south)).state, await titles(south)) == ("accepted", ["Eins"])
    await edited(north, item, news("Drei"))
    async with at.ctx.transaction() as session:
        local = await take(session, at, (await inbox(session, "changed"))[0], all_=True)
        await publish(session, at, local)
    assert await titles(south) == ["Drei"]


async def test_withdrawn_means_withdrawn_everywhere(north: Town, south: Town) -> None:
    item, at = await offering(north, "suedstadt"), desk(north)
    local = await accepted(south)
    async with at.ctx.transaction() as session:
        await archive(session, at, await find(session, at, item.id, write=True))
    await send(north)
    assert (await titles(north), await titles(south), (await state(south)).state) == ([], [], "withdrawn")
    there = desk(south)
    with pytest.raises(InputError, match="withdrawn"):
        async with there.ctx.transaction() as session:
            await publish(session, there, await find(session, there, local.id, write=True))


async def test_an_offer_is_taken_back_while_the_item_stays_at_home(north: Town, south: Town) -> None:
    item, at = await offering(north, "suedstadt"), desk(north)
    await accepted(south)
    async with at.ctx.transaction() as session:
        await offer(session, at, await find(session, at, item.id, write=True), (), north.instance.cities.by_slug)
    await send(north)
    assert (await titles(north), await titles(south)) == (["Gruß aus Teststadt"], [])


async def test_what_was_cut_loose_stays(north: Town, south: Town) -> None:
    item, at = await offering(north, "suedstadt"), desk(north)
    await accepted(south)
    there = desk(south)
    async with there.ctx.transaction() as session:
        await cut_loose(session, there, (await inbox(session))[0])
    async with at.ctx.transaction() as session:
        await archive(session, at, await find(session, at, item.id, write=True))
    await send(north)
    assert await titles(south) == ["Gruß aus Suedstadt"]


async def test_a_subscription_brings_one_category_and_publishes_it_by_itself(north: Town, south: Town) -> None:
    at = desk(south)
    async with at.ctx.transaction() as session:
        await subscribe(session, at, north.slug, "Bäder", automatic=True)
    item = await published(north, news("Bad offen", categories=["Bäder"]))
    await published(north, news("Straße gesperrt", categories=["Verkehr"]))
    await send(north)
    assert await titles(south) == ["Bad offen"]
    await edited(north, item, news("Bad zu", categories=["Bäder"]))
    assert await titles(south) == ["Bad zu"]


async def test_people_decide_where_both_have_changed_what_is_taken_automatically(north: Town, south: Town) -> None:
    at = desk(south)
    async with at.ctx.transaction() as session:
        await subscribe(session, at, north.slug, "", automatic=True)
    item = await published(north, news("Eins"))
    await send(north)
    await accepted_title(south, "Unser Eins")
    await edited(north, item, news("Zwei"))
    assert await titles(south) == ["Unser Eins"]
    async with at.ctx.session() as session:
        assert await waiting(session) == 1


async def accepted_title(town: Town, title: str) -> None:
    at = desk(town)
    async with at.ctx.transaction() as session:
        local = await find(session, at, (await inbox(session))[0].local, write=True)
        await save(session, at, local, news(title), local.version)
        await publish(session, at, local)


async def test_lineage_is_seen_from_both_ends(north: Town, south: Town) -> None:
    item = await offering(north, "suedstadt")
    local = await accepted(south)
    got = await state(south)
    assert (got.origin, got.item, got.local) == (north.slug, item.id, local.id)
    seen = [(one.city, one.state, one.seen) for one in await reach(north.instance.database, north.slug, item.id)]
    assert seen == [("suedstadt", "accepted", 1)]
    async with desk(south).ctx.session() as session:
        first = (await session.scalars(select(ContentVersion).where(ContentVersion.item == local.id))).one()
    assert first.action == "received"


async def test_what_came_from_elsewhere_cannot_be_offered_on(north: Town, south: Town) -> None:
    await offering(north, "suedstadt")
    local, at = await accepted(south), desk(south)
    with pytest.raises(InputError, match="another city"):
        async with at.ctx.transaction() as session:
            await offer(session, at, await find(session, at, local.id), [ALL], north.instance.cities.by_slug)
    for to in (["nirgendwo"], [north.slug]):
        item = await published(north, news())
        mine = desk(north)
        with pytest.raises(InputError, match="no other city"):
            async with mine.ctx.transaction() as session:
                await offer(session, mine, await find(session, mine, item.id), to, north.instance.cities.by_slug)


async def test_a_parcel_that_is_delivered_twice_changes_nothing(north: Town, south: Town) -> None:
    item, at = await offering(north, "suedstadt"), desk(north)
    before = (await state(south)).changed_at
    north.wait(hours=1)
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id, write=True)
        await offer(session, at, item, ["suedstadt"], north.instance.cities.by_slug)
    assert (await send(north), (await state(south)).changed_at) == ([], before)
