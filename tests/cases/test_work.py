"""What is done with cases: states, assignment, duplicates, neighbours, lists, figures; told to who wants to know."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from allmende import AllmendeError, InputError, NotFound, cases
from allmende.cases.work import PER_HOUR
from allmende.city.model import BBox
from allmende.db.engine import Database
from allmende.notify.tables import Outgoing
from allmende.reader import Reader
from allmende.testing import NOON
from sqlalchemy import select

from .lamps import DEVICE, HERE, LAMP, THERE, WORKER, context, history, new_key, submit

OTHER = Reader(kind="device", id="e" * 32, city=HERE)
BOX = BBox(south=51.9, west=7.6, north=52.0, east=7.7)


async def get(session: Any, done: cases.Submitted) -> cases.Case:
    found = await cases.find(session, number=f" {done.case.number.lower()} ")
    assert found is not None
    return found


async def told(database: Database) -> list[tuple[str, list[str], str]]:
    async with database.session(HERE) as session:
        rows = await session.scalars(select(Outgoing).order_by(Outgoing.key))
        return [(row.topic, row.to or [], row.texts["de"]["body"]) for row in rows]


async def test_states_follow_only_as_the_kind_lets_them(database: Database) -> None:
    ctx, done = context(database, WORKER), await submit(context(database, DEVICE))
    async with ctx.transaction() as session:
        case = await get(session, done)
        await cases.transition(session, ctx, LAMP, case, "fixed", text="Erledigt.")
        assert (case.open, case.closed, case.waiting) == (False, NOON, "")
        for wrong in ("refused", "received", "nonsense"):
            with pytest.raises(InputError) as refused:
                await cases.transition(session, ctx, LAMP, case, wrong)
            assert refused.value.code == "CASE_TRANSITION"
        await cases.transition(session, ctx, LAMP, case, "started")
        assert (case.open, case.closed) == (True, None)
    assert [what for what, _ in await history(ctx, case)] == ["submitted", "status", "status"]


async def test_who_has_submitted_or_follows_is_told_once_and_staff_secrets_are_not(database: Database) -> None:
    ctx, done = context(database, WORKER), await submit(context(database, DEVICE), published=True)
    async with ctx.transaction() as session:
        case = await get(session, done)
        await cases.transition(session, ctx, LAMP, case, "started")
        await cases.follow(session, context(database, OTHER), case, key=new_key())
        await cases.note(session, ctx, case, "Nur für uns")
        await cases.assign(session, ctx, case, department="parks", assignee=WORKER.id)
        await cases.message(session, ctx, case, "Eine Frage", asks=True)
        await cases.message(session, context(database, DEVICE), case, "Eine Antwort")
        await cases.transition(session, ctx, LAMP, case, "fixed")
    assert sorted(await told(database)) == sorted(
        [
            ("cases.mine", [DEVICE.id], "Der Stand hat sich geändert."),
            ("cases.mine", [DEVICE.id], "Das Rathaus hat Ihnen geschrieben."),
            ("cases.mine", [DEVICE.id, OTHER.id], "Der Stand hat sich geändert."),
        ]
    )


async def test_a_duplicate_leads_to_the_other_and_who_sent_it_follows_it(database: Database) -> None:
    ctx = context(database, WORKER)
    first, second = await submit(context(database, DEVICE)), await submit(context(database, OTHER))
    async with ctx.transaction() as session:
        one, two = await get(session, first), await get(session, second)
        await cases.merge(session, ctx, LAMP, two, one)
        assert (two.open, two.merged_into, one.followers, (await cases.main(session, two)).id) == (
            False,
            one.id,
            1,
            one.id,
        )
        assert await cases.submitters(session, one) == sorted([DEVICE.id, OTHER.id])
        for case, into in ((one, two), (two, one), (one, one)):
            with pytest.raises(InputError):
                await cases.merge(session, ctx, LAMP, case, into)
        seen = await cases.track(session, ctx, number=two.number, receipt=second.receipt)
        assert (seen.as_, seen.case.merged_into) == ("submitter", one.id)
        assert [case.id for case in (await session.scalars(cases.inbox(cases.Inbox()))).all()] == [one.id]


async def test_linked_cases_know_of_each_other(database: Database) -> None:
    ctx = context(database, WORKER)
    first, second = await submit(ctx), await submit(ctx)
    part = await submit(ctx, parent=first.case.id)
    async with ctx.transaction() as session:
        one, two = await get(session, first), await get(session, second)
        await cases.link(session, ctx, one, two)
        await cases.link(session, ctx, one, two)
        assert {case.id for case in await cases.linked(session, one)} == {two.id, part.case.id}
        assert [case.id for case in await cases.linked(session, two)] == [one.id]
        assert [case.id for case in await cases.linked(session, part.case)] == [one.id]


async def test_only_what_is_published_and_of_a_public_state_is_on_the_map_and_near(database: Database) -> None:
    ctx = context(database, WORKER)
    far = await submit(ctx, "Weit weg", published=True, lat=51.97, lon=7.69)
    near = await submit(ctx, "Nah", published=True, lat=51.9601, lon=7.6301)
    await submit(ctx, "Nicht freigegeben")
    outside = await submit(ctx, "Außerhalb", published=True, lat=51.0, lon=7.0)
    async with ctx.transaction() as session:
        assert list(await cases.on_map(session, BOX, 10)) == [], "received is no public state"
        for done in (far, near, outside):
            await cases.transition(session, ctx, LAMP, await get(session, done), "started")
        assert {case.title for case in await cases.on_map(session, BOX, 10)} == {"Weit weg", "Nah"}
        assert len(await cases.on_map(session, BOX, 1)) == 1
        found = await cases.nearby(session, 51.96, 7.63, 100)
        assert [(round(metres), case.title) for metres, case in found] == [(13, "Nah")]
        await cases.publish(session, ctx, await get(session, near), False)
        assert await cases.nearby(session, 51.96, 7.63, 100) == []


async def test_the_inbox_finds_by_department_deadline_words_and_place(database: Database) -> None:
    ctx = context(database, WORKER)
    urgent = await submit(ctx, "Ampel am Schloßplatz", category="park")
    other = await submit(ctx, "Zaun", private=LAMP.private(phone="0251 99"))
    async with ctx.transaction() as session:
        case = await get(session, other)
        await cases.note(session, ctx, case, "Bauhof verständigt")
        await cases.assign(session, ctx, case, assignee=WORKER.id, deadline=NOON + timedelta(days=9))

    async def found(**wanted: Any) -> list[str]:
        async with ctx.session() as session:
            statement = cases.inbox(cases.Inbox(**wanted)).order_by(cases.Case.title)
            return [case.title for case in await session.scalars(statement)]

    both = ["Ampel am Schloßplatz", "Zaun"]
    assert (
        await found()
        == await found(kinds=("lamps.lamp",))
        == await found(box=BOX)
        == await found(waiting="staff")
        == both
    )
    assert (
        await found(departments=("parks",)) == await found(text="schlosspl") == await found(text="ampel am") == both[:1]
    )
    assert await found(due_before=NOON + timedelta(days=4)) == both[:1]
    assert await found(assignee=WORKER.id) == await found(text="bauhof") == await found(text="99") == both[1:]
    assert await found(text=urgent.case.number) == both[:1]
    assert await found(open=False) == await found(text="ampel zaun") == await found(text="%") == []
    assert await found(kinds=("lamps.other",)) == await found(published=True) == await found(until=NOON) == []


async def test_figures_count_what_is_late_and_how_long_it_took(database: Database) -> None:
    early = await submit(context(database), category="park")
    await submit(context(database), category="park")
    await submit(context(database, slug=THERE))
    later = context(database, WORKER, now=NOON + timedelta(hours=100))
    async with later.transaction() as session:
        await cases.transition(session, later, LAMP, await get(session, early), "fixed")
        counts = await cases.statistics(session, later.now)
        none = await cases.statistics(session, later.now, since=NOON + timedelta(hours=1))
    assert [(one.status, one.cases, one.overdue) for one in counts] == [("fixed", 1, 0), ("received", 1, 1)]
    assert (round(counts[0].hours or 0), counts[1].hours, none) == (100, None, [])


async def test_two_who_work_at_once_write_one_history(database: Database) -> None:
    ctx, done = context(database, WORKER), await submit(context(database))

    async def note(number: int) -> None:
        async with ctx.transaction() as session:
            await cases.note(session, ctx, await get(session, done), f"Notiz {number}")

    await asyncio.gather(*(note(number) for number in range(12)))
    async with ctx.session() as session:
        case = await get(session, done)
        assert (case.seq, await cases.verify(session, case)) == (13, [])


async def test_one_submitter_cannot_flood_a_case(database: Database) -> None:
    ctx, done = context(database, DEVICE), await submit(context(database, DEVICE))
    async with ctx.transaction() as session:
        case = await get(session, done)
        for number in range(PER_HOUR):
            await cases.message(session, ctx, case, f"Nachricht {number}")
        with pytest.raises(AllmendeError) as refused:
            await cases.message(session, ctx, case, "Noch eine")
        assert refused.value.code == "RATE_LIMITED"
        await cases.message(session, context(database, WORKER), case, "Wir haben es gelesen.")


async def test_who_follows_sees_what_goes_on_and_nothing_that_was_taken_back(database: Database) -> None:
    ctx = context(database, WORKER)
    first, second = await submit(ctx, "Eins", published=True), await submit(ctx, "Zwei", published=True)
    async with ctx.transaction() as session:
        one, two = await get(session, first), await get(session, second)
        for case in (one, two):
            await cases.transition(session, ctx, LAMP, case, "started")
        receipt = (await cases.follow(session, context(database, OTHER), two, key=new_key())).receipt
        await cases.merge(session, ctx, LAMP, two, one)
        seen = await cases.track(session, context(database), number=two.number, receipt=receipt)
        assert (seen.as_, seen.case.id) == ("public", one.id)
        await cases.publish(session, ctx, one, False)
        with pytest.raises(NotFound):
            await cases.track(session, context(database), number=two.number, receipt=receipt)


async def test_each_device_says_me_too_once_and_nobody_a_hundred_times(database: Database) -> None:
    ctx = context(database, DEVICE)
    case = (await submit(ctx)).case
    counted = []
    async with ctx.transaction() as session:
        found = await cases.find(session, id=case.id)
        assert found is not None
        found.published = found.shown = True
        for reader, key in ((OTHER, "a" * 20), (OTHER, "a" * 20), (OTHER, "b" * 20), (DEVICE, "c" * 20)):
            done = await cases.follow(session, context(database, reader), found, key=key)
            counted.append((found.followers, done.repeated, bool(done.receipt)))
        assert counted == [(1, False, True), (1, True, True), (1, False, True), (1, False, True)]
        for number in range(30):
            await cases.follow(session, context(database), found, key=f"{number:020}")
        with pytest.raises(AllmendeError) as refused:
            await cases.follow(session, context(database), found, key="d" * 20)
        assert (refused.value.code, found.followers) == ("RATE_LIMITED", 31)


async def test_cases_are_parts_of_cases_and_never_in_a_circle(database: Database) -> None:
    ctx = context(database, WORKER)
    one, two, three = [(await submit(ctx, title)).case for title in ("eins", "zwei", "drei")]
    async with ctx.transaction() as session:
        whole, part, deeper = [await cases.find(session, id=case.id) for case in (one, two, three)]
        assert whole is not None
        assert part is not None
        assert deeper is not None
        await cases.make_part(session, ctx, part, whole)
        await cases.make_part(session, ctx, deeper, part)
        for below, above in ((whole, deeper), (whole, whole), (part, deeper)):
            with pytest.raises(InputError):
                await cases.make_part(session, ctx, below, above)
        assert {case.title for case in await cases.linked(session, part)} == {"eins", "drei"}
        for case in (whole, part, deeper):
            assert await cases.verify(session, case) == []


async def test_parts_and_duplicates_are_found_by_indexes_that_hold_no_others(database: Database) -> None:
    done = await submit(context(database, DEVICE))
    async with database.session(HERE) as session:
        with database.count() as statements:
            await cases.linked(session, done.case)
        driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        if database.is_sqlite:
            explained = await driver.execute(f"EXPLAIN QUERY PLAN {statements[0]}", ["x"] * statements[0].count("?"))
            plan = str(list(await explained.fetchall()))
        else:
            await driver.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
            await driver.execute(f"PREPARE looked_at AS {statements[0]}")
            values = ", ".join(["'1'"] * len(set(re.findall(r"\$\d+", statements[0]))))
            plan = str(await driver.fetch(f"EXPLAIN EXECUTE looked_at ({values})"))
            await driver.execute("DEALLOCATE looked_at")
    assert sorted(set(re.findall("ix_case_case_(?:parent|merged)", plan))) == [
        "ix_case_case_merged",
        "ix_case_case_parent",
    ]
