"""Editors and publishers at the desk, with forms alone: what they write, see, decide, and what they may not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allmende.content.items import save
from allmende.content.tables import ContentItem, ContentVersion
from allmende.files.tables import FileUpload
from allmende.files.upload import tidy
from allmende.testing import Town, make_city, make_context
from sqlalchemy import select

from plugins.news.config import NewsConfig
from tests.content.newsroom import FEED, SOURCE, desk, news, titles
from tests.desk.conftest import Hire
from tests.desk.staff import Staff, words
from tests.feeds.server import answer, serving

NEWS = "content/news/item"
EDITOR = ("content.read", "content.edit")
PUBLISHER = (*EDITOR, "content.publish", "content.share")
TEXT = {"f-title.de": "Schwimmbad offen", "f-text.de": "Das Bad öffnet am **Montag**."}


@pytest.fixture
def newsroom(town: Town) -> Town:
    town.switch_on("news")
    return town


async def written(staff: Staff, **more: str) -> str:
    """A new draft; the path of its page."""
    answer = await staff.post(f"{NEWS}/new", **{**TEXT, **more})
    assert answer.status_code == 303, words(answer.text)[:800]
    return str(answer.headers["location"]).partition("/desk/")[2]


async def test_an_editor_writes_and_submits_and_a_publisher_publishes(hire: Hire, newsroom: Town) -> None:
    editor, publisher = hire(*EDITOR), hire(*PUBLISHER)
    path = await written(editor)
    assert "Entwurf" in await editor.text(path)
    assert (await editor.post(f"{path}/do", action="publish")).status_code == 403
    assert "Wartet auf Prüfung" in await editor.done(f"{path}/do", action="submit")
    assert "Meldungen zu prüfen" in await publisher.text()
    assert "Schwimmbad offen" in await publisher.text(NEWS, state="review")
    assert await titles(newsroom) == []
    assert "Veröffentlicht" in await publisher.done(f"{path}/do", action="publish")
    assert await titles(newsroom) == ["Schwimmbad offen"]


async def test_roles_hold_for_one_plugin_or_all_and_nobody_else_gets_in(hire: Hire, newsroom: Town) -> None:
    assert (await hire("content.edit:news", "content.read:news").get(f"{NEWS}/new")).status_code == 200
    for permissions in ((), ("content.read:events", "content.edit:events"), ("cases.work",)):
        staff = hire(*permissions)
        for path in (NEWS, f"{NEWS}/new", "shared"):
            assert (await staff.get(path)).status_code == 403
        assert "/desk/content/news" not in (await staff.get()).text
    assert (await hire("content.read").post(f"{NEWS}/new", **TEXT)).status_code == 403


async def test_what_is_wrong_stands_beside_the_field_and_nothing_typed_is_lost(hire: Hire, newsroom: Town) -> None:
    staff = hire(*EDITOR)
    wrong = {"f-title.de": "", "f-text.de": "Bleibt stehen", "f-url": "javascript:alert(1)"}
    answer = await staff.post(f"{NEWS}/new", **wrong)
    said = words(answer.text)
    assert answer.status_code == 422
    assert ("Überschrift: Diese Angabe fehlt." in said, "Das ist keine Internetadresse" in said) == (True, True)
    assert ("Bleibt stehen" in answer.text, 'value="javascript:alert(1)"' in answer.text) == (True, True)
    assert re.search(r'id="f-f-title.de" name="f-title.de" required aria-invalid="true"', answer.text)


async def test_saving_over_somebody_elses_version_shows_both_texts(hire: Hire, newsroom: Town) -> None:
    staff = hire(*EDITOR)
    path = await written(staff)
    await staff.done(path, seen="1", **{**TEXT, "f-title.de": "Von Ben"})
    answer = await staff.post(path, seen="1", **{**TEXT, "f-title.de": "Von Ada"})
    said = words(answer.text)
    assert answer.status_code == 409
    assert ("Inzwischen gespeichert Von Ben" in said, "Ihr Text Von Ada" in said) == (True, True)
    hidden = dict(re.findall(r'<input type="hidden" name="(f-[^"]+|seen)" value="([^"]*)"', answer.text))
    assert "Gespeichert" in await staff.done(path, **hidden)
    assert 'value="Von Ada"' in (await staff.get(path)).text


async def test_what_is_typed_is_kept_for_its_author_alone_and_answered_with_hints(hire: Hire, newsroom: Town) -> None:
    staff, path = hire(*EDITOR), ""
    path = await written(staff)
    long = "Die Verwaltungsmodernisierungsangelegenheit erfordert umfangreiche Koordinierungsmaßnahmen. " * 5
    answer = await staff.post(f"{path}/typed", seen="1", **{**TEXT, "f-text.de": long + " {unsinn}"})
    said = words(answer.text)
    assert (answer.status_code, "Schwer zu lesen" in said, "{unsinn}" in said) == (200, True, True)
    assert "Verwaltungsmodernisierungsangelegenheit" in said
    assert "ungespeicherten Text" in await staff.text(path)
    assert "Koordinierungsmaßnahmen" in (await staff.get(path, typed="1")).text
    await staff.done(path, seen="1", **{**TEXT, "f-title.de": "Neu"})
    assert "ungespeicherten Text" not in await staff.text(path)


async def test_what_is_typed_for_a_new_item_is_there_again_whatever_was_published_meanwhile(
    hire: Hire, newsroom: Town
) -> None:
    staff = hire(*PUBLISHER)
    await staff.done(f"{NEWS}/new", then="publish", **TEXT)
    typed = await staff.post(f"{NEWS}/new/typed", seen="0", **{**TEXT, "f-title.de": "Angefangen"})
    assert (typed.status_code, "Zwischengespeichert" in typed.text) == (200, True)
    assert "Weiterschreiben" in await staff.text(f"{NEWS}/new")
    assert 'value="Angefangen"' in (await staff.get(f"{NEWS}/new", typed="1")).text


async def test_what_was_typed_before_somebody_else_saved_does_not_overwrite_it(hire: Hire, newsroom: Town) -> None:
    staff = hire(*EDITOR)
    path = await written(staff)
    await staff.post(f"{path}/typed", seen="1", **{**TEXT, "f-title.de": "Von Ada"})
    async with newsroom.context("news").transaction() as session:  # somebody else
        item = (await session.scalars(select(ContentItem))).one()
        await save(session, desk(newsroom), item, news("Von Ben"), 1)
    taken = (await staff.get(path, typed="1")).text
    form = dict(re.findall(r'name="(seen|f-title.de)"[^>]* value="([^"]*)"', taken))
    assert form == {"seen": "1", "f-title.de": "Von Ada"}
    assert (await staff.post(path, **{**TEXT, **form})).status_code == 409


async def test_versions_are_compared_and_restored(hire: Hire, newsroom: Town) -> None:
    staff = hire(*EDITOR)
    path = await written(staff)
    await staff.done(path, seen="1", **{**TEXT, "f-title.de": "Schwimmbad zu"})
    page = (await staff.get(f"{path}/history")).text
    assert "Schwimmbad <del>offen</del><ins>zu</ins>" in page
    assert "Fassung 1 ist wiederhergestellt" in await staff.done(f"{path}/history", number="1", seen="2")
    assert 'value="Schwimmbad offen"' in (await staff.get(path)).text


async def test_the_preview_is_what_the_plugin_shows_of_the_unsaved_text(hire: Hire, newsroom: Town) -> None:
    staff = hire(*EDITOR)
    path = await written(staff)
    answer = await staff.post(f"{path}/preview", **{**TEXT, "f-title.de": "Noch nicht gespeichert"})
    assert '<li class="item">' in answer.text
    assert "Noch nicht gespeichert" in answer.text
    assert "Quelle: Teststadt" in words(answer.text)
    assert "Schwimmbad offen" in await staff.text(f"{path}/preview")
    assert "Diese Angabe fehlt" in words((await staff.post(f"{NEWS}/new/preview", **{"f-title.de": "x"})).text)
    async with newsroom.context("news").session() as session:
        assert len((await session.scalars(select(ContentVersion))).all()) == 1


async def test_something_is_published_later_and_for_a_time(hire: Hire, newsroom: Town) -> None:
    staff = hire(*PUBLISHER)
    path = await written(staff)
    said = await staff.done(f"{path}/do", action="publish", at="2026-12-01T08:00", until="2026-12-24T12:00")
    assert ("Eingeplant: Schwimmbad" in said, "1. Dez. 2026" in said, await titles(newsroom)) == (True, True, [])
    refused = await staff.post(f"{path}/do", action="publish", at="2026-12-01T08:00", until="2026-11-30T08:00")
    assert (refused.status_code, "Das Ende liegt vor dem Anfang" in refused.text) == (422, True)


async def test_many_are_done_at_once_and_one_that_cannot_be_keeps_none_from_it(hire: Hire, newsroom: Town) -> None:
    staff = hire(*PUBLISHER)
    paths = [await written(staff, **{"f-title.de": f"Nummer {n}"}) for n in range(3)]
    unready = await staff.post(f"{NEWS}/new", **{"f-title.de": "Leer"})
    paths.append(unready.headers["location"])
    ids = [path.rpartition("/")[2] for path in paths]
    said = await staff.done(NEWS, action="publish", id=ids)
    assert "3 Einträge bearbeitet; bei 1 ging es nicht" in said
    assert sorted(await titles(newsroom)) == ["Nummer 0", "Nummer 1", "Nummer 2"]
    assert "Bitte wählen Sie" in await staff.done(NEWS, action="archive")


async def test_a_picture_is_uploaded_with_its_text_and_focus(hire: Hire, newsroom: Town, picture: bytes) -> None:
    staff = hire(*PUBLISHER)
    upload = {"f-images.0.file": ("bad.png", picture, "image/png")}
    answer = await staff.post(f"{NEWS}/new", files=upload, **TEXT)
    assert (answer.status_code, "Sagen Sie, was auf dem Bild zu sehen ist" in answer.text) == (422, True)
    alt = {"f-images.0.alt": "Das Becken", "f-images.0.x": "25", "f-images.0.y": "50"}
    said = await staff.done(f"{NEWS}/new", files=upload, then="publish", **TEXT, **alt)
    assert "Veröffentlicht" in said
    image = (await newsroom.ask("news { latest { image { url alt focusX focusY } } }"))["news"]["latest"][0]["image"]
    assert (await staff.client.get(image["url"])).headers["content-type"] == "image/jpeg"
    assert re.fullmatch(r"/teststadt/files/[0-9a-f]{32}/full.jpg", image.pop("url"))
    assert image == {"alt": "Das Becken", "focusX": 0.25, "focusY": 0.5}
    assert await public(newsroom) == [True]
    page = re.findall(r'href="/teststadt/desk/(content/news/item/item/[0-9a-f]{32})"', (await staff.get(NEWS)).text)[0]
    assert 'class="thumb" src="/teststadt/files/' in (await staff.get(page)).text
    await staff.done(f"{page}/do", action="archive")
    assert await public(newsroom) == [False]
    bad = await staff.post(f"{NEWS}/new", files={"f-images.0.file": ("x.png", b"no picture", "image/png")}, **TEXT)
    assert (bad.status_code, "kein Bild, das sich verwenden" in bad.text) == (422, True)


def test_an_address_on_this_server_is_absolute_where_the_city_has_a_host_name() -> None:
    path = "/teststadt/files/1/full.jpg"
    named = make_context("news", NewsConfig(), city=make_city(hosts=("app.teststadt.example",)))
    assert (
        make_context("news", NewsConfig()).address(path),
        named.address(path),
        named.address("https://other.example/1.jpg"),
    ) == (
        path,
        f"https://app.teststadt.example{path}",
        "https://other.example/1.jpg",
    )


async def public(town: Town) -> list[bool]:
    """Of the pictures that belong to something, whether citizens may fetch them."""
    async with town.context("news").session() as session:
        return list(await session.scalars(select(FileUpload.public).where(FileUpload.owner != "")))


async def test_an_imported_item_is_corrected_and_the_desk_shows_what_differs(hire: Hire, town: Town) -> None:
    town.write("data/news.xml", FEED.format(title="Schwimbad zu", text="Bis Montag."))
    town.switch_on("news", SOURCE)
    await town.load("news")
    staff = hire(*EDITOR)
    page = (await staff.get(f"{NEWS}/imported")).text
    path = re.findall(r'href="/teststadt/desk/([^"]+/imported/[0-9a-f]{32})"', page)[0]
    form = dict(re.findall(r'name="(f-[^"]+)" value="([^"]*)"', (await staff.get(path)).text))
    form |= {"f-text": "Bis Montag.", "f-summary": "Bis Montag.", "f-title": "Schwimmbad zu"}
    said = await staff.done(path, action="correct", seen="0", **form)
    assert ("Quelle Schwimbad zu" in said, await titles(town)) == (True, ["Schwimmbad zu"])
    assert "Was von der Quelle abweicht Überschrift" in said
    assert ("Text Quelle" in said, "Korrigiert" in await staff.text(f"{NEWS}/imported", only="corrected")) == (
        False,
        True,
    )
    town.wait(hours=1)
    town.write("data/news.xml", FEED.format(title="Bad auf", text="Bis Montag."))
    await town.load("news")
    assert "Quelle hat sich geändert" in await staff.text(f"{NEWS}/imported", only="changed")
    assert "Die Quelle sagt inzwischen etwas anderes" in await staff.text(path)
    assert "Die Korrektur bleibt" in await staff.done(path, action="keep")
    assert "Es gilt wieder" in await staff.done(path, action="undo")
    assert await titles(town) == ["Bad auf"]


async def test_pictures_elsewhere_are_shown_by_the_desk_itself_and_replaced_by_a_correction(
    hire: Hire, town: Town, picture: bytes
) -> None:
    with serving(answer(200, picture, Content_Type="image/png")) as server:
        town.reach("127.0.0.1", server.port)
        elsewhere = f"http://127.0.0.1:{server.port}/bad.png"
        item = f'<enclosure url="{elsewhere}" type="image/png" length="1"/></item>'
        town.write("data/news.xml", FEED.format(title="Bad zu", text="-").replace("</item>", item))
        town.switch_on("news", SOURCE)
        await town.load("news")
        staff = hire(*PUBLISHER)
        page = (await staff.get(f"{NEWS}/imported")).text
        path = re.findall(r'href="/teststadt/desk/([^"]+/imported/[0-9a-f]{32})"', page)[0]
        page = (await staff.get(path)).text
        thumb = re.findall(r'class="thumb" src="([^"]+)"', page)[0].replace("&amp;", "&")
        assert thumb == f"/teststadt/desk/{path}/picture?n=0"
        for _ in range(2):
            shown = await staff.get(thumb)
            assert (shown.headers["content-type"], shown.content[:2]) == ("image/jpeg", b"\xff\xd8")
        assert [request.get("cookie", "") for request in server.requests] == [""]  # once, and by nobody
        assert (await hire("cases.work").get(thumb)).status_code == 403
        for wrong in ("1", "-1", "x"):
            assert (await staff.get(f"{path}/picture", n=wrong)).status_code == 404
        written = {"f-images.0.url": elsewhere, "f-images.0.alt": "Das Becken"}
        own = (await staff.post(f"{NEWS}/new", **TEXT, **written)).headers["location"]
        assert (await staff.get(f"{own}/picture", n="0")).content == shown.content
    upload = {"f-images.0.file": ("neu.png", picture, "image/png")}
    form = {"f-title": "Bad zu", "f-text": "-", "f-summary": "-", "f-images.0.alt": "Neu", "seen": "0"}
    await staff.done(path, files=upload, action="correct", **form)
    image = (await town.ask("news { latest { image { url alt } } }"))["news"]["latest"][0]["image"]
    assert (image["alt"], (await staff.client.get(image["url"])).status_code) == ("Neu", 200)
    await staff.done(path, action="undo")
    assert (await town.ask("news { latest { image { url } } }"))["news"]["latest"][0]["image"]["url"] == elsewhere
    assert (await staff.client.get(image["url"])).status_code == 404


async def test_an_offer_goes_to_a_neighbour_who_takes_it_and_loses_it_when_it_is_withdrawn(
    hire: Hire, newsroom: Town
) -> None:
    south = newsroom.neighbour("suedstadt")
    south.switch_on("news")
    staff, there = hire(*PUBLISHER), hire(*PUBLISHER, city="suedstadt")
    path = await written(staff, **{"f-title.de": "Gruß aus {city}"})
    assert "Anbieten lässt sich nur" in await staff.text(f"{path}/share")
    await staff.done(f"{path}/do", action="publish")
    assert "Suedstadt Wartet dort" in await staff.done(f"{path}/share", to="suedstadt", action="offer")
    page = (await there.get("shared")).text
    offer = re.findall(r'href="/suedstadt/desk/(shared/[0-9a-f]{32})"', page)[0]
    assert "Meldung aus Teststadt" in await there.text(offer)
    accepted = await there.post(offer, action="accept")
    local = accepted.headers["location"]
    assert "Dieser Inhalt stammt aus Teststadt" in await there.text(local)
    await there.done(f"{local}/do", action="publish")
    assert await titles(south) == ["Gruß aus Suedstadt"]
    await staff.done(path, seen="1", then="publish", **{**TEXT, "f-title.de": "Neuer Gruß aus {city}"})
    said = await there.text(offer)
    assert ("Was sich im Original geändert hat" in said, "Original geändert" in await there.text("shared")) == (
        True,
        True,
    )
    assert "Die Änderungen sind im Entwurf" in await there.done(offer, action="take")
    await there.done(f"{local}/do", action="publish")
    assert await titles(south) == ["Neuer Gruß aus Suedstadt"]
    await staff.done(f"{path}/do", action="archive")
    assert (await titles(newsroom), await titles(south)) == ([], [])
    assert "zurückgezogen" in await there.text(local)
    assert "Suedstadt" in await staff.text(f"{path}/share")


async def test_copies_keep_their_pictures_whatever_becomes_of_the_original(
    hire: Hire, newsroom: Town, picture: bytes
) -> None:
    south = newsroom.neighbour("suedstadt")
    south.switch_on("news")
    staff, there = hire(*PUBLISHER), hire(*PUBLISHER, city="suedstadt")
    upload = {"f-images.0.file": ("bad.png", picture, "image/png")}
    created = await staff.post(f"{NEWS}/new", files=upload, **TEXT, **{"f-images.0.alt": "Das Becken"})
    path = created.headers["location"]
    await staff.done(f"{path}/do", action="publish")
    copied = (await staff.post(f"{path}/do", action="copy")).headers["location"]
    await staff.done(f"{copied}/do", action="publish")
    await staff.done(f"{path}/share", to="suedstadt", action="offer")
    offer = re.findall(r'href="/suedstadt/desk/(shared/[0-9a-f]{32})"', (await there.get("shared")).text)[0]
    local = (await there.post(offer, action="accept")).headers["location"]
    assert 'class="thumb" src="/suedstadt/files/' in (await there.get(local)).text
    await there.done(f"{local}/do", action="publish")
    assert "gehört jetzt Ihrer Stadt" in await there.done(offer, action="cut_loose")
    await staff.done(f"{path}/do", action="archive")
    await staff.done(f"{path}/do", action="discard")
    instance = newsroom.instance
    await tidy(instance.database, instance.services.store, "teststadt", newsroom.now + timedelta(days=3))
    for town in (newsroom, south):
        (shown,) = (await town.ask("news { latest { image { url alt } } }"))["news"]["latest"]
        answer = await staff.client.get(shown["image"]["url"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg"), shown
        assert (shown["image"]["alt"], town.slug in shown["image"]["url"]) == ("Das Becken", True)


async def test_a_subscription_brings_the_pictures_along(hire: Hire, newsroom: Town, picture: bytes) -> None:
    south = newsroom.neighbour("suedstadt")
    south.switch_on("news")
    staff, there = hire(*PUBLISHER), hire(*PUBLISHER, city="suedstadt")
    await there.done("shared", origin="teststadt", kind="news/item", automatic="1")
    upload = {"f-images.0.file": ("bad.png", picture, "image/png")}
    await staff.done(f"{NEWS}/new", files=upload, then="publish", **TEXT, **{"f-images.0.alt": "Das Becken"})
    (shown,) = (await south.ask("news { latest { image { url } } }"))["news"]["latest"]
    assert (await staff.client.get(shown["image"]["url"])).status_code == 200


async def test_a_city_subscribes_to_a_category_and_publishes_it_by_itself(hire: Hire, newsroom: Town) -> None:
    south = newsroom.neighbour("suedstadt")
    south.switch_on("news")
    staff, there = hire(*PUBLISHER), hire(*PUBLISHER, city="suedstadt")
    form = {"origin": "teststadt", "kind": "news/item", "category": "Bäder", "automatic": "1"}
    assert "Bäder · wird sofort veröffentlicht" in await there.done("shared", **form)
    path = await written(staff, **{"f-categories": "Bäder\nSport"})
    await staff.done(f"{path}/do", action="publish")
    assert await titles(south) == ["Schwimmbad offen"]
    page = (await there.get("shared")).text
    stop = re.findall(r'action="/suedstadt/desk/(shared/subscriptions/[0-9a-f]{32})"', page)[0]
    assert "Abbestellt" in await there.done(stop)


async def test_every_text_of_the_pages_is_there_in_both_languages(hire: Hire, newsroom: Town) -> None:
    german, english = hire(*PUBLISHER), hire(*PUBLISHER, language="en")
    path = await written(german)
    for page in (NEWS, f"{NEWS}/imported", f"{NEWS}/new", path, f"{path}/history", f"{path}/share", "shared"):
        one, other = await german.text(page), await english.text(page)
        assert one != other
    assert "Headline" in await english.text(path)


async def test_every_state_action_and_event_has_its_words() -> None:
    """Keys that templates put together are all there, in both languages."""
    from allmende.content.items import STATES
    from allmende.desk.content.edit import NEEDED
    from allmende.desk.content.lists import BULK, FILTERS
    from allmende.desk.content.sharing import ACTIONS
    from allmende.desk.content.sharing import FILTERS as GOT
    from allmende.desk.render import words as say

    made = ("created", "saved", "restored", "received", "taken")
    done = "submitted given_back scheduled published archived expired over refused offered withdrawn received unlinked"
    keys = [
        *(f"content.state_{state}" for state in STATES),
        *(f"content.filter.{name}" for name in FILTERS),
        *(f"content.do.{name}" for name in (*NEEDED, *BULK)),
        *(f"content.got.{name}" for name in GOT),
        *(f"content.history.{name}" for name in made),
        *(f"content.event.{name}" for name in done.split()),
    ]
    given = [f"content.said.{name}" for name in (*NEEDED, *ACTIONS)]
    for language in ("de", "en"):
        assert all(say(language, key) for key in keys)
        assert all(say(language, key, title="x") for key in given)
