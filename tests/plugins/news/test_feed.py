"""RSS and Atom in detail: pictures, dates, categories, identity, what may be deleted, and what is no feed at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allmende import Batch, FeedError, Payload
from allmende.testing import NOON, make_context, make_payload
from hypothesis import given
from hypothesis import strategies as st

from plugins.news.config import FeedSource, NewsConfig
from plugins.news.importers.dates import read_date
from plugins.news.importers.feed import read_feed
from plugins.news.tables import Item, ItemCategory

CTX = make_context("news", NewsConfig(keep_days=0))


def source(**options: Any) -> FeedSource:
    return FeedSource(id="feed", file="feed.xml", **options)


def rss(*entries: str, channel: str = "") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>T</title><link>https://city.example/news/</link>{channel}
{"".join(f"<item>{entry}</item>" for entry in entries)}</channel></rss>"""


def read(content: str | bytes, ctx: Any = CTX, **options: Any) -> Batch:
    return read_feed(make_payload(content, name="https://city.example/feed.xml"), source(**options), ctx)


def items(batch: Batch) -> list[Item]:
    return [row for row in batch.rows if isinstance(row, Item)]


def only(*entries: str, **options: Any) -> Item:
    (row,) = items(read(rss(*entries), **options))
    return row


def within(batch: Batch) -> str:
    return "" if batch.within is None else str(batch.within.compile(compile_kwargs={"literal_binds": True}))


def test_pictures_come_with_their_own_captions() -> None:
    row = only(
        """<title>T</title><description>Text</description>
        <media:group><media:content url="/a.jpg" type="image/jpeg" width="800" height="600">
        <media:title>Der Dom</media:title><media:description>Der Dom im Mai</media:description>
        <media:credit>Stadtarchiv</media:credit></media:content></media:group>
        <media:content url="https://city.example/b.png" medium="image"><media:description>Der Markt</media:description>
        </media:content><media:content url="https://city.example/film.mp4" type="video/mp4"/>
        <enclosure url="https://city.example/a.jpg" type="image/jpeg" length="1"/>
        <itunes:image href="https://city.example/c.jpg"/>"""
    )
    assert row.images == [
        {
            "url": "https://city.example/a.jpg",
            "alt": "Der Dom",
            "caption": "Der Dom im Mai",
            "credit": "Stadtarchiv",
            "width": 800,
            "height": 600,
        },
        {"url": "https://city.example/b.png", "caption": "Der Markt"},
        {"url": "https://city.example/c.jpg"},
    ]
    assert row.text == "Text"


def test_pictures_in_html_keep_alt_and_figcaption_and_trackers_are_none() -> None:
    row = only(
        """<title>T</title><content:encoded><![CDATA[<figure><img src="p/1.jpg" alt="Ein Baum" width="640">
        <figcaption>Die Linde <b>am Tor</b></figcaption></figure><p>Text</p>
        <img src="https://track.example/1.gif" width="1" height="1">
        <img src="data:image/gif;base64,R0">]]></content:encoded>
        <link>https://city.example/news/7</link>"""
    )
    assert row.images == [
        {"url": "https://city.example/news/p/1.jpg", "alt": "Ein Baum", "caption": "Die Linde am Tor", "width": 640}
    ]
    assert (row.html, row.text) == ("<p>Text</p>", "Text")


@pytest.mark.parametrize(
    "attributes",
    [
        'src="data:image/gif;base64,R0" data-src="/a.jpg"',
        'src="/placeholder.gif" data-lazy-src="/a.jpg"',
        'srcset="/klein,1.jpg 300w, /a.jpg 800w, /b.jpg 640w"',
        'src="data:image/gif;base64,R0" data-srcset="/b.jpg 1x, /a.jpg 2x"',
        'src="/a.jpg" srcset="/b.jpg 1600w"',
    ],
)
def test_pictures_that_pages_load_late_or_in_several_sizes_are_found(attributes: str) -> None:
    row = only(f"<title>T</title><description><![CDATA[<img {attributes}>]]></description>")
    assert [one["url"] for one in row.images] == ["https://city.example/a.jpg"]


def test_thumbnail_is_taken_where_there_is_nothing_better() -> None:
    row = only('<title>T</title><media:thumbnail url="https://city.example/t.jpg" width="90" height="60"/>')
    assert row.images == [{"url": "https://city.example/t.jpg", "width": 90, "height": 60}]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 23 Nov 2026 09:30:00 +0100", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 08:30:00 GMT", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-11-23T09:30:00+01:00", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-11-23T08:30:00Z", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-07-01T09:30:00", datetime(2026, 7, 1, 7, 30, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 21, 23, 0, tzinfo=UTC)),
        ("22.11.2026", datetime(2026, 11, 21, 23, 0, tzinfo=UTC)),
        ("So, 22.11.2026, 10:15 Uhr", datetime(2026, 11, 22, 9, 15, tzinfo=UTC)),
        ("Do, 15 Okt 2026 09:30:00 +0200", datetime(2026, 10, 15, 7, 30, tzinfo=UTC)),
        ("Di, 03 Mär 2026 09:30:00 +0100", datetime(2026, 3, 3, 8, 30, tzinfo=UTC)),
        ("15. Oktober 2026", datetime(2026, 10, 14, 22, 0, tzinfo=UTC)),
        ("Dienstag, 1. Dez. 2026, 10:15 Uhr", datetime(2026, 12, 1, 9, 15, tzinfo=UTC)),
        ("31. Februar 2026", None),
        ("15. Quark 2026", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Thu, 01 Jan 2099 00:00:00 GMT", None),
        ("0000-00-00T00:00:00Z", None),
        ("0001-01-01T00:00:00", None),
        ("31.02.2026", None),
        ("gestern", None),
        ("", None),
        (None, None),
    ],
)
def test_date_is_read_or_there_is_none(text: str | None, moment: datetime | None) -> None:
    """Without an offset it is the city's time; zero, never and the far future are no dates."""
    assert read_date(text, CTX) == moment


def test_item_without_or_with_an_absurd_date_is_kept() -> None:
    batch = read(rss("<title>A</title>", "<title>B</title><pubDate>Thu, 01 Jan 2099 00:00:00 GMT</pubDate>"))
    assert [(row.title, row.stated_at) for row in items(batch)] == [("A", None), ("B", None)]
    assert batch.refused == []


def test_expired_and_outdated_entries_are_refused_with_their_place() -> None:
    old = "<title>Old</title><pubDate>Mon, 24 Nov 2025 09:00:00 GMT</pubDate>"
    new = "<title>New</title><pubDate>Mon, 23 Nov 2026 09:00:00 GMT</pubDate>"
    over = "<title>Over</title><expirationDate>Sun, 22 Nov 2026 09:00:00 GMT</expirationDate>"
    batch = read(rss(new, old, over), keep_days=30)
    (row,) = items(batch)
    assert (row.title, row.expires_at) == ("New", datetime(2026, 12, 23, 9, 0, tzinfo=UTC))
    (refusal,) = batch.refused
    assert refusal.place == 'entry 2 "Old" and 1 more'
    assert refusal.reason == "is older than news is kept (keep_days = 30), or has expired"


def test_categories_are_mapped_dropped_and_added() -> None:
    batch = read(
        rss("<title>A</title><category>SPORT </category><category>intern</category><category>Kultur</category>"),
        category="Rathaus",
        categories={"sport": "Sport & Freizeit", "Intern": ""},
    )
    (row,) = items(batch)
    assert row.categories == ["Rathaus", "Sport & Freizeit", "Kultur"]
    parts = [part for part in batch.rows if isinstance(part, ItemCategory)]
    assert [part.name for part in parts] == row.categories
    assert len({part.parent for part in parts}) == 1


def test_guid_is_the_key_else_the_link_else_a_fingerprint() -> None:
    rows = items(
        read(
            rss(
                "<title>A</title><guid isPermaLink='false'>id-1</guid><link>https://city.example/1</link>",
                "<title>B</title><link>https://city.example/2</link>",
                "<title>C</title>",
            )
        )
    )
    assert [row.key for row in rows[:2]] == ["id-1", "https://city.example/2"]
    assert rows[2].key.startswith("#")


def test_guid_that_stands_for_several_pages_is_no_key() -> None:
    rows = items(
        read(
            rss(
                *(
                    f"<title>{n}</title><guid isPermaLink='false'>0</guid><link>https://city.example/{n}</link>"
                    for n in range(3)
                )
            )
        )
    )
    assert [row.key for row in rows] == [f"https://city.example/{n}" for n in range(3)]


def test_several_entries_with_one_link_and_no_guid_stay_several() -> None:
    rows = items(read(rss(*(f"<title>{n}</title><link>https://city.example/</link>" for n in range(3)))))
    assert len({row.key for row in rows}) == 3


def test_random_guids_give_stable_keys_when_told_so() -> None:
    def keys(guid: str) -> list[str]:
        entry = f"<title>A</title><guid isPermaLink='false'>{guid}</guid><link>https://city.example/1</link>"
        return [row.key for row in items(read(rss(entry), identity="link"))]

    assert keys("a81") == keys("f07") == ["https://city.example/1"]


def test_repeated_entry_is_kept_once_and_said_so() -> None:
    entry = "<title>{}</title><guid isPermaLink='false'>x</guid><pubDate>Mon, 2{} Nov 2026 09:00:00 GMT</pubDate>"
    batch = read(rss(entry.format("Old", 1), entry.format("New", 2)))
    assert [row.title for row in items(batch)] == ["New"]
    assert [str(refusal.place) for refusal in batch.refused] == ['entry 1 "Old"']


def dated(day: int, updated: int = 0) -> str:
    return f"<title>{day}</title><pubDate>Mon, {day:02} Nov 2026 09:00:00 GMT</pubDate>"


def test_feed_in_order_may_only_take_back_what_is_newer_than_its_oldest() -> None:
    assert "news_item.stated_at > '2026-11-20 09:00:00" in within(read(rss(dated(22), dated(21), dated(20))))


def test_feed_out_of_order_deletes_nothing_but_the_expired() -> None:
    text = within(read(rss(dated(20), dated(22), dated(21))))
    assert "stated_at >" not in text
    assert "expires_at <=" in text


def test_damaged_feed_deletes_nothing_and_says_where_it_breaks() -> None:
    batch = read(rss(dated(22), dated(21)).replace("</channel></rss>", "<item><title>half"), complete=True)
    assert "stated_at >" not in within(batch)
    assert {row.title for row in items(batch)} >= {"22", "21"}
    assert batch.refused[-1].place.startswith("line 5")
    assert "the XML is broken" in batch.refused[-1].reason


def test_empty_feed_deletes_nothing_and_says_so() -> None:
    batch = read(rss(), complete=True)
    assert [refusal.reason for refusal in batch.refused] == ["is sound, but has no entries"]
    assert "stated_at >" not in within(batch)


def test_complete_feed_may_delete_all_that_it_does_not_list() -> None:
    assert read(rss(dated(20)), complete=True).within is None


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<rss><channel><item><title>&lol2;</title></item></channel></rss>"""
FILE = """<?xml version="1.0"?>\n<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<rss><channel><item><title>&x;</title></item></channel></rss>"""
HIDDEN = (
    """<!-- <rss --><!DOCTYPE rss [<!ENTITY a "b">]><rss><channel><item><title>&a;</title></item></channel></rss>"""
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the document: is empty"),
        ("  \n ", "the document: is empty"),
        ('{"version": "https://jsonfeed.org/version/1.1"}', 'line 1: is JSON, not RSS or Atom.*kind = "jsonfeed"'),
        (
            "<!DOCTYPE html>\n<html><head><title>404 Not&nbsp;Found</title></head></html>",
            "line 2: is a web page titled",
        ),
        ("Service unavailable", "the document: has no element at all"),
        ("<opml version='2.0'><body/></opml>", "line 1: is <opml>, expected <rss>"),
        (BOMB, "line 1: declares XML entities"),
        (FILE, "line 2: declares XML entities"),
        (HIDDEN, "line 1: declares XML entities"),
        ("<rss><channel></rss>", "line 1, column 17: the XML is broken"),
    ],
)
def test_what_is_no_feed_is_refused_with_the_place(content: str, message: str) -> None:
    with pytest.raises(FeedError, match=message) as caught:
        read(content)
    assert caught.value.place


@pytest.mark.parametrize("prolog", ["\n\n  ", "<!-- made by hand -->\n", "\ufeff", "\x00\x08"])
def test_broken_prolog_does_not_matter(prolog: str) -> None:
    (row,) = items(read(prolog + rss("<title>Müll &amp; Wertstoffe</title>")))
    assert row.title == "Müll & Wertstoffe"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "iso-8859-15", "utf-16", "utf-8-sig"])
def test_declared_encoding_is_obeyed(encoding: str) -> None:
    text = rss(
        "<title>Straßenfest – schön</title>"
        if encoding not in ("iso-8859-1", "iso-8859-15")
        else "<title>schön</title>"
    )
    (row,) = items(read(text.replace("UTF-8", encoding.removesuffix("-sig")).encode(encoding)))
    assert row.title in ("Straßenfest – schön", "schön")


def test_undeclared_windows_1252_is_recognised_by_its_words() -> None:
    text = rss("<title>Straßenfest – schön</title>").replace(' encoding="UTF-8"', "")
    (row,) = items(read(text.encode("cp1252")))
    assert row.title == "Straßenfest – schön"


def test_wrongly_declared_latin_is_read_as_the_utf8_that_it_is() -> None:
    payload = Payload(
        content=rss("<title>schön</title>").encode(), name="x", encoding="iso-8859-1", fetched_at=NOON + timedelta()
    )
    assert items(read_feed(payload, source(), CTX))[0].title == "schön"


def test_language_is_the_configured_else_the_feeds_else_the_citys() -> None:
    english = rss("<title>A</title>", channel="<language>en-GB</language>")
    assert items(read(english))[0].language == "en"
    assert items(read(english, language="de"))[0].language == "de"
    assert only("<title>A</title>").language == "de"


def test_title_is_made_from_the_text_where_there_is_none() -> None:
    assert only("<description>Das Amt bleibt geschlossen.</description>").title == "Das Amt bleibt geschlossen."


def test_authors_are_not_kept() -> None:
    row = only("<title>A</title><author>erika@city.example (Erika M.)</author><dc:creator>Erika M.</dc:creator>")
    assert "Erika" not in repr(row.__dict__)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_read_twice_alike_and_never_runs(title: str, body: str) -> None:
    content = rss(
        f"<title><![CDATA[{title.replace(']]>', '')}]]></title>"
        f"<description><![CDATA[{body.replace(']]>', '')}]]></description>"
    )
    one, two = read(content), read(content)
    assert [fields(row) for row in one.rows] == [fields(row) for row in two.rows]
    assert [row.place for row in one.refused] == [row.place for row in two.refused]
    assert one.rows or one.refused
    assert all("<script" not in row.html.lower() for row in items(one))


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for whole in (content, b"<rss><channel><item><title>" + content + b"</title></item></channel></rss>"):
        assert said(whole)


def said(content: bytes) -> str:
    try:
        batch = read(content)
    except FeedError as error:
        return error.message
    return f"{len(batch.rows)} {len(batch.refused)}".replace("0 0", "")


def fields(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.__dict__.items() if not name.startswith("_")}
