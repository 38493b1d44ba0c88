"""The index finds the same on both databases, shows each city its own, and is not impressed by hostile input."""

from __future__ import annotations

from typing import Any

import pytest
from allmende import Config, Context, InputError, search_ids
from allmende.db.engine import Database
from allmende.search.index import Found, index_rows, search_all
from allmende.testing import make_city, make_context

from ..graphql.gazette import GazetteNotice


def context(database: Database, city: str = "oben") -> Context[Any]:
    return make_context("gazette", Config(), city=make_city(city), database=database)


async def put(database: Database, city: str, *rows: tuple[str, Any, Any], deleted: tuple[str, ...] = ()) -> None:
    entries = [{"id": key, "title": title, "text": text} for key, title, text in rows]
    async with database.transaction(city) as session:
        await index_rows(session, plugin="gazette", table=GazetteNotice, rows=entries, deleted=deleted)


async def ids(database: Database, text: str, city: str = "oben") -> list[str]:
    return [key for key, _ in await search_ids(context(database, city), GazetteNotice, text, 10)]


async def test_titles_before_texts_whole_words_before_beginnings(database: Database) -> None:
    await put(
        database,
        "oben",
        ("text", "Anderes", "auf dem Markt"),
        ("begin", "Marktplatz", ""),
        ("title", "Der Markt", ""),
    )
    assert await search_ids(context(database), GazetteNotice, "Märkte", 10) == [
        ("title", 6.0),
        ("begin", 3.0),
        ("text", 2.0),
    ]
    assert await ids(database, "platz") == []


async def test_all_words_must_be_there_and_only_the_last_may_be_a_beginning(database: Database) -> None:
    await put(database, "oben", ("a", "Spielplatz Nord", None), ("b", "Spielplatz Süd", ["am", "Teich"]))
    assert await ids(database, "Spielplätze nor") == ["a"]
    assert await ids(database, "nor Spielplatz") == []
    assert await ids(database, "teich spielpl") == ["b"]
    assert await ids(database, "Veranstaltu") == []


async def test_what_begins_with_a_short_stem_is_not_meant(database: Database) -> None:
    titles = (
        ("a", "Altstadtmarkt", ""),
        ("b", "Hausmüll", ""),
        ("c", "Für ältere Menschen", ""),
        ("d", "Altes Rathaus", ""),
    )
    await put(database, "oben", *titles)
    assert sorted(await ids(database, "ältere")) == ["c", "d"]
    assert await ids(database, "Häuser") == ["b"]
    assert sorted(await ids(database, "alt")) == ["a", "c", "d"]


async def test_changed_rows_are_found_by_their_new_words_only_and_deleted_ones_not(database: Database) -> None:
    await put(database, "oben", ("a", "Alt", ""), ("b", "Bleibt", {"de": "Wort", "en": "word"}))
    await put(database, "oben", ("a", "Neu", ""))
    assert (await ids(database, "alt"), await ids(database, "neu"), await ids(database, "word")) == ([], ["a"], ["b"])
    await put(database, "oben", deleted=("a",))
    assert await ids(database, "neu") == []


async def test_a_city_finds_its_own_rows_only_with_one_statement(database: Database) -> None:
    await put(database, "oben", ("a", "Brunnen", ""))
    await put(database, "unten", ("z", "Brunnen", ""))
    with database.count() as statements:
        assert await ids(database, "Brunnen", "unten") == ["z"]
    assert len(statements) == 1
    assert await search_all(database, "oben", ["gazette"], "brun", 5) == [Found("gazette", "gazette_notice", "a", 3.0)]
    assert await search_all(database, "oben", ["other"], "brun", 5) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "%",
        "_",
        "'; DROP TABLE search_term; --",
        '"',
        "a* OR b",
        "NEAR(",
        "\x00",
        "a\x00b",
        "\ud800",
        "ü" * 100_000,
        "x " * 5_000,
        ":*",
        "&|!",
        "\U0010ffff",
        "l'été",
    ],
)
async def test_hostile_text_finds_nothing_and_breaks_nothing(database: Database, text: str) -> None:
    await put(database, "oben", ("a", "Brunnen", ""))
    assert await ids(database, text) == []


async def test_long_and_odd_rows_can_be_indexed(database: Database) -> None:
    await put(
        database, "oben", ("a", "Wort\x00\ud800 " * 3, " ".join(f"wort{i}" for i in range(5_000))), ("b", 5, None)
    )
    assert await ids(database, "wort") == ["a"]
    assert await ids(database, "5") == ["b"]


async def test_page_size_is_checked(database: Database) -> None:
    with pytest.raises(InputError, match="first: -1"):
        await search_ids(context(database), GazetteNotice, "x", -1)
