"""Keyset pages: everything once, in order, in both directions, with ties and NULLs, on both databases."""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Literal

import pytest
from allmende import Config, Context, InputError, paginate
from allmende.db.engine import Database
from allmende.graphql.pages import decode_cursor
from allmende.testing import make_city, make_context
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from .gazette import GazetteNotice, publish

Direction = Literal["asc", "desc"]


def context(database: Database) -> Context[Any]:
    return make_context("gazette", Config(), city=make_city("oben"), database=database)


async def walk(ctx: Context[Any], order: list[tuple[Any, Direction]], size: int) -> list[GazetteNotice]:
    rows: list[GazetteNotice] = []
    after = None
    for _ in range(100):
        page = await paginate(ctx, select(GazetteNotice), order=order, first=size, after=after, make=lambda row: row)
        rows += page.nodes()
        if not page.page_info.has_next_page:
            return rows
        after = page.page_info.end_cursor
    raise AssertionError("endless")


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("second", ["asc", "desc"])
async def test_pages_hold_every_row_once_in_order_with_nulls_last(
    database: Database, direction: Direction, second: Direction
) -> None:
    dice = random.Random(7)
    await publish(database, "oben", *({"title": f"N{i}", "rank": dice.choice([None, 1, 2, 3])} for i in range(40)))
    ctx = context(database)
    order: list[tuple[Any, Direction]] = [(GazetteNotice.rank, direction), (GazetteNotice.id, second)]
    whole = await walk(ctx, order, 100)
    ranks = [row.rank for row in whole]
    known = [rank for rank in ranks if rank is not None]
    assert known == sorted(known, reverse=direction == "desc")
    assert ranks[len(known) :] == [None] * (40 - len(known))
    for size in (1, 3, 7):
        assert [row.id for row in await walk(ctx, order, size)] == [row.id for row in whole]


async def test_a_page_costs_one_statement_and_the_total_one_more(database: Database) -> None:
    await publish(database, "oben", *({"title": f"N{i}"} for i in range(5)))
    await publish(database, "unten", {"title": "elsewhere"})
    order: list[tuple[Any, Direction]] = [(GazetteNotice.published, "desc"), (GazetteNotice.id, "asc")]
    with database.count() as statements:
        page = await paginate(
            context(database), select(GazetteNotice), order=order, first=2, make=lambda row: row.title
        )
    assert len(statements) == 1
    with database.count() as statements:
        assert await page.total_count() == 5
    assert len(statements) == 1


async def test_rows_that_come_in_between_shift_nothing(database: Database) -> None:
    await publish(database, "oben", *({"title": f"N{i}", "rank": i} for i in range(4)))
    order: list[tuple[Any, Direction]] = [(GazetteNotice.rank, "desc"), (GazetteNotice.id, "asc")]
    ctx, statement = context(database), select(GazetteNotice)
    page = await paginate(ctx, statement, order=order, first=2, make=lambda row: row.title)
    await publish(database, "oben", {"title": "new", "rank": 9})
    rest = await paginate(
        ctx, statement, order=order, first=2, after=page.page_info.end_cursor, make=lambda row: row.title
    )
    assert page.nodes() + rest.nodes() == ["N3", "N2", "N1", "N0"]


@pytest.mark.parametrize(("first", "after"), [(-1, None), (101, None), (1, ""), (1, "AAAA"), (1, "WzEsMl0"), (1, "ü")])
async def test_unusable_arguments_are_refused_by_name(first: int, after: str | None) -> None:
    order: list[tuple[Any, Direction]] = [(GazetteNotice.id, "asc")]
    with pytest.raises(InputError, match=r"^(first|after): "):
        await paginate(
            make_context("gazette", Config()), select(GazetteNotice), order=order, first=first, after=after, make=str
        )


@pytest.mark.parametrize(
    "forged",
    [
        *[{"id": value} for value in ("\0", "a\0b", 7, None, [], "x" * 2_000)],
        *[{"rank": value} for value in (2**31, -(2**31), 2**63, 2**64, 10**400, 1.5, "1", True, {})],
        {"published": "2026-11-26T10:00:00"},
        {"published": "9999-12-31T23:59:59-23:59"},
        {"published": "0001-01-01T00:00:00+23:59"},
        {"published": "2026-02-30T10:00:00Z"},
    ],
)
async def test_a_cursor_that_is_made_up_is_the_readers_fault_and_never_the_modules(
    database: Database, forged: dict[str, Any]
) -> None:
    """Five of the module's own faults would shut it out for everybody."""
    await publish(database, "oben", {"title": "A", "rank": 1}, {"title": "B", "rank": 2})
    columns = ("published", "rank", "id")
    order: list[tuple[Any, Direction]] = [(getattr(GazetteNotice, name), "asc") for name in columns]
    ctx, statement = context(database), select(GazetteNotice)
    page = await paginate(ctx, statement, order=order, first=1, make=str)
    text = page.page_info.end_cursor or ""
    version, tag, *values = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    made = [version, tag, *({**dict(zip(columns, values, strict=True)), **forged}).values()]
    after = urlsafe_b64encode(json.dumps(made).encode()).decode().rstrip("=")
    with pytest.raises(InputError) as refused:
        await paginate(ctx, statement, order=order, first=1, after=after, make=str)
    assert refused.value.code == "BAD_CURSOR"


@given(st.text(max_size=60))
def test_a_cursor_that_is_none_is_always_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="after: "):
        decode_cursor(text, "tag", 2)
