"""Whatever is imported, removed or tidied up between two visits, a phone that asks ends up with what the city has."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from allmende.changes.chores import changes_chores
from allmende.changes.log import RETENTION, record
from allmende.changes.tables import ChangesItem
from allmende.db.branches import CORE_BRANCH, migrating, upgrade_to
from allmende.db.engine import Database
from allmende.db.migrate import upgrade
from allmende.db.rls import secure
from allmende.db.table import Base
from allmende.feeds.importing import import_source
from allmende.feeds.removal import remove_source
from allmende.testing import NOON, make_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from tests.changes.phone import Phone
from tests.feeds.village import Bench, benches, make, make_services, plugin, write


async def stored(database: Database, city: str) -> set[str]:
    async with database.session(city) as session:
        return set(await session.scalars(select(Bench.id)))


async def note(
    database: Database, city: str, changed: Any = (), removed: Any = (), after: timedelta = timedelta()
) -> None:
    async with database.transaction(city) as session:
        await record(session, plugin="village", table=Bench, changed=changed, removed=removed, now=NOON + after)


def bench(key: int, state: int) -> dict[str, Any]:
    """One bench in one of its states; in some, only its plaques differ."""
    return {"key": str(key), "title": f"Bench {state // 2}", "plaques": ["a", "b"][: state % 2 + 1]}


FEED = st.dictionaries(st.integers(0, 11), st.integers(0, 3), max_size=12)
STEP = st.one_of(FEED, st.sampled_from(["sync", "page", "new phone", "remove"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=12), first=st.integers(1, 5))
async def test_after_any_imports_and_visits_the_phone_has_exactly_what_the_city_has(
    database: Database, tmp_path: Path, steps: list[Any], first: int
) -> None:
    slug = f"dorf-{uuid4().hex[:8]}"
    city, source = make(tmp_path, slug, max_shrink=1.0)
    services = make_services(database)
    phone = Phone(database, slug, "village", first)
    for step in steps:
        if step == "sync":
            assert await phone.sync() == await stored(database, slug)
        elif step == "page":
            await phone.page()
        elif step == "new phone":
            phone = Phone(database, slug, "village", first)
        elif step == "remove":
            await remove_source(services, slug, plugin, source.id)
        else:
            write(tmp_path, [bench(key, state) for key, state in step.items()])
            await import_source(services, city, plugin, source, force=True)
    assert await phone.sync() == await stored(database, slug)


async def test_writers_at_the_same_time_leave_no_change_behind_a_phone_that_reads_meanwhile(database: Database) -> None:
    """Versions are counted under a lock: who has seen version 7 has seen all before it, however long they took."""
    phone = Phone(database, "adorf", "village")
    written: set[str] = set()

    async def write_some(writer: int) -> None:
        for number in range(8):
            id_ = f"{writer:016x}{number:016x}"
            async with database.transaction("adorf") as session:
                await session.execute(select(1))
                await record(session, plugin="village", table=Bench, changed=[id_], removed=(), now=NOON)
                await asyncio.sleep(0.003 * (writer % 3))
            written.add(id_)

    async def read_on(until: asyncio.Task[Any]) -> None:
        while not until.done():
            known = set(written)  # acknowledged before the phone asks
            await phone.sync()
            assert known - phone.items == set()

    writing = asyncio.create_task(asyncio.wait_for(asyncio.shield(asyncio.gather(*map(write_some, range(4)))), 60))
    await read_on(writing)
    await writing
    assert (await phone.sync(), len(written)) == (written, 32)


async def test_only_the_parts_have_changed_and_their_item_is_told(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    services = make_services(database)
    write(tmp_path, benches("1", "2"))
    await import_source(services, city, plugin, source)
    phone = Phone(database, "adorf", "village")
    everything = await phone.sync()
    assert len(everything) == 2
    phone.items.clear()
    write(tmp_path, [{"key": "1", "title": "Bench 1", "plaques": ["new"]}, *benches("2")])
    await import_source(services, city, plugin, source)
    assert len(await phone.sync()) == 1
    phone.items.clear()
    write(tmp_path, benches("1", "2"))
    await import_source(services, city, plugin, source)
    assert len(await phone.sync()) == 1


async def test_an_import_that_is_rolled_back_or_brings_nothing_new_is_not_told(database: Database) -> None:
    phone = Phone(database, "adorf", "village")
    await note(database, "adorf", ["a" * 32])
    await phone.sync()
    before = phone.since
    try:
        async with database.transaction("adorf") as session:
            await record(session, plugin="village", table=Bench, changed=["b" * 32], removed=(), now=NOON)
            raise RuntimeError("changed its mind")
    except RuntimeError:
        pass
    await note(database, "adorf")
    assert (await phone.sync(), phone.since) == ({"a" * 32}, before)


async def test_tombstones_are_forgotten_in_time_and_who_might_miss_one_begins_anew(database: Database) -> None:
    old, away = Phone(database, "adorf", "village"), Phone(database, "adorf", "village")
    await note(database, "adorf", ["a" * 32, "b" * 32])
    await away.sync()
    await note(database, "adorf", removed=["a" * 32])
    await old.sync()
    await note(database, "adorf", ["c" * 32], after=RETENTION + timedelta(days=1))
    async with database.session("adorf") as session:
        assert await session.scalar(select(func.count()).select_from(ChangesItem)) == 2
    assert (await away.sync(), away.resets) == ({"b" * 32, "c" * 32}, 1)
    assert (await old.sync(), old.resets) == ({"b" * 32, "c" * 32}, 0)


async def test_a_first_sync_is_told_nothing_of_what_was_gone_before_and_all_of_what_goes_meanwhile(
    database: Database,
) -> None:
    ids = [f"{number:032x}" for number in range(6)]
    await note(database, "adorf", ids)
    await note(database, "adorf", removed=ids[:1])
    phone = Phone(database, "adorf", "village", first=2)
    seen = []
    for gone in (ids[1], ids[5]):
        await phone.page()
        seen.append(len(phone.items))
        await note(database, "adorf", removed=[gone])
    assert (seen, await phone.sync()) == ([2, 4], set(ids[2:5]))


async def test_what_was_there_before_the_log_is_told_after_the_upgrade_also_to_phones_that_asked_in_between(
    empty_database_url: str,
) -> None:
    """An instance of before there was a log: its first migration, and a plugin's table with rows of two cities."""
    with migrating(empty_database_url) as connection:
        upgrade_to(connection, CORE_BRANCH, "core_0001")
        Base.metadata.create_all(connection, tables=[Bench.__table__])  # type: ignore[list-item]
        secure(connection, ["village_bench"])
        rows = [
            {"city": slug, "id": f"{number:032x}", "source": "s", "key": str(number), "title": "B", "fetched_at": NOON}
            for slug, numbers in (("adorf", range(700)), ("bdorf", range(1000, 1001)))
            for number in numbers
        ]
        connection.execute(insert(Bench), rows)
    assert upgrade(empty_database_url, {}).failed == {}
    database = Database(empty_database_url)
    early, away = Phone(database, "adorf", "village", 100), Phone(database, "bdorf", "village")
    assert await early.sync() == await away.sync() == set()
    (chore,) = changes_chores(database, lambda: NOON, lambda: [plugin])
    for slug in ("adorf", "bdorf"):
        await chore.run(make_city(slug))
        phones = [Phone(database, slug, "village", 500), early if slug == "adorf" else away]
        for phone in phones:
            assert await phone.sync() == await stored(database, slug) != set()
    with database.count() as statements:
        await chore.run(make_city("adorf"))
    assert len(statements) == 2  # nothing differs any more, so nothing is written
    await database.close()


async def test_other_cities_and_other_modules_stay_out_and_a_new_set_of_modules_begins_anew(database: Database) -> None:
    await note(database, "adorf", ["a" * 32])
    phone, other = Phone(database, "adorf", "village"), Phone(database, "bdorf", "village")
    assert (await phone.sync(), await other.sync()) == ({"a" * 32}, set())
    phone.plugin = "other"
    assert (await phone.sync(), phone.resets) == (set(), 1)


async def test_an_import_logs_with_few_statements_however_many_items_there_are(database: Database) -> None:
    ids = [f"{number:032x}" for number in range(1200)]
    async with database.transaction("adorf") as session:
        with database.count() as statements:
            await record(session, plugin="village", table=Bench, changed=ids, removed=(), now=NOON)
    assert len(statements) == 1 + 3
    with database.count() as statements:
        await Phone(database, "adorf", "village", first=500).page()
    assert len(statements) == 2
