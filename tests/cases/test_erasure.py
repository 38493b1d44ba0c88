"""What is personal goes when its time is over or its owner wants it; what is left tells of nobody."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from allmende import cases
from allmende.cases.erasure import erase_person, expire, export_person
from allmende.cases.tables import CaseText
from allmende.db.engine import Database
from allmende.errors import NotFound
from allmende.files.store import Store
from allmende.files.upload import take_in, tidy
from allmende.testing import NOON
from sqlalchemy import select, text

from tests.files.photos import photo

from .lamps import DEVICE, HERE, LAMP, THERE, WORKER, context, submit

MARK = "qzgeheim99"


async def closed(database: Database, store: Store, *, published: bool = False) -> cases.Submitted:
    """A case that is full of personal data, and closed."""
    file = await take_in(database, store, HERE, photo(300, 200), NOON)
    done = await submit(
        context(database, DEVICE), f"Titel {MARK}", files=(file.id,), address=f"{MARK}straße 1", published=published,
        private=LAMP.private(phone=MARK),
    )  # fmt: skip
    ctx = context(database, WORKER)
    async with ctx.transaction() as session:
        case = await cases.find(session, id=done.case.id)
        assert case is not None
        await cases.message(session, ctx, case, f"Sehr geehrte {MARK}")
        await cases.note(session, ctx, case, f"{MARK} ruft oft an")
        await cases.transition(session, ctx, LAMP, case, "fixed", text=f"Danke, {MARK}")
    return done


async def everything(database: Database) -> str:
    """All that the tables of the register hold, as text."""
    found = []
    async with database.system(write=False) as session:
        for table in ("case_case", "case_event", "case_text", "case_follower", "case_link", "case_transfer"):
            found += [str(row) for row in (await session.execute(text(f"SELECT * FROM {table}"))).all()]
    return "\n".join(found).lower()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "files"))


async def test_after_the_retention_nothing_personal_is_left_and_the_number_still_works(
    database: Database, store: Store, tmp_path: Path
) -> None:
    done = await closed(database, store)
    assert MARK in await everything(database)
    assert await expire(context(database, now=NOON + timedelta(days=179)), lambda kind: LAMP.retention) == 0
    late = context(database, now=NOON + timedelta(days=181))
    assert await expire(late, lambda kind: LAMP.retention) == 1
    assert await expire(late, lambda kind: LAMP.retention) == 0
    left = await everything(database)
    assert (MARK in left, DEVICE.id in left, done.case.number.lower() in left) == (False, False, True)
    async with late.session() as session:
        seen = await cases.track(session, late, number=done.case.number, receipt=done.receipt)
        assert (seen.case.status, seen.case.title, await cases.verify(session, seen.case)) == ("fixed", "", [])
    await tidy(database, store, HERE, NOON + timedelta(days=182))
    assert [*(tmp_path / "files").rglob("*.jpg")] == []


async def test_an_open_case_and_another_kinds_retention_are_left_alone(database: Database, store: Store) -> None:
    await submit(context(database, DEVICE), MARK)
    await closed(database, store)
    late = context(database, now=NOON + timedelta(days=400))
    assert await expire(late, lambda kind: timedelta(days=500)) == 0
    assert await expire(late, lambda kind: None) == 1
    assert MARK in await everything(database)


async def test_a_person_gets_what_is_held_and_has_it_erased_dry_first(database: Database, store: Store) -> None:
    done = await closed(database, store)
    ctx = context(database)
    (held,) = await export_person(ctx, DEVICE.id)
    assert (held["number"], held["private"]) == (done.case.number, {"phone": MARK})
    assert held["texts"] == [f"Sehr geehrte {MARK}", f"{MARK} ruft oft an", f"Danke, {MARK}"]
    assert await export_person(ctx, "f" * 32) == await export_person(ctx, "") == []
    assert await export_person(context(database, slug=THERE), DEVICE.id) == []
    assert await erase_person(ctx, DEVICE.id, True) == 1
    assert MARK in await everything(database)
    assert await erase_person(context(database, slug=THERE), DEVICE.id, False) == 0
    assert await erase_person(ctx, DEVICE.id, False) == 1
    assert await erase_person(ctx, DEVICE.id, False) == 0
    left = await everything(database)
    assert (MARK in left, DEVICE.id in left) == (False, False)


async def test_the_public_part_of_what_was_published_stays(database: Database, store: Store) -> None:
    done = await closed(database, store, published=True)
    await erase_person(context(database), DEVICE.id, False)
    async with database.session(HERE) as session:
        case = await cases.find(session, id=done.case.id)
        assert case is not None
        assert (case.title, case.public, case.private) == (f"Titel {MARK}", {"colour": "gelb"}, {})
        assert (await session.scalars(select(CaseText))).all() == []
        (picture,) = (await cases.pictures(session, context(database), [case]))[case.id]
    assert await store.get(HERE, picture.id, "small")


async def test_nothing_can_be_written_to_an_erased_case(database: Database, store: Store) -> None:
    done = await closed(database, store)
    await erase_person(context(database), DEVICE.id, False)
    ctx = context(database)
    async with ctx.transaction() as session:
        seen = await cases.track(session, ctx, number=done.case.number, receipt=done.receipt)
        with pytest.raises(Exception, match="erased"):
            await cases.message(session, ctx, seen.case, "Hallo?")
    with pytest.raises(NotFound):
        async with ctx.session() as session:
            await cases.track(session, context(database, DEVICE), number=done.case.number)
