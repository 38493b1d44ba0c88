"""What an import writes, what it leaves alone, and that nothing that goes wrong costs data."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from allmende import Batch, Importer, Note, Payload
from allmende.db.engine import Database
from allmende.feeds import quarantine
from allmende.feeds.importing import import_all, import_source
from allmende.feeds.lease import Lease
from allmende.feeds.tables import FeedQuarantine, FeedRun, FeedSource
from allmende.search.index import search_ids
from allmende.testing import NOON
from msgspec.structs import replace
from sqlalchemy import func, select

from .server import serving, silence
from .village import (
    Bench,
    JsonSource,
    Plaque,
    VillageConfig,
    benches,
    make,
    make_services,
    outcome,
    plugin,
    read,
    stable_id,
    titles,
    write,
)


async def test_import_follows_additions_changes_and_deletions(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    services = make_services(database)
    write(tmp_path, benches("1", "2", "3"))
    assert outcome(await import_source(services, city, plugin, source)) == ("fresh", 3, 0, 0, 0, 0)
    write(tmp_path, [*benches("1"), {"key": "2", "title": "Painted"}, *benches("4")])
    assert outcome(await import_source(services, city, plugin, source)) == ("fresh", 1, 1, 1, 1, 0)
    assert await titles(database) == ["Bench 1", "Bench 4", "Painted"]


async def test_ids_come_from_city_source_and_key(database: Database, tmp_path: Path) -> None:
    """So they stay when the feed's own ids are random, and a row that left and came back has its id again."""
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    await import_source(make_services(database), city, plugin, source)
    async with database.session("adorf") as session:
        assert (await session.scalars(select(Bench.id))).all() == [stable_id("adorf", "benches", Bench, "1")]


async def test_unchanged_payload_is_not_read_again(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    await import_source(make_services(database), city, plugin, source)
    assert (await import_source(make_services(database), city, plugin, source)).status == "unchanged"


async def test_unchanged_payload_is_read_again_the_next_day(database: Database, tmp_path: Path) -> None:
    """Importers may depend on the date: rules and recurring events reach further every day."""
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    await import_source(make_services(database), city, plugin, source)
    tomorrow = make_services(database, now=NOON + timedelta(days=1))
    assert outcome(await import_source(tomorrow, city, plugin, source)) == ("fresh", 0, 0, 0, 1, 0)


async def test_unchanged_rows_are_not_written(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches(*map(str, range(50)), plaques=["Anna"]))
    await import_source(make_services(database), city, plugin, source)
    with database.count() as statements:
        run = await import_source(make_services(database), city, plugin, source, force=True)
    assert outcome(run) == ("fresh", 0, 0, 0, 50, 0)
    assert [s for s in statements if not s.startswith("SELECT") and "feeds_" not in s] == []
    assert len(statements) <= 12


async def test_ten_thousand_rows_take_few_statements(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches(*map(str, range(10_000))))
    with database.count() as statements:
        run = await import_source(make_services(database), city, plugin, source)
    assert outcome(run) == ("fresh", 10_000, 0, 0, 0, 0)
    assert len([s for s in statements if "search_" not in s and "changes_" not in s]) <= 20 + 20
    async with database.session("adorf") as session:
        assert await session.scalar(select(func.count()).select_from(Bench)) == 10_000


async def test_same_key_twice_is_refused_and_the_first_counts(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, [{"key": "1", "title": "First"}, {"key": "1", "title": "Second"}])
    run = await import_source(make_services(database), city, plugin, source)
    assert [(r.place, r.reason) for r in run.refusals] == [("Bench '1'", "occurs twice; the first one counts")]
    assert await titles(database) == ["First"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": "x" * 61}, "title is longer than 60 characters"),
        ({"title": None}, "title is missing"),
        ({"seats": 2**31}, "seats is too large a number (2147483648)"),
    ],
)
async def test_row_that_no_database_takes_is_refused_alone(
    database: Database, tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    city, source = make(tmp_path)
    write(tmp_path, [*benches("1"), {"key": "2", "title": "Two", **fields}])
    run = await import_source(make_services(database), city, plugin, source)
    assert outcome(run) == ("fresh", 1, 0, 0, 0, 1)
    assert [refusal.reason for refusal in run.refusals] == [reason]


async def test_text_that_no_database_takes_is_cleaned(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    (tmp_path / "benches.json").write_text('[{"key": "1", "title": "A\\u0000B\\ud800C"}]')
    await import_source(make_services(database), city, plugin, source)
    assert await titles(database) == ["AB?C"]


async def test_refusals_are_kept_in_the_history(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, [*benches("1"), {"key": "2"}])
    run = await import_source(make_services(database), city, plugin, source)
    assert [(r.place, r.reason) for r in run.refusals] == [("items[1]", "has no title")]
    async with database.session("adorf") as session:
        kept = (await session.execute(select(FeedRun.status, FeedRun.refused, FeedRun.refusals))).all()
    assert [tuple(row) for row in kept] == [("fresh", 1, [{"place": "items[1]", "reason": "has no title"}])]


async def test_notes_are_kept_beside_refusals_and_count_as_neither(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, [*benches("1"), {"key": "2"}])

    def doubtful(payload: Payload, source: Any, ctx: Any) -> Batch:
        return replace(read(payload, source, ctx), notes=(Note(place="items[0]", text="has two arms"),))

    (importer,) = plugin.importers
    doubting = replace(plugin, importers=(replace(importer, read=doubtful),))
    run = await import_source(make_services(database), city, doubting, source)
    assert (run.added, run.refused, [(n.place, n.text) for n in run.notes]) == (1, 1, [("items[0]", "has two arms")])
    async with database.session("adorf") as session:
        assert await session.scalar(select(FeedRun.refusals)) == [
            {"place": "items[1]", "reason": "has no title"},
            {"place": "items[0]", "reason": "has two arms", "imported": True},
        ]


async def test_history_keeps_the_latest_runs_only(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    services = make_services(database)
    for i in range(services.rules.runs_kept + 3):
        write(tmp_path, benches("1", wood=f"wood {i}"))
        await import_source(make_services(database, now=NOON + timedelta(minutes=i)), city, plugin, source)
    async with database.session("adorf") as session:
        assert await session.scalar(select(func.count()).select_from(FeedRun)) == services.rules.runs_kept


async def test_within_limits_what_is_deleted(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path, newest_only=True)
    write(tmp_path, [*benches("1", wood="pine", plaques=["Anna"]), *benches("2"), *benches("3")])
    await import_source(make_services(database), city, plugin, source)
    write(tmp_path, benches("3"))
    assert outcome(await import_source(make_services(database), city, plugin, source)) == ("fresh", 0, 0, 1, 1, 0)
    assert await titles(database) == ["Bench 1", "Bench 3"]
    async with database.session("adorf") as session:
        assert (await session.scalars(select(Plaque.text))).all() == ["Anna"]


async def test_parts_follow_what_they_belong_to(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, [*benches("1", plaques=["Anna", "Bert"]), *benches("2", plaques=["Carl"]), *benches("3")])
    await import_source(make_services(database), city, plugin, source)
    write(tmp_path, [*benches("1", plaques=["Anna"]), *benches("3", plaques=["Dora"])])
    await import_source(make_services(database), city, plugin, source)
    async with database.session("adorf") as session:
        assert (await session.scalars(select(Plaque.text).order_by(Plaque.text))).all() == ["Anna", "Dora"]


async def test_two_sources_do_not_touch_each_other(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    _, other = make(tmp_path, id="others")
    write(tmp_path, benches("1", "2"))
    await import_source(make_services(database), city, plugin, source)
    write(tmp_path, benches("1"))
    await import_source(make_services(database), city, plugin, other)
    assert await titles(database) == ["Bench 1", "Bench 1", "Bench 2"]


async def test_search_index_follows_the_import(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    services = make_services(database)
    write(tmp_path, [{"key": "1", "title": "Lindenbank"}, {"key": "2", "title": "Eichenbank"}])
    await import_source(services, city, plugin, source)
    ctx = services.context(city, "village")
    assert ctx is not None
    assert [id_ for id_, _ in await search_ids(ctx, Bench, "Lindenbank", 5)] == [
        stable_id("adorf", "benches", Bench, "1")
    ]
    write(tmp_path, [{"key": "2", "title": "Eichenbank"}])
    await import_source(services, city, plugin, source)
    assert await search_ids(ctx, Bench, "Lindenbank", 5) == []


async def test_broken_feed_keeps_the_last_data(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    await import_source(make_services(database), city, plugin, source)
    (tmp_path / "benches.json").write_text('[{"key":\n')
    run = await import_source(make_services(database), city, plugin, source)
    assert (run.status, run.reason) == ("failed", "line 2: is not JSON")
    assert await titles(database) == ["Bench 1"]


async def test_bug_in_a_plugin_is_told_without_traceback(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, "crash")
    run = await import_source(make_services(database), city, plugin, source)
    assert (run.status, run.reason) == ("failed", "ZeroDivisionError: a bug in the plugin")


async def test_hanging_importer_is_left_behind(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    services = make_services(database)
    services.reader.seconds = 0.2

    def hang(*args: Any) -> Batch:
        time.sleep(1.0)
        return read(*args)

    importer = Importer(source=JsonSource, read=hang, tables=(Bench, Plaque), parent="bench")
    hanging = msgspec.structs.replace(plugin, importers=(importer,))
    assert (await import_source(services, city, hanging, source)).reason == "was not read within 0.2 seconds"
    assert (
        await import_source(services, city, hanging, source)
    ).reason == "an earlier reading of this source still hangs"
    assert await titles(database) == []


async def test_failures_are_tried_again_later_and_later(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    pauses = []
    for _ in range(13):
        await import_source(make_services(database), city, plugin, source)
        async with database.session("adorf") as session:
            state = (await session.scalars(select(FeedSource))).one()
        assert state.next_run is not None
        pauses.append((state.next_run - NOON).total_seconds() / 60)
    assert 0.8 <= pauses[0] <= 1
    assert 6.4 <= pauses[3] <= 8
    assert max(pauses) <= 24 * 60
    assert pauses[12] >= 0.8 * 24 * 60
    assert state.failures == 13


async def test_shrinking_feed_is_quarantined_until_approved(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    services = make_services(database)
    write(tmp_path, benches(*"123456"))
    await import_source(services, city, plugin, source)
    write(tmp_path, benches("1", "2"))
    run = await import_source(services, city, plugin, source)
    assert outcome(run) == ("quarantined", 0, 0, 4, 2, 0)
    assert run.reason == "would remove 4 of 6 items (67 %, max_shrink allows 50 %)"
    assert len(await titles(database)) == 6

    (tmp_path / "benches.json").unlink()  # it is that very payload that is applied
    run = await import_source(services, city, plugin, source, approve=True)
    assert outcome(run) == ("fresh", 0, 0, 4, 2, 0)
    assert await titles(database) == ["Bench 1", "Bench 2"]
    async with database.session("adorf") as session:
        assert (await session.scalars(select(FeedQuarantine))).all() == []


async def test_empty_feed_is_quarantined(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path, max_shrink=1.0)
    write(tmp_path, benches("1"))
    await import_source(make_services(database), city, plugin, source)
    write(tmp_path, [])
    run = await import_source(make_services(database), city, plugin, source)
    assert (run.status, run.reason) == ("quarantined", "the feed has no items any more; 1 are there")
    assert await titles(database) == ["Bench 1"]


async def test_rejected_payload_does_not_ask_again_and_the_next_one_is_taken(
    database: Database, tmp_path: Path
) -> None:
    city, source = make(tmp_path)
    services = make_services(database)
    write(tmp_path, benches(*"123456"))
    await import_source(services, city, plugin, source)
    write(tmp_path, benches("1"))
    await import_source(services, city, plugin, source)
    assert await quarantine.reject(database, "adorf", "village", "benches")
    run = await import_source(services, city, plugin, source)
    assert (run.status, run.reason) == (
        "quarantined",
        "rejected: would remove 5 of 6 items (83 %, max_shrink allows 50 %)",
    )
    write(tmp_path, benches(*"1234567"))
    assert outcome(await import_source(services, city, plugin, source)) == ("fresh", 1, 0, 0, 6, 0)


async def test_approving_without_quarantine_says_so(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    run = await import_source(make_services(database), city, plugin, source, approve=True)
    assert (run.status, run.reason) == ("failed", "nothing of village/benches is in quarantine")
    async with database.session("adorf") as session:
        assert (await session.scalars(select(FeedSource))).all() == []


async def test_two_imports_of_one_source_never_overlap(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    runs = await asyncio.gather(*(import_source(make_services(database), city, plugin, source) for _ in range(4)))
    assert sorted(run.status for run in runs).count("fresh") == 1
    assert {run.status for run in runs} <= {"fresh", "busy", "unchanged"}


async def test_lease_of_a_killed_process_runs_out(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    services = make_services(database)
    key = {"plugin": "village", "source": "benches"}
    assert await Lease(database, "adorf", FeedSource, key, services.rules.lease, lambda: NOON).take()
    assert (await import_source(services, city, plugin, source)).status == "busy"
    later = make_services(database, now=NOON + services.rules.lease + timedelta(seconds=1))
    assert outcome(await import_source(later, city, plugin, source)) == ("fresh", 1, 0, 0, 0, 0)


async def test_import_that_lost_its_lease_writes_nothing(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    services = make_services(database)
    loop = asyncio.get_running_loop()

    def overtaken(*args: Any) -> Batch:
        key = {"plugin": "village", "source": "benches"}
        late = Lease(database, "adorf", FeedSource, key, services.rules.lease, lambda: NOON + timedelta(minutes=2))
        assert asyncio.run_coroutine_threadsafe(late.take(), loop).result(60)
        return read(*args)

    importer = Importer(source=JsonSource, read=overtaken, tables=(Bench, Plaque), parent="bench")
    slow = msgspec.structs.replace(plugin, importers=(importer,))
    run = await import_source(services, city, slow, source)
    assert (run.status, run.reason) == ("failed", "took so long that another process began the same")
    assert await titles(database) == []


async def test_cancelled_import_gives_its_source_back(database: Database, tmp_path: Path) -> None:
    city, source = make(tmp_path)
    write(tmp_path, benches("1"))
    services, loop, reading = make_services(database), asyncio.get_running_loop(), asyncio.Event()

    def slow(*args: Any) -> Batch:
        loop.call_soon_threadsafe(reading.set)
        time.sleep(0.2)
        return read(*args)

    importer = Importer(source=JsonSource, read=slow, tables=(Bench, Plaque), parent="bench")
    task = asyncio.create_task(
        import_source(services, city, msgspec.structs.replace(plugin, importers=(importer,)), source)
    )
    await asyncio.wait_for(reading.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await import_source(make_services(database), city, plugin, source)).status == "fresh"


async def test_one_bad_city_does_not_delay_the_others(database: Database, tmp_path: Path) -> None:
    cities = []
    for slug in ("adorf", "bdorf", "cdorf"):
        folder = tmp_path / slug
        folder.mkdir()
        write(folder, "crash" if slug == "bdorf" else benches("1"))
        cities.append(make(folder, slug)[0])
    runs = await import_all(make_services(database), cities, [plugin])
    assert [(run.city, run.status) for run in runs] == [("adorf", "fresh"), ("bdorf", "failed"), ("cdorf", "fresh")]


async def test_city_with_hanging_feeds_does_not_delay_the_others(database: Database, tmp_path: Path) -> None:
    with serving(silence) as server:
        hanging, _ = make(slug="adorf", url=server.url)
        sources = tuple(JsonSource(id=f"benches-{i}", url=server.url) for i in range(4))
        hanging = msgspec.structs.replace(hanging, plugins={"village": VillageConfig(sources=sources)})
        write(tmp_path, benches("1"))
        services = make_services(database, port=server.port, attempts=1)
        order: list[str] = []
        await import_all(
            services, [hanging, make(tmp_path, "bdorf")[0]], [plugin], on_progress=lambda run: order.append(run.city)
        )
    assert sorted(order) == ["adorf", "adorf", "adorf", "adorf", "bdorf"]
    assert order.index("bdorf") < 2, "on a busy machine, one may be given up while this one is read"


async def test_any_sequence_of_feeds_ends_as_the_last_one(database: Database, tmp_path: Path) -> None:
    """Twelve random feeds after each other; what is stored is always what the last one said, with parts."""
    city, source = make(tmp_path, max_shrink=1.0)
    services = make_services(database)
    dice = random.Random(7)
    for _ in range(12):
        feed = {
            str(key): {"title": f"Bench {dice.randrange(3)}", "plaques": dice.sample("ABCD", dice.randrange(4))}
            for key in dice.sample(range(20), dice.randrange(1, 20))
        }
        write(tmp_path, [{"key": key, **item} for key, item in feed.items()])
        run = await import_source(services, city, plugin, source, force=True)
        assert run.status == "fresh"
        async with database.session("adorf") as session:
            stored = (await session.execute(select(Bench.id, Bench.key, Bench.title))).all()
            plaques = (await session.execute(select(Plaque.bench, Plaque.text))).all()
        assert {key: title for _, key, title in stored} == {key: item["title"] for key, item in feed.items()}
        key_of = {id_: key for id_, key, _ in stored}
        assert sorted((key_of[bench], text) for bench, text in plaques) == sorted(
            (key, text) for key, item in feed.items() for text in item["plaques"]
        )
