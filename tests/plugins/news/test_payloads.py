"""Every real and every broken feed at hand, through the importer: it comes in, or is refused with the place."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from allmende import Batch, FeedError
from allmende.testing import make_context, make_payload

from plugins.news.config import FeedSource, NewsConfig
from plugins.news.importers.feed import read_feed
from plugins.news.tables import Item

DATA = Path(__file__).parents[3] / "../shared/data"
if not DATA.is_dir():
    pytest.skip("the folder of real payloads (../shared/data) is not here", allow_module_level=True)
SOURCE = FeedSource(id="feed", file="feed.xml")
CTX = make_context("news", NewsConfig(keep_days=0))
ATOM = "{http://www.w3.org/2005/Atom}"
KARLSRUHE = ("31211", "33575", "53137", "54833")
FILES = sorted([*(DATA / "news").iterdir(), *(DATA / "news_dirty").iterdir()])

YIELDS = {
    "karlsruhe_gremium_31211.atom.xml": 5,
    "karlsruhe_gremium_33575.atom.xml": 36,
    "karlsruhe_gremium_53137.atom.xml": 12,
    "karlsruhe_gremium_54833.atom.xml": 49,
    "example_atom03.xml": 1,
    "example_atom10.xml": 1,
    "example_basic_auth.xml": 1,
    "example_digest_auth.xml": 1,
    "example_http_base.xml": 1,
    "example_no_base.xml": 1,
    "example_rel-tag.xml": 1,
    "example_rss20.xml": 1,
    "example_xfn.xml": 1,
    "rss_item_category_image.xml": 1,
    "rss_item_description_escaped_markup.xml": 1,
}
"""File → items. Every other file has nothing that could be shown, and is refused as a whole or entry by entry."""


def read(path: Path, source: FeedSource = SOURCE) -> Batch:
    payload = msgspec.structs.replace(make_payload(path), encoding=source.encoding)
    return read_feed(payload, source, CTX)


def items(batch: Batch) -> list[Item]:
    return [row for row in batch.rows if isinstance(row, Item)]


def test_every_file_yields_its_items_or_is_refused_with_the_place() -> None:
    """Prints the table file × result."""
    found = {}
    for path in FILES:
        try:
            batch = read(path)
        except FeedError as error:
            found[path.name] = (0, f"refused: {error}" if error.place else "")
            continue
        assert batch.rows or batch.refused, f"{path.name}: silently nothing"
        assert all(refusal.place and refusal.reason for refusal in batch.refused)
        reasons = "; ".join(f"{refusal.place} {refusal.reason}" for refusal in batch.refused)
        found[path.name] = (len(items(batch)), reasons)
    width = max(map(len, found))
    print()  # noqa: T201
    for name, (count, reason) in found.items():
        print(f"{name:{width}}  {count:3}  {reason}")  # noqa: T201
    assert {name: count for name, (count, _) in found.items() if count} == YIELDS
    assert all(reason for count, reason in found.values() if not count)


@pytest.mark.parametrize("number", KARLSRUHE)
def test_karlsruhe_feed_has_the_figures_counted_without_the_importer(number: str) -> None:
    path = DATA / f"news/karlsruhe_gremium_{number}.atom.xml"
    entries = ElementTree.parse(path).getroot().findall(f"{ATOM}entry")
    raw = path.read_text()
    batch = read(path)
    rows = items(batch)
    assert len(rows) == len(entries) == len(re.findall(r"<entry>", raw))
    assert {row.key for row in rows} == {entry.findtext(f"{ATOM}id") for entry in entries}
    assert batch.refused == []
    for row, entry in zip(rows, entries, strict=True):
        assert row.stated_at == datetime.fromisoformat(str(entry.findtext(f"{ATOM}published"))).replace(microsecond=0)
        assert row.updated_at == datetime.fromisoformat(str(entry.findtext(f"{ATOM}updated"))).replace(microsecond=0)
        assert row.url == entry.find(f"{ATOM}link").attrib["href"]  # type: ignore[union-attr]
        labels = [one.attrib["label"] for one in entry.findall(f"{ATOM}category")]
        assert row.categories == list(dict.fromkeys(labels))
        # As many attachments as there are links in the entry, all of them safe to follow.
        assert row.html.count("<a href=") == str(entry.findtext(f"{ATOM}content")).count("<a href=")
        assert row.html.count("<a ") == row.html.count('rel="noopener noreferrer"')


@pytest.mark.parametrize("number", KARLSRUHE)
def test_karlsruhe_texts_have_no_entity_left_and_no_author(number: str) -> None:
    for row in items(read(DATA / f"news/karlsruhe_gremium_{number}.atom.xml")):
        for text in (row.title, row.summary, row.text):
            assert not re.search(r"&(amp|quot|lt|gt|#\d+);", text)
            assert "Liesegang" not in text


def test_karlsruhe_title_is_decoded() -> None:
    row = items(read(DATA / "news/karlsruhe_gremium_53137.atom.xml"))[0]
    assert row.title == 'Neuaufstellung des Teil-Flächennutzungsplanes "Windenergie"'
    assert row.text.splitlines()[:2] == [
        "Sitzung: Verbandsversammlung des Nachbarschaftsverbandes Karlsruhe",
        "Datum: 15. Juli 2013",
    ]


def test_twelve_entries_with_one_timestamp_stay_twelve() -> None:
    rows = items(read(DATA / "news/karlsruhe_gremium_53137.atom.xml"))
    assert len({row.key for row in rows}) == 12
    assert {row.stated_at for row in rows} == {datetime(2016, 10, 12, 7, 8, 40, tzinfo=UTC)}
    # The committee whose feed is titled with a number is named by that number, as the feed says it.
    assert {row.categories[0] for row in rows} == {"53137"}


@pytest.mark.parametrize(
    ("name", "encoding", "title"),
    [
        ("eucjp", "euc-jp", "ゲーム三昧な正月"),
        ("euckr", "euc-kr", "EUC-KR 에서 TypeKey 한글닉네임 표시하기"),
        ("koi8r", "koi8-r", "Как пережить новогоднюю ночь"),
        ("shiftjis", "shift_jis", "DrecomRSSに記事投稿が反映されない…"),
        ("windows1255", "windows-1255", "האם תדפיס נייר של אתר אינטרנט שמוצג על מסך משתמש הוא העתק נאמן למקור של אתר…"),
    ],
)
def test_undeclared_encoding_is_refused_and_right_once_configured(name: str, encoding: str, title: str) -> None:
    """Nothing garbled gets in: the message says which setting helps, and with it the text is right."""
    path = DATA / f"news_dirty/illformed_chardet_{name}.xml"
    with pytest.raises(FeedError, match=r"line \d+, byte \d+: .*set encoding = "):
        read(path)
    (row,) = items(read(path, FeedSource(id="feed", file="feed.xml", encoding=encoding)))
    assert row.title == title


def test_atom_base_resolves_links() -> None:
    assert items(read(DATA / "news_dirty/example_atom10.xml"))[0].url == "http://example.org/entry/3"
    assert items(read(DATA / "news_dirty/example_no_base.xml"))[0].url == "http://example.org/archives/000001.html"


def test_enclosures_become_pictures() -> None:
    payload = (
        (DATA / "news_dirty/rss_item_enclosure_multiple.xml").read_text().replace("<item>", "<item><title>T</title>")
    )
    (row,) = items(read_feed(make_payload(payload), SOURCE, CTX))
    assert [image["url"] for image in row.images] == ["http://example.com/1", "http://example.com/2"]
