"""News as apps ask for them, on both databases: imported by the core, asked by GraphQL, counted in statements."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import feedparser
import msgspec
import pytest
from allmende.city.model import City
from allmende.context import Context
from allmende.db.engine import Database
from allmende.feeds.fetch import Fetcher
from allmende.feeds.importing import Run, import_source
from allmende.feeds.services import Services as ImportServices
from allmende.graphql.compose import Composed, compose, undescribed
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.request import Services
from allmende.pages.render import fragment
from allmende.registry import Installed, Registry, read_manifest, read_texts
from allmende.testing import NOON, make_city
from msgspec import Struct

from plugins.news import plugin, service
from plugins.news.config import NewsConfig
from plugins.news.routes import atom

FOLDER = Path(__file__).parents[3] / "plugins/news"
REGISTRY = Registry(
    plugins=MappingProxyType(
        {
            "news": Installed(
                plugin=plugin, manifest=read_manifest(FOLDER), folder=FOLDER, texts=read_texts(FOLDER / "texts")
            )
        }
    )
)
CONFIG: dict[str, Any] = {
    "keep_days": 365,
    "sources": [
        {
            "id": "de",
            "kind": "feed",
            "file": "de.xml",
            "title": {"de": "Rathaus", "en": "Town hall"},
            "licence": "CC0-1.0",
        },
        {"id": "en", "kind": "jsonfeed", "file": "en.json", "language": "en"},
    ],
}
DE = """<rss version="2.0"><channel>
<item><title>Drei</title><guid>3</guid><description>Grünanlage &lt;b&gt;offen&lt;/b&gt;</description>
<pubDate>Sun, 22 Nov 2026 09:00:00 GMT</pubDate><category>Umwelt</category><category>Park</category>
<enclosure url="https://city.example/3.jpg" type="image/jpeg" length="1"/></item>
<item><title>Zwei</title><guid>2</guid><pubDate>Sat, 21 Nov 2026 09:00:00 GMT</pubDate>
<category>Umwelt</category></item>
<item><title>Eins</title><guid>1</guid><pubDate>Fri, 20 Nov 2026 09:00:00 GMT</pubDate></item>
</channel></rss>"""
EN = """{"version": "https://jsonfeed.org/version/1.1", "items": [
{"id": "e", "title": "Hello", "content_text": "Park open", "date_published": "2026-11-19T10:00:00+01:00"}]}"""
HOME = """query Home($city: String!) { city(slug: $city) { name
  news { latest(first: 5) { id title publishedAt image { url alt } } } } }"""


@cache
def composed() -> Composed:
    return compose(REGISTRY)


class Towns(Struct, frozen=True):
    by_slug: dict[str, City]
    by_host: dict[str, City] = {}
    unavailable: dict[str, tuple[str, ...]] = {}


class Stage:
    """A city with news, on one database."""

    def __init__(self, database: Database, folder: Path, settings: dict[str, Any] = CONFIG) -> None:
        self.database = database
        self.folder = folder
        config = msgspec.convert(settings, NewsConfig)
        self.city = make_city(plugins={"news": config}, folder=str(folder), languages=("de", "en", "tr"))
        towns = Towns({self.city.slug: self.city, "off": make_city("off")})
        self.engine = Engine(composed(), Services(REGISTRY, database, lambda: towns, clock=lambda: NOON))

    def context(self, language: str = "de", now: datetime = NOON) -> Context[Any]:
        ctx = REGISTRY.context(self.city, "news", self.database, language, lambda: now)
        assert ctx is not None
        return ctx

    async def bring(self, *, now: datetime = NOON, **files: str) -> list[Run]:
        for name, content in files.items():
            (self.folder / name.replace("_", ".")).write_text(content)
        services = ImportServices(
            database=self.database,
            context=lambda city, name: self.context(now=now),
            fetcher=Fetcher(clock=lambda: now),
            clock=lambda: now,
        )
        return [
            await import_source(services, self.city, plugin, source, force=True)
            for source in self.city.plugins["news"].sources  # type: ignore[attr-defined]
        ]

    async def ask(self, selection: str, language: str = "de") -> Any:
        query = f'{{ city(slug: "{self.city.slug}", language: "{language}") {{ news {{ {selection} }} }} }}'
        body = (await self.engine.execute(Operation(query=query))).body
        assert "errors" not in body, body
        return body["data"]["city"]["news"]


@pytest.fixture
async def stage(database: Database, tmp_path: Path) -> Stage:
    stage = Stage(database, tmp_path)
    runs = await stage.bring(de_xml=DE, en_json=EN)
    assert [(run.status, run.added, run.refused) for run in runs] == [("fresh", 3, 0), ("fresh", 1, 0)]
    return stage


def test_every_part_of_the_schema_is_described() -> None:
    assert list(composed().registry.plugins) == ["news"]
    assert undescribed(composed().schema) == []


async def test_home_operation_answers_with_one_statement_on_the_news(stage: Stage) -> None:
    with stage.database.count() as seen:
        body = (await stage.engine.execute(Operation(query=HOME, variables={"city": stage.city.slug}))).body
    news = body["data"]["city"]["news"]["latest"]
    assert [(item["title"], item["publishedAt"]) for item in news] == [
        ("Drei", "2026-11-22T10:00:00+01:00"),
        ("Zwei", "2026-11-21T10:00:00+01:00"),
        ("Eins", "2026-11-20T10:00:00+01:00"),
    ]
    assert [item["image"] for item in news] == [{"url": "https://city.example/3.jpg", "alt": ""}, None, None]
    assert len(seen) == 1


async def test_module_that_is_off_is_null_without_error(stage: Stage) -> None:
    body = (await stage.engine.execute(Operation(query=HOME, variables={"city": "off"}))).body
    assert body == {"data": {"city": {"name": "Off", "news": None}}}


async def test_importing_again_changes_nothing(stage: Stage) -> None:
    runs = await stage.bring(now=NOON.replace(hour=13))
    assert [(run.added, run.changed, run.removed, run.unchanged) for run in runs] == [(0, 0, 0, 3), (0, 0, 0, 1)]


async def test_items_keep_their_ids_though_the_feed_makes_up_new_ones(stage: Stage) -> None:
    """By address and title, by title and date, or by address and date."""
    entry = "<item><title>{}</title><guid isPermaLink='false'>{}</guid>{}</item>"
    link, day = "<link>https://city.example/{}</link>".format, "<pubDate>Fri, {} Nov 2026 09:00:00 GMT</pubDate>".format

    def feed(run: str, third: str = "Gamma") -> str:
        entries = [
            entry.format("Alpha", f"{run}1", link(1) + "<category>Umwelt</category>"),
            entry.format("Beta", f"{run}2", day(20)),
            entry.format(third, f"{run}3", link(3) + day(13)),
            entry.format("Gleich", f"{run}4", link(4)),
            entry.format("Gleich", f"{run}5", link(4)),
        ]
        return f"<rss><channel>{''.join(entries)}</channel></rss>"

    async def ids() -> dict[str, str]:
        found = (await stage.ask("latest(first: 20) { id title categories }"))["latest"]
        assert [one["categories"] for one in found if one["title"] == "Alpha"] == [["Umwelt"]]
        return {one["title"]: one["id"] for one in found if one["title"] != "Gleich"}

    await stage.bring(de_xml=feed("a"))
    before = await ids()
    again = (await stage.bring(de_xml=feed("b")))[0]
    assert (again.added, again.changed, again.unchanged) == (0, 0, 5)
    assert await ids() == before
    renamed = (await stage.bring(de_xml=feed("c", "Gamma, neu")))[0]
    assert (renamed.added, renamed.changed, renamed.unchanged) == (0, 1, 4)
    after = await ids()
    assert (after["Alpha"], after["Gamma, neu"]) == (before["Alpha"], before["Gamma"])


async def test_next_issue_under_the_same_title_and_address_is_another_item(stage: Stage) -> None:
    entry = "<item><title>Amtsblatt</title><link>https://city.example/</link><guid isPermaLink='false'>{0}</guid>"
    entry += "<pubDate>{0} Nov 2026 09:00:00 GMT</pubDate></item>"
    for day in (6, 13, 20):
        await stage.bring(de_xml=f"<rss><channel>{entry.format(day)}</channel></rss>")
    found = (await stage.ask("latest(first: 20) { title }"))["latest"]
    assert [one["title"] for one in found].count("Amtsblatt") == 3


async def test_item_that_slid_out_of_the_feed_stays_and_a_withdrawn_one_goes(stage: Stage) -> None:
    four = "<item><title>Vier</title><guid>4</guid><pubDate>Mon, 23 Nov 2026 09:00:00 GMT</pubDate></item>"
    head, _, two, _ = DE.split("<item>")
    await stage.bring(de_xml=f"{head}{four}<item>{two}</channel></rss>")
    assert [item["title"] for item in (await stage.ask("latest { title }"))["latest"]] == ["Vier", "Zwei", "Eins"]


async def test_readers_get_their_language_if_there_is_news_in_it(stage: Stage) -> None:
    async def titles(language: str, arguments: str = "(first: 9)") -> list[str]:
        return [one["title"] for one in (await stage.ask(f"latest{arguments} {{ title }}", language))["latest"]]

    assert await titles("de") == ["Drei", "Zwei", "Eins"]
    assert await titles("en") == ["Hello"]
    assert await titles("tr") == ["Drei", "Zwei", "Eins"]
    assert await titles("de", '(language: "en-GB")') == ["Hello"]


async def test_undated_item_is_dated_when_it_was_first_seen(stage: Stage) -> None:
    entry = "<item><title>{}</title><guid>{}</guid>{}</item>"
    future = "<pubDate>Tue, 01 Jun 2027 09:00:00 GMT</pubDate>"
    feed = f"<rss><channel>{entry.format('Ohne', 'o', '')}{entry.format('Bald', 'b', future)}</channel></rss>"
    await stage.bring(de_xml=feed)
    await stage.bring(now=NOON.replace(hour=18))
    news = (await stage.ask("latest { title publishedAt }"))["latest"]
    assert {(one["title"], one["publishedAt"]) for one in news[:2]} == {
        ("Ohne", "2026-11-23T12:00:00+01:00"),
        ("Bald", "2026-11-23T12:00:00+01:00"),
    }


async def test_expired_item_is_no_longer_shown_although_nothing_was_imported(stage: Stage) -> None:
    later = NOON.replace(year=2027)
    assert [row.title for row in await service.latest(stage.context(now=later), 9).scalars(stage.context())] == []
    earlier = datetime.fromisoformat("2027-11-21T12:00:00+01:00")
    assert [row.title for row in await service.latest(stage.context(now=earlier), 9).scalars(stage.context())] == [
        "Drei"
    ]


async def test_pages_categories_and_search(stage: Stage) -> None:
    page = (await stage.ask("items(first: 2) { totalCount nodes { title } pageInfo { hasNextPage endCursor } }"))[
        "items"
    ]
    assert (page["totalCount"], [one["title"] for one in page["nodes"]]) == (3, ["Drei", "Zwei"])
    assert page["pageInfo"]["hasNextPage"] is True
    rest = await stage.ask(f'items(after: "{page["pageInfo"]["endCursor"]}") {{ nodes {{ title }} }}')
    assert rest["items"]["nodes"] == [{"title": "Eins"}]
    assert (await stage.ask("categories { name count }"))["categories"] == [
        {"name": "Umwelt", "count": 2},
        {"name": "Park", "count": 1},
    ]
    named = await stage.ask('latest(category: "Park") { title categories }')
    assert named["latest"] == [{"title": "Drei", "categories": ["Umwelt", "Park"]}]
    found = await stage.ask('items(search: "grunanlage") { totalCount nodes { title } }')
    assert found["items"] == {"totalCount": 1, "nodes": [{"title": "Drei"}]}
    assert (await stage.ask('items(search: "nirgends") { totalCount }'))["items"]["totalCount"] == 0


async def test_item_is_whole_and_null_where_there_is_none(stage: Stage) -> None:
    (first,) = (await stage.ask("latest(first: 1) { id }"))["latest"]
    item = (
        await stage.ask(
            f'item(id: "{first["id"]}") {{ title summary text html url updatedAt language category module date '
            "images { url } source { title url licence } }",
            "en",
        )
    )["item"]
    assert item == {
        "title": "Drei",
        "summary": "Grünanlage offen",
        "text": "Grünanlage offen",
        "html": "Grünanlage <b>offen</b>",
        "url": None,
        "updatedAt": None,
        "language": "de",
        "category": "Umwelt",
        "module": "news",
        "date": "2026-11-22T10:00:00+01:00",
        "images": [{"url": "https://city.example/3.jpg"}],
        "source": {"title": "Town hall", "url": None, "licence": "CC0-1.0"},
    }
    assert (await stage.ask('item(id: "nowhere") { id }'))["item"] is None


async def test_bad_first_is_refused_by_name(stage: Stage) -> None:
    query = f'{{ city(slug: "{stage.city.slug}") {{ news {{ latest(first: -1) {{ id }} }} }} }}'
    (error,) = (await stage.engine.execute(Operation(query=query))).body["errors"]
    assert "first: -1" in error["message"]


async def test_news_are_in_the_citys_feed_and_search(stage: Stage) -> None:
    query = f"""{{ city(slug: "{stage.city.slug}") {{
      feed(first: 2) {{ nodes {{ title module ... on NewsItem {{ summary }} }} }}
      search(text: "grünanlage") {{ title module }} }} }}"""
    body = (await stage.engine.execute(Operation(query=query))).body
    assert "errors" not in body, body
    assert "Drei" in str(body["data"]["city"]["feed"])
    assert "Drei" in str(body["data"]["city"]["search"])


async def test_atom_export_is_read_by_a_feed_reader(stage: Stage) -> None:
    reply = await atom(stage.context(), {}, {"category": "Umwelt"})
    parsed = feedparser.parse(reply.content)
    assert (parsed.bozo, parsed.version, parsed.feed.title) == (False, "atom10", "Aktuelles aus Teststadt: Umwelt")
    assert [entry.title for entry in parsed.entries] == ["Drei", "Zwei"]
    root = ElementTree.fromstring(reply.content)
    ids = [UUID(one.text or "").version is not None for one in root.iter("{http://www.w3.org/2005/Atom}id")]
    assert len(ids) == 3
    empty = await atom(stage.context(), {}, {"category": "nirgends"})
    assert feedparser.parse(empty.content).entries == []


async def test_preview_shows_the_home_answer_in_the_readers_language(stage: Stage) -> None:
    assert plugin.home is not None
    data = await stage.ask(plugin.home.selection, "de")
    shown = str(fragment(REGISTRY.plugins["news"], stage.context(), data))
    assert shown.count('<li class="item">') == 3
    assert "Umwelt" in shown
    assert "Quelle: Rathaus" in shown
    foreign = str(fragment(REGISTRY.plugins["news"], stage.context("tr"), await stage.ask(plugin.home.selection, "tr")))
    assert foreign.count('lang="de"') == 3
    assert "keine Meldungen" in str(fragment(REGISTRY.plugins["news"], stage.context(), {"latest": []}))


async def test_what_several_sources_have_in_common_is_shown_once(database: Database, tmp_path: Path) -> None:
    """Feeds of one editorial system: for all, and for a topic. Where one has no more of it, the other's counts."""
    item = """<item><title>{}</title><link>https://city.example/{}</link><guid isPermaLink="false">{}</guid>
        <pubDate>Sun, 22 Nov 2026 0{}:00:00 GMT</pubDate>{}</item>"""
    rss = '<rss version="2.0"><channel>{}</channel></rss>'
    topic = "<category>Rad</category>"
    press = [item.format("Radweg", "1", "a", 9, ""), item.format("Fest", "2", "b", 8, "")]
    bikes = [item.format("Radweg", "1", "c", 9, topic), item.format("Alle Radwege", "2", "d", 7, topic)]
    sources = [{"id": name, "kind": "feed", "file": f"{name}.xml", "complete": True} for name in ("press", "bikes")]
    stage = Stage(database, tmp_path, {"sources": sources})
    await stage.bring(press_xml=rss.format("".join(press)), bikes_xml=rss.format("".join(bikes)))
    titles = ["Radweg", "Fest", "Alle Radwege"]
    selection = "latest { title } items { totalCount nodes { title } } categories { name count }"
    all_of_them = await stage.ask(selection)
    assert [one["title"] for one in all_of_them["latest"]] == titles
    assert (all_of_them["items"]["totalCount"], all_of_them["categories"]) == (3, [{"name": "Rad", "count": 2}])
    of_topic = await stage.ask('latest(category: "Rad") { title }')
    assert [one["title"] for one in of_topic["latest"]] == ["Radweg", "Alle Radwege"]
    for left in (press[1:], press):
        await stage.bring(press_xml=rss.format("".join(left)), bikes_xml=rss.format("".join(bikes)))
        assert [one["title"] for one in (await stage.ask("latest { title }"))["latest"]] == titles
    await stage.bring(press_xml=rss.format("".join(press)), bikes_xml=rss.format(bikes[1]))
    assert [one["title"] for one in (await stage.ask("latest { title }"))["latest"]] == titles
