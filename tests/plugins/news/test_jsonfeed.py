"""JSON Feed: what the specification allows comes in, each item that breaks it is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from allmende import Batch, FeedError
from allmende.testing import make_context, make_payload

from plugins.news.config import JsonFeedSource, NewsConfig
from plugins.news.importers.jsonfeed import read_jsonfeed
from plugins.news.tables import Item

CTX = make_context("news", NewsConfig(keep_days=0))
SOURCE = JsonFeedSource(id="feed", file="feed.json")


def feed(*items: Any, **top: Any) -> str:
    head = {"version": "https://jsonfeed.org/version/1.1", "title": "T", "home_page_url": "https://city.example/"}
    return json.dumps({**head, "items": items, **top})


def read(content: str) -> Batch:
    return read_jsonfeed(make_payload(content), SOURCE, CTX)


def items(batch: Batch) -> list[Item]:
    return [row for row in batch.rows if isinstance(row, Item)]


def test_item_comes_in_with_all_that_it_has() -> None:
    (row,) = items(
        read(
            feed(
                {
                    "id": 7,
                    "url": "/news/7",
                    "title": "Markt &amp; Musik",
                    "content_html": '<p>Text <a href="plan.html">Plan</a></p><script>x()</script>',
                    "summary": "Kurz.",
                    "image": "/a.jpg",
                    "date_published": "2026-05-04T10:00:00+02:00",
                    "date_modified": "2026-05-05T10:00:00",
                    "tags": ["Kultur", "Kultur", "Markt"],
                    "language": "en-GB",
                    "authors": [{"name": "Erika M."}],
                    "attachments": [
                        {"url": "/b.png", "mime_type": "image/png", "title": "Der Platz"},
                        {"url": "/c.mp3", "mime_type": "audio/mpeg"},
                    ],
                }
            )
        )
    )
    assert (row.key, row.url, row.title, row.summary) == ("7", "https://city.example/news/7", "Markt & Musik", "Kurz.")
    assert row.html == '<p>Text <a href="https://city.example/news/plan.html" rel="noopener noreferrer">Plan</a></p>'
    assert row.text == "Text Plan"
    assert row.stated_at == datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
    assert row.updated_at == datetime(2026, 5, 5, 8, 0, tzinfo=UTC)
    assert (row.categories, row.language) == (["Kultur", "Markt"], "en")
    assert row.images == [
        {"url": "https://city.example/a.jpg"},
        {"url": "https://city.example/b.png", "alt": "Der Platz"},
    ]
    assert "Erika" not in repr(row.__dict__)


def test_plain_text_becomes_paragraphs() -> None:
    (row,) = items(read(feed({"id": "1", "content_text": "Eins <b>\nzwei\n\ndrei"})))
    assert row.html == "<p>Eins &lt;b&gt;<br>zwei</p><p>drei</p>"
    assert row.title == "Eins <b> zwei drei"


def test_bad_items_are_named_and_the_others_come_in() -> None:
    batch = read(feed({"id": "1", "title": "A"}, {"id": "2"}, {"id": "3", "title": 5}, "nonsense", {"title": "B"}))
    assert [row.title for row in items(batch)] == ["A", "B"]
    assert [refusal.place for refusal in batch.refused] == ['items[1] id "2"', "items[2]", "items[3]"]
    assert "$.title" in next(refusal.reason for refusal in batch.refused if refusal.place == "items[2]")


def test_feed_without_items_says_so() -> None:
    assert [refusal.reason for refusal in read(feed()).refused] == ["is sound, but has no entries"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file: cannot be read as JSON Feed"),
        ("{", "the file: cannot be read as JSON Feed"),
        ("[]", "the file: cannot be read as JSON Feed"),
        ("null", "the file: cannot be read as JSON Feed"),
        ("<rss/>", 'the beginning: is XML or HTML, not JSON.*kind = "feed"'),
        ('{"type": "FeatureCollection"}', "version: is ''.*no JSON Feed"),
        ('{"version": "https://jsonfeed.org/version/1"}', "items: is missing"),
        ("[" * 100_000, "the file: cannot be read as JSON Feed"),
    ],
)
def test_what_is_no_json_feed_is_refused_with_the_place(content: str, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        read(content)
