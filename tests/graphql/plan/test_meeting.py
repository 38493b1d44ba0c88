"""Feed, search and map as plans: rows of hooks that give statements, objects of those that do not, merged as ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import strawberry
from allmende import (
    PUBLIC,
    BBox,
    Context,
    Feed,
    FeedItem,
    Map,
    MapFeature,
    Plugin,
    Position,
    Prepared,
    Search,
    SearchHit,
    column,
    computed,
    part,
    prepared,
    same,
)
from allmende.db.engine import Database
from allmende.graphql.execute import Engine, Operation
from allmende.search.index import index_rows
from sqlalchemy import Select, select

from ..gazette import GazetteNotice, make_engine, publish
from .test_equal import plain


def _module(ctx: Context[Any]) -> str:
    return ctx.plugin


def _rank(ctx: Context[Any], rank: int | None) -> str:
    return f"{ctx.language}{rank}"


@strawberry.type(description="A notice that hangs out.")
class PlacardNotice(FeedItem, SearchHit, MapFeature):
    ctx: strawberry.Private[Context[Any]]
    row: strawberry.Private[GazetteNotice]

    id: strawberry.ID = column(GazetteNotice.id, description="Its id.")
    title: str = column(GazetteNotice.title, description="Its title.")
    date: datetime = column(GazetteNotice.published, description="When it was published.")
    module: str = computed(_module, steady=True, description="Its module.")
    position: Position = part(Position, lat=GazetteNotice.lat, lon=GazetteNotice.lon, description="Where.")
    rank: str = computed(_rank, GazetteNotice.rank, steady=True, description="Its rank, in a language.")
    broken: str = computed(
        lambda ctx, title: title if title != "Broken" else 1 / 0, GazetteNotice.title, description=""
    )


@strawberry.type(description="A notice that was found.")
class PlacardHit(SearchHit):
    ctx: strawberry.Private[Context[Any]]
    row: strawberry.Private[GazetteNotice]

    id: strawberry.ID = column(GazetteNotice.id, description="Its id.")
    title: str = column(GazetteNotice.title, description="Its title.")
    module: str = computed(_module, steady=True, description="Its module.")
    notice: PlacardNotice = same(PlacardNotice, description="The notice.")


@strawberry.type(description="A notice, in the old way.")
class LeafletNotice(FeedItem, MapFeature):
    pass


@prepared
def newest(before: Any, first: int) -> Select[Any]:
    statement = select(GazetteNotice).where(GazetteNotice.rank.is_not(None))
    statement = statement if before is None else statement.where(GazetteNotice.published < before)
    return statement.order_by(GazetteNotice.published.desc(), GazetteNotice.id).limit(first)


@prepared
def of_ids(ids: Any) -> Select[Any]:
    return select(GazetteNotice).where(GazetteNotice.id.in_(ids))


def load_feed(ctx: Context[Any], before: datetime | None, first: int) -> Prepared:
    return newest(before=before, first=first)


async def load_map(ctx: Context[Any], box: BBox, first: int) -> Prepared | None:
    """Waits, as a hook may; the bottom of the world is empty."""
    return newest(before=None, first=first) if box.south > -80 else None


def load_hits(ctx: Context[Any], ids: Sequence[str]) -> Prepared:
    return of_ids(ids=ids)


async def load_leaflets(ctx: Context[Any], before: Any, first: int) -> list[LeafletNotice]:
    statement = select(GazetteNotice).where(GazetteNotice.rank.is_(None)).order_by(GazetteNotice.published.desc())
    if isinstance(before, datetime):
        statement = statement.where(GazetteNotice.published < before)
    async with ctx.session() as session:
        found = await session.scalars(statement.order_by(GazetteNotice.id).limit(first))
        return [
            LeafletNotice(
                id=strawberry.ID(row.id),
                title=row.title,
                date=row.published,
                module="leaflet",
                position=Position(lat=row.lat, lon=row.lon),
            )
            for row in found
        ]


PLACARD = Plugin(
    name="placard",
    feed=Feed(shows=PlacardNotice, load=load_feed, visible=PUBLIC),
    map=Map(shows=PlacardNotice, load=load_map, visible=PUBLIC),
    search=(Search(table=GazetteNotice, title="title", shows=PlacardHit, load=load_hits, visible=PUBLIC),),
)
LEAFLET = Plugin(
    name="leaflet",
    feed=Feed(load=load_leaflets, visible=PUBLIC),
    map=Map(load=load_leaflets, visible=PUBLIC),
    types=(LeafletNotice,),
)
BOTH = 'modules: ["placard", "leaflet"]'
MAP = f"map(bbox: {{ south: 51, west: 7, north: 53, east: 9 }}, {BOTH}"
FEED = f"""feed(first: $first, after: $after, {BOTH}) {{ __typename
    nodes {{ __typename id title date module ... on PlacardNotice {{ rank position {{ lat }} }} }}
    edges {{ cursor __typename node {{ title ... on LeafletNotice {{ position {{ lon }} }} }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"""


@pytest.fixture
async def engine(database: Database) -> Engine:
    days = (datetime(2026, 11, day, tzinfo=UTC) for day in (5, 5, 9, 5, 7, 5, 5))
    ranks = (1, None, 2, None, 3, 4, 5)
    notices = ({"title": f"Haus {n}", "rank": rank, "published": next(days)} for n, rank in enumerate(ranks))
    ids = await publish(database, "oben", *notices)
    await publish(database, "unten", {"title": "Haus unten", "rank": 1})
    async with database.transaction("oben") as session:
        entries = [{"id": id_, "title": f"Haus {n}"} for n, id_ in enumerate(ids)]
        await index_rows(session, plugin="placard", table=GazetteNotice, rows=entries)
    return make_engine(database, PLACARD, LEAFLET)


async def ask(engine: Engine, selection: str, slug: str = "oben", **variables: Any) -> Any:
    declared = "($first: Int!, $after: String)" if "$first" in selection else ""
    query = f'query {declared} {{ city(slug: "{slug}", language: "en") {{ {selection} }} }}'
    return (await engine.execute(Operation(query=query, variables=variables))).body


async def both(engine: Engine, selection: str, *, planned: bool = True, **variables: Any) -> Any:
    """The answer, which is the same with plans and without."""
    engine.plans.on = False
    reference = await ask(engine, selection, **variables)
    engine.plans.on, before = True, engine.plans.planned
    assert plain(await ask(engine, selection, **variables)) == plain(reference)
    assert engine.plans.planned - before == planned
    return reference["data"]["city"]


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_pages_of_the_feed_are_those_of_the_reference(engine: Engine, size: int) -> None:
    """Rows and objects with equal dates among them, each shown once."""
    after, seen = None, []
    while True:
        page = (await both(engine, FEED, first=size, after=after))["feed"]
        seen += [node["title"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert sorted(seen) == [f"Haus {n}" for n in range(7)]
    assert seen[:2] == ["Haus 2", "Haus 4"]


async def test_the_map_takes_turns_and_hooks_may_wait_or_have_nothing(engine: Engine) -> None:
    found = (await both(engine, f"{MAP}, first: 4) {{ module title ... on PlacardNotice {{ rank }} }}"))["map"]
    assert [one["module"] for one in found] == ["placard", "leaflet", "placard", "leaflet"]
    assert found[0]["rank"] == "en2"
    away = 'map(bbox: { south: -90, west: 0, north: -85, east: 9 }, modules: ["placard"]) { id }'
    assert (await both(engine, away))["map"] == []


async def test_a_search_shows_the_rows_that_the_index_found_best_first(engine: Engine) -> None:
    shown = "{ __typename id title ... on PlacardHit { notice { rank date } } }"
    found = (await both(engine, f'search(text: "haus", first: 3) {shown}'))["search"]
    assert [one["__typename"] for one in found] == ["PlacardHit"] * 3
    assert found == sorted(found, key=lambda one: str(one["id"]))
    assert (await both(engine, 'search(text: "nirgends") { id }'))["search"] == []


async def test_what_modules_ask_of_one_list_is_read_in_one_statement(engine: Engine, database: Database) -> None:
    feed = 'feed(first: 3, modules: ["placard"]) { nodes { id } }'
    twice = f"{feed} other: {feed}"
    await ask(engine, twice)
    for selection, statements in ((feed, 1), (twice, 2)):
        with database.count() as asked:
            await ask(engine, selection)
        assert len(asked) == statements
    with database.count() as asked:
        await ask(engine, 'search(text: "haus 1") { id }')
    assert len(asked) == 2  # the index, and the rows


async def test_nothing_of_another_city_is_shown_and_nothing_of_a_module_that_is_off(engine: Engine) -> None:
    shown = f"{FEED.replace('$first', '9').replace('after: $after, ', '')} {MAP}) {{ id }}"
    assert "unten" not in str(await both(engine, shown + ' search(text: "haus") { title }'))
    body = await ask(engine, 'feed { nodes { id } } search(text: "haus") { id }', slug="unten")
    assert body["data"]["city"] == {"feed": {"nodes": []}, "search": []}


@pytest.mark.parametrize(
    ("selection", "code"),
    [
        ("feed(first: 101) { nodes { id } }", "BAD_FIRST"),
        ('feed(after: "x") { nodes { id } }', "BAD_CURSOR"),
        ('search(text: "haus", first: 51) { id }', "BAD_FIRST"),
        ('feed(modules: ["nosuch"]) { nodes { id } }', "BAD_INPUT"),
    ],
)
async def test_what_is_refused_is_refused_as_without_plans(engine: Engine, selection: str, code: str) -> None:
    for on in (False, True):
        engine.plans.on = on
        body = await ask(engine, selection)
        assert [one["extensions"]["code"] for one in body["errors"]] == [code]
    assert engine.plans.planned == 0


async def test_a_module_that_fails_or_rests_is_left_out_by_the_reference(engine: Engine, database: Database) -> None:
    await publish(database, "oben", {"title": "Broken", "rank": 9})
    shown = f"{FEED.replace('title date', 'title date ... on PlacardNotice { broken }')}"
    found = await both(engine, shown, planned=False, first=9, after=None)
    assert [node is None for node in found["feed"]["nodes"]].count(True) == 1
    for _ in range(5):
        engine.services.breakers.report("oben", "placard", failed=True)
    found = await both(engine, FEED, planned=False, first=9, after=None)
    assert {node["module"] for node in found["feed"]["nodes"]} == {"leaflet"}


def test_types_that_hooks_show_need_not_be_named(engine: Engine) -> None:
    assert {"PlacardNotice", "PlacardHit"} <= engine.composed.schema.type_map.keys()
