"""The life of an item: nobody sees drafts, everybody sees what is published, and nothing of the history is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allmende.content.diff import differences
from allmende.content.items import (
    Conflict,
    archive,
    create,
    discard,
    events,
    find,
    give_back,
    publish,
    restore,
    save,
    submit,
    versions,
)
from allmende.content.listing import counts, items
from allmende.content.values import Incomplete
from allmende.errors import InputError, NotFound
from allmende.testing import Town

from .newsroom import desk, news, published, titles

EVERYWHERE = (
    'news { latest { title } items { totalCount } categories { name } } search(text: "schwimmbad") { title }'
    " feed { nodes { title } } changes { items { id } }"
)


@pytest.fixture
def newsroom(town: Town) -> Town:
    town.switch_on("news")
    return town


async def test_a_draft_shows_in_no_api_and_what_is_published_shows_in_all(newsroom: Town) -> None:
    at, values = desk(newsroom), news(categories=["Bäder"])
    async with at.ctx.transaction() as session:
        item = await create(session, at, values)
        await submit(session, at, item)
    empty = await newsroom.ask(EVERYWHERE)
    assert (empty["news"]["items"]["totalCount"], empty["search"], empty["feed"]["nodes"]) == (0, [], [])
    assert (empty["news"]["categories"], empty["changes"]["items"]) == ([], [])
    async with at.ctx.transaction() as session:
        await publish(session, at, await find(session, at, item.id, write=True))
    full, hit = await newsroom.ask(EVERYWHERE), [{"title": "Schwimmbad offen"}]
    assert (full["news"]["latest"], full["search"], full["feed"]["nodes"]) == (hit, hit, hit)
    assert (full["news"]["categories"], len(full["changes"]["items"])) == ([{"name": "Bäder"}], 1)


async def test_what_is_shown_is_safe_html_with_its_source_and_picture(newsroom: Town) -> None:
    picture = {"url": "https://town.example/bad.jpg", "alt": "Das Becken", "credit": "Stadt", "x": 0.25, "y": 0.5}
    await published(newsroom, news(text="Ab **Montag** <script>alert(1)</script>\n\n- eins\n- zwei", images=[picture]))
    answer = await newsroom.ask(
        "news { latest { text html summary source { title } image { url alt focusX focusY } } }"
    )
    item = answer["news"]["latest"][0]
    assert item["html"].startswith("<p>Ab <strong>Montag</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>")
    assert item["text"] == "Ab Montag <script>alert(1)</script>\n• eins\n• zwei"
    assert item["source"] == {"title": "Teststadt"}
    assert item["image"] == {"url": picture["url"], "alt": "Das Becken", "focusX": 0.25, "focusY": 0.5}


async def test_citizens_see_the_published_version_until_the_next_one_is_published(newsroom: Town) -> None:
    item = await published(newsroom, news())
    at = desk(newsroom, by="Ben")
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id, write=True)
        await save(session, at, item, news("Schwimmbad zu"), seen=1)
        assert (item.state, item.live, item.version, item.updated_by) == ("draft", 1, 2, "Ben")
    assert await titles(newsroom) == ["Schwimmbad offen"]
    async with at.ctx.transaction() as session:
        await publish(session, at, await find(session, at, item.id, write=True))
    assert await titles(newsroom) == ["Schwimmbad zu"]


async def test_the_id_and_the_date_of_publication_stay_over_all_versions(newsroom: Town) -> None:
    item = await published(newsroom, news())
    selection = "news { latest { id publishedAt title } }"
    before = (await newsroom.ask(selection))["news"]["latest"][0]
    newsroom.wait(days=2)
    at = desk(newsroom)
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id, write=True)
        await save(session, at, item, news("Neu"), seen=1)
        await publish(session, at, item)
    after = (await newsroom.ask(selection))["news"]["latest"][0]
    assert after == {**before, "title": "Neu"}


async def test_archived_means_gone_everywhere_and_phones_are_told(newsroom: Town) -> None:
    item = await published(newsroom, news(categories=["Bäder"]))
    cursor = (await newsroom.ask("changes { cursor }"))["changes"]["cursor"]
    at = desk(newsroom)
    async with at.ctx.transaction() as session:
        await archive(session, at, await find(session, at, item.id, write=True))
    gone = await newsroom.ask(EVERYWHERE)
    assert (gone["news"]["latest"], gone["search"], gone["feed"]["nodes"]) == ([], [], [])
    since = await newsroom.ask(f'changes(since: "{cursor}") {{ items {{ id deleted }} }}')
    assert [one["deleted"] for one in since["changes"]["items"]] == [True]


async def test_two_who_edit_the_same_are_told_and_nothing_is_lost(newsroom: Town) -> None:
    at = desk(newsroom)
    async with at.ctx.transaction() as session:
        item = await create(session, at, news())
    async with at.ctx.transaction() as session:
        await save(session, at, await find(session, at, item.id, write=True), news("Von Ben"), seen=1)
    with pytest.raises(Conflict) as caught:
        async with at.ctx.transaction() as session:
            await save(session, at, await find(session, at, item.id, write=True), news("Von Ada"), seen=1)
    assert (caught.value.code, caught.value.theirs.title, caught.value.theirs.version) == ("CONFLICT", "Von Ben", 2)


async def test_versions_are_kept_compared_and_restored(newsroom: Town) -> None:
    at = desk(newsroom)
    async with at.ctx.transaction() as session:
        item = await create(session, at, news())
        await save(session, at, item, news("Schwimmbad zu"), seen=1)
        assert not await save(session, at, item, news("Schwimmbad zu"), seen=2)
        newest, first = await versions(session, item.id)
        changed = differences(at.type, first.values, newest.values)
        assert [(one.field.name, one.language, one.parts) for one in changed] == [
            ("title", "de", (("same", "Schwimmbad "), ("removed", "offen"), ("added", "zu")))
        ]
        await restore(session, at, item, 1, seen=2)
        assert [(v.number, v.action, v.title) for v in await versions(session, item.id)] == [
            (3, "restored", "Schwimmbad offen"),
            (2, "saved", "Schwimmbad zu"),
            (1, "created", "Schwimmbad offen"),
        ]
        with pytest.raises(NotFound):
            await restore(session, at, item, 9, seen=3)


async def test_what_is_missing_or_wrong_is_named_field_by_field(newsroom: Town) -> None:
    at = desk(newsroom)
    with pytest.raises(Incomplete) as caught:
        async with at.ctx.transaction() as session:
            await create(session, at, news(title="x" * 301))
    assert [(one.field, one.code, one.language) for one in caught.value.faults] == [("title", "too_long", "de")]
    picture = {"url": "https://town.example/1.jpg", "alt": " ", "credit": "", "x": 0.5, "y": 0.5}
    for wrong, code in (({"images": [picture]}, "no_alt"), ({"url": "javascript:alert(1)"}, "bad_link")):
        with pytest.raises(Incomplete) as caught:
            async with at.ctx.transaction() as session:
                await create(session, at, news(**wrong))
        assert [one.code for one in caught.value.faults] == [code]
    with pytest.raises(Incomplete) as caught:
        async with at.ctx.transaction() as session:
            await publish(session, at, await create(session, at, news(text="")))
    assert [(one.field, one.code) for one in caught.value.faults] == [("text", "missing")]
    assert await titles(newsroom) == []


async def test_a_translated_item_is_shown_in_each_language_with_the_own_one_where_a_text_is_missing(
    newsroom: Town,
) -> None:
    values = news(title="Bad", text="Offen.", summary={"de": "Kurz"})
    values["title"]["en"], values["text"]["en"] = "Pool", "Open."
    await published(newsroom, values)
    selection = "news { latest { title text summary language } }"
    german = (await newsroom.ask(selection, language="de"))["news"]["latest"]
    english = (await newsroom.ask(selection, language="en"))["news"]["latest"]
    assert german == [{"title": "Bad", "text": "Offen.", "summary": "Kurz", "language": "de"}]
    assert english == [{"title": "Pool", "text": "Open.", "summary": "Kurz", "language": "en"}]


async def test_placeholders_become_the_citys_own(newsroom: Town) -> None:
    await published(newsroom, news("Willkommen in {city}", "Schreiben Sie an {town_hall} {nonsense}."))
    answer = await newsroom.ask("news { latest { title text } }")
    item = answer["news"]["latest"][0]
    assert item == {"title": "Willkommen in Teststadt", "text": "Schreiben Sie an Teststadt {nonsense}."}


async def test_the_history_says_who_did_what(newsroom: Town) -> None:
    ada, ben = desk(newsroom, by="Ada"), desk(newsroom, by="Ben")
    async with ada.ctx.transaction() as session:
        item = await create(session, ada, news())
        await submit(session, ada, item)
        newsroom.wait(minutes=1)
        await give_back(session, ben, item, "Bitte kürzer")
        newsroom.wait(minutes=1)
        await submit(session, ada, item)
        newsroom.wait(minutes=1)
        await publish(session, ben, item)
        done = [(one.by, one.action, one.note) for one in await events(session, item.id)]
    assert done == [
        ("Ben", "published", ""),
        ("Ada", "submitted", ""),
        ("Ben", "given_back", "Bitte kürzer"),
        ("Ada", "submitted", ""),
    ]


async def test_only_what_is_archived_or_was_never_published_can_be_deleted(newsroom: Town) -> None:
    item = await published(newsroom, news())
    at = desk(newsroom)
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id, write=True)
        with pytest.raises(InputError):
            await discard(session, at, item)
        await archive(session, at, item)
        await discard(session, at, item)
    async with at.ctx.transaction() as session:
        with pytest.raises(NotFound):
            await find(session, at, item.id)
        assert await versions(session, item.id) == []


async def test_items_are_found_by_state_and_by_words_as_the_search_folds_them(newsroom: Town) -> None:
    at = desk(newsroom)
    await published(newsroom, news("Straßenfest"))
    async with at.ctx.transaction() as session:
        await create(session, at, news("Müllabfuhr verschoben"))
        found = await items(session, at, text="muell")
        assert ([item.title for item in found.rows], found.total) == (["Müllabfuhr verschoben"], 1)
        assert [item.title for item in (await items(session, at, state="live")).rows] == ["Straßenfest"]
        assert [item.title for item in (await items(session, at, text="strasse")).rows] == ["Straßenfest"]
        assert await counts(session, at) == {"published": 1, "draft": 1}


async def test_another_city_sees_and_finds_nothing_of_it(newsroom: Town) -> None:
    item = await published(newsroom, news())
    other = newsroom.neighbour()
    other.switch_on("news")
    at = desk(other)
    async with at.ctx.transaction() as session:
        assert (await items(session, at)).total == 0
        with pytest.raises(NotFound):
            await find(session, at, item.id)
    assert await titles(other) == []


async def test_times_that_do_not_go_together_are_refused(newsroom: Town) -> None:
    with pytest.raises(InputError, match="until"):
        await published(newsroom, news(), until=newsroom.now - timedelta(hours=1))
