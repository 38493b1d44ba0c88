"""Export, erasure and expiry from declarations alone, on both databases; one bad part never costs another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from allmende.db.engine import Database
from allmende.db.table import CityTable
from allmende.personal import PersonalData
from allmende.privacy.declared import held
from allmende.privacy.erase import Part, erase, expire, retry
from allmende.privacy.export import export
from allmende.privacy.holdings import holdings
from allmende.privacy.tables import Erasure
from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, mapped_column

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ME, OTHER = "a" * 32, "b" * 32


class Letter(CityTable):
    __tablename__ = "privacytest_letter"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    writer: Mapped[str] = mapped_column(String(32))
    text: Mapped[str]
    phone: Mapped[str | None]
    at: Mapped[datetime]


class Reply(CityTable):
    __tablename__ = "privacytest_reply"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    letter: Mapped[str] = mapped_column(String(32))
    text: Mapped[str]


class Ledger(CityTable):
    __tablename__ = "privacytest_ledger"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    writer: Mapped[str] = mapped_column(String(32))


TABLES = (Letter, Reply, Ledger)


def personal(table: type[CityTable], field: str, **options: Any) -> PersonalData:
    values = {
        "purpose": {"de": "um zu antworten", "en": "to answer"},
        "legal_basis": "Art. 6 (1) e GDPR",
        "retention": "account",
        **options,
    }
    return PersonalData(table=table.__tablename__, field=field, **values)


LETTERS = (
    personal(Letter, "text", subject="writer", retention="P1Y", since="at"),
    personal(Reply, "text", subject="letter", via="privacytest_letter.writer"),
)
PHONE = (personal(Letter, "phone", subject="writer", retention="P30D", since="at", erase="clear"),)
LEDGER = (personal(Ledger, "writer", subject="writer", erase="keep", keep="§ 147 AO"),)


@pytest.fixture
async def filled(database: Database) -> Database:
    """Two cities with the letters of two people in each."""
    async with database._system.begin() as connection:
        await connection.run_sync(
            lambda sync: CityTable.metadata.create_all(sync, [t.__table__ for t in (*TABLES, Erasure)])  # type: ignore[list-item]
        )
    for city in ("oben", "unten"):
        async with database.transaction(city) as session:
            for number, (writer, age) in enumerate([(ME, 1), (ME, 40), (OTHER, 400)]):
                id_ = f"{number}"
                session.add(
                    Letter(id=id_, writer=writer, text=f"{city}{number}", phone="123", at=NOW - timedelta(days=age))
                )
                session.add(Reply(id=id_, letter=id_, text=f"to {number}"))
            session.add(Ledger(id="1", writer=ME))
    return database


async def count(database: Database, city: str, *where: Any) -> list[int]:
    async with database.session(city) as session:
        return [await session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


async def test_an_export_holds_what_is_about_the_account_and_nothing_else(filled: Database) -> None:
    async def broken(account: str) -> Any:
        raise RuntimeError("secret detail")

    async def more(account: str) -> Any:
        return {"pictures": 2}

    held = holdings({"post": LETTERS, "books": LEDGER})
    found = await export(filled, "oben", ME, held, {"post": more, "bad": broken})
    assert found["failed"] == ["bad"]
    assert {row["text"] for row in found["data"]["post"]["privacytest_letter"]} == {"oben0", "oben1"}
    assert {row["text"] for row in found["data"]["post"]["privacytest_reply"]} == {"to 0", "to 1"}
    assert found["data"]["post"]["more"] == {"pictures": 2}
    assert list(found["data"]) == ["post", "books"]
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


async def test_a_dry_run_says_what_would_go_and_takes_nothing(filled: Database) -> None:
    held = holdings({"post": LETTERS, "books": LEDGER})
    parts = await erase(filled, "oben", ME, held, {}, NOW, dry_run=True)
    assert {(part.table, part.rows, part.status) for part in parts} == {
        ("privacytest_reply", 2, "erased"),
        ("privacytest_letter", 2, "erased"),
        ("privacytest_ledger", 1, "kept"),
    }
    assert await count(filled, "oben") == [3, 3, 1]


async def test_an_erasure_takes_one_account_in_one_city(filled: Database) -> None:
    parts = await erase(filled, "oben", ME, holdings({"post": LETTERS, "books": LEDGER}), {}, NOW)
    assert [part.status for part in parts if part.status == "failed"] == []
    assert (await count(filled, "oben"), await count(filled, "unten")) == ([1, 1, 1], [3, 3, 1])
    async with filled.session("oben") as session:
        (request,) = await session.scalars(select(Erasure))
    assert (request.account, request.next_try) == ("", None)


async def test_a_part_that_fails_costs_no_other_and_is_tried_again(filled: Database) -> None:
    calls: list[bool] = []

    async def shaky(account: str, dry_run: bool) -> int:
        calls.append(dry_run)
        if len(calls) < 2:
            raise RuntimeError("the store does not answer")
        return 3

    held = holdings({"post": LETTERS})
    parts = await erase(filled, "oben", ME, held, {"pictures": shaky}, NOW)
    assert Part(owner="pictures", table="", rows=0, status="failed") in parts
    assert await count(filled, "oben") == [1, 1, 1]
    assert await retry(filled, "oben", held, {"pictures": shaky}, NOW) == 0
    assert await retry(filled, "oben", held, {"pictures": shaky}, NOW + timedelta(minutes=11)) == 1
    async with filled.session("oben") as session:
        (request,) = await session.scalars(select(Erasure))
    assert {part["status"] for part in request.parts} == {"erased"}
    assert (request.account, request.tries, calls) == ("", 2, [False, False])


async def test_what_is_older_than_declared_goes_by_itself(filled: Database) -> None:
    held = holdings({"post": LETTERS, "calls": PHONE})
    assert await expire(filled, "oben", held, NOW) == {"privacytest_letter": 2}
    async with filled.session("oben") as session:
        rows = (await session.execute(select(Letter.id, Letter.phone).order_by(Letter.id))).all()
    assert [tuple(row) for row in rows] == [("0", "123"), ("1", None)]
    assert await expire(filled, "oben", held, NOW) == {}
    assert (await count(filled, "unten"))[0] == 3


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"retention": "a year"}, "retention must be `account` or an ISO 8601 duration"),
        ({"retention": "P"}, "retention must be `account` or an ISO 8601 duration"),
        ({"retention": "P1Y"}, "since must name the column"),
        ({"erase": "keep"}, "keep must say why it stays"),
        ({"via": "case_case.account"}, "via must be table.column, beside a subject"),
    ],
)
def test_a_declaration_that_cannot_be_followed_is_refused(options: dict[str, str], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        personal(Letter, "text", **options)


async def test_what_the_rooms_of_the_core_declare_can_be_expired(database: Database) -> None:
    assert await expire(database, "oben", held({}), NOW) == {}
