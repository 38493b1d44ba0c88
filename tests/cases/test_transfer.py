"""A case that is handed over goes on elsewhere with its number, receipt, history and pictures, exactly once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allmende import InputError, cases
from allmende.cases.tables import CaseTransfer
from allmende.db.engine import Database
from allmende.files.store import Store
from allmende.files.upload import take_in
from allmende.reader import Reader
from allmende.testing import NOON, make_city
from sqlalchemy import func, select

from tests.files.photos import photo

from .lamps import DEVICE, HERE, LAMP, THERE, WORKER, context, submit

NEIGHBOUR = Reader(kind="staff", id="8" * 32, city=THERE, permissions=frozenset({"cases.work", "cases.read"}))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "files"))


def receiver(database: Database) -> Any:
    """Cities of the instance: both have the module on."""

    def receive(slug: str, kind: str) -> Any:
        if slug not in (HERE, THERE) or kind != "lamps.lamp":
            return None
        city = make_city(slug, plugins={"lamps": context(database).config})
        return context(database, city=city), LAMP

    return receive


async def handed_over(database: Database, store: Store, **to: str) -> cases.Submitted:
    file = await take_in(database, store, HERE, photo(300, 200), NOON)
    ctx, done = context(database, WORKER), await submit(context(database, DEVICE), files=(file.id,))
    async with ctx.transaction() as session:
        case = await cases.find(session, id=done.case.id)
        assert case is not None
        await cases.note(session, ctx, case, "Nicht unser Gebiet")
        await cases.hand_over(session, ctx, case, **(to or {"city": THERE}), text="Das liegt beim Nachbarn.")
    return done


async def seen(database: Database, slug: str, done: cases.Submitted) -> cases.Case:
    ctx = context(database, slug=slug)
    async with ctx.session() as session:
        found = await cases.track(session, ctx, number=done.case.number, receipt=done.receipt)
        assert found.as_ == "submitter"
        assert await cases.verify(session, found.case) == []
        return found.case


async def count(database: Database, city: str, table: Any) -> int:
    async with database.session(city) as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


async def test_another_city_goes_on_with_number_receipt_history_and_pictures(database: Database, store: Store) -> None:
    done = await handed_over(database, store)
    here = await seen(database, HERE, done)
    assert (here.open, here.handed_to) == (False, THERE)
    assert await count(database, THERE, cases.Case) == 0
    assert await cases.deliver(context(database), receiver(database), store) == 1
    there = await seen(database, THERE, done)
    assert (there.number, there.origin, there.open, there.handed_to) == (here.number, HERE, True, "")
    assert (there.department, there.waiting, there.submitter) == ("works", "staff", "")
    async with database.session(THERE) as session:
        happened = [(event.what, text) for event, text in await cases.events(session, there)]
        assert happened == [
            ("submitted", None),
            ("note", "Nicht unser Gebiet"),
            ("handed_over", "Das liegt beim Nachbarn."),
            ("received", None),
        ]
        shown = await cases.pictures(session, context(database, slug=THERE), [there], every=True)
        (picture,) = shown[there.id]
    assert picture.path.startswith(f"/{THERE}/files/")
    assert await store.get(THERE, picture.id, "small")


async def test_a_delivery_that_breaks_off_is_gone_on_with_and_doubles_nothing(database: Database, store: Store) -> None:
    done = await handed_over(database, store)
    async with database.session(HERE) as session:
        waiting = (await session.scalars(select(CaseTransfer))).one()
    assert await cases.deliver(context(database), receiver(database), store) == 1
    async with database.transaction(HERE) as session:  # as if it had died before it could say that it was done
        session.add(CaseTransfer(case_id=waiting.case_id, to_city=waiting.to_city, created=waiting.created))
    assert await cases.deliver(context(database), receiver(database), store) == 1
    assert await cases.deliver(context(database), receiver(database), store) == 0
    assert (await seen(database, THERE, done)).seq == 4
    assert await count(database, THERE, cases.Case) == 1


async def test_a_city_that_is_not_there_for_now_gets_it_later(database: Database, store: Store) -> None:
    done = await handed_over(database, store)
    assert await cases.deliver(context(database), lambda slug, kind: None, store) == 0
    async with database.session(HERE) as session:
        waiting = (await session.scalars(select(CaseTransfer))).one()
    assert (waiting.attempts, waiting.reason) == (1, f"there is no city '{THERE}' here any more")
    assert await cases.deliver(context(database), receiver(database), store) == 1
    assert (await seen(database, THERE, done)).open


async def test_a_case_comes_back_with_what_has_happened_elsewhere(database: Database, store: Store) -> None:
    done = await handed_over(database, store)
    await cases.deliver(context(database), receiver(database), store)
    there = context(database, NEIGHBOUR, slug=THERE, now=NOON + timedelta(days=1))
    async with there.transaction() as session:
        case = await cases.find(session, number=done.case.number)
        assert case is not None
        await cases.message(session, there, case, "Doch bei Ihnen.")
        await cases.hand_over(session, there, case, city=HERE)
    assert await cases.deliver(there, receiver(database), store) == 1
    back = await seen(database, HERE, done)
    assert (back.open, back.handed_to, back.origin, back.seq) == (True, "", "", 7)
    assert (await seen(database, THERE, done)).handed_to == HERE


async def test_while_it_is_elsewhere_nothing_can_be_done_here_that_would_be_lost(
    database: Database, store: Store
) -> None:
    done = await handed_over(database, store)
    await cases.deliver(context(database), receiver(database), store)
    submitter, staff = context(database, DEVICE), context(database, WORKER)
    attempts: list[tuple[Any, Any, Any]] = [
        (submitter, cases.message, ("Hallo?",)),
        (staff, cases.message, ("Hallo!",)),
        (staff, cases.note, ("Noch etwas",)),
        (staff, cases.transition, ("started",)),
        (staff, cases.publish, ()),
        (staff, cases.hand_over, ()),
    ]
    for ctx, do, arguments in attempts:
        async with ctx.transaction() as session:
            case = await cases.find(session, id=done.case.id)
            needs = (LAMP, case) if do is cases.transition else (case,)
            with pytest.raises(InputError) as refused:
                await do(session, ctx, *needs, *arguments, **({"body": "Amt"} if do is cases.hand_over else {}))
            assert (refused.value.code, THERE in refused.value.message) == ("CASE_HANDED_OVER", True)
            await session.rollback()
    there = context(database, NEIGHBOUR, slug=THERE)
    async with there.transaction() as session:
        case = await cases.find(session, number=done.case.number)
        assert case is not None
        await cases.hand_over(session, there, case, city=HERE)
    assert await cases.deliver(there, receiver(database), store) == 1
    async with submitter.transaction() as session:
        case = await cases.find(session, id=done.case.id)
        assert case is not None
        await cases.message(session, submitter, case, "Da ist es ja wieder.")
    assert (await seen(database, HERE, done)).waiting == "staff"


async def test_a_body_outside_gets_a_closed_case_and_nothing_is_delivered(database: Database, store: Store) -> None:
    done = await handed_over(database, store, body="Autobahn GmbH")
    case = await seen(database, HERE, done)
    assert (case.open, case.handed_to) == (False, "Autobahn GmbH")
    assert await cases.deliver(context(database), receiver(database), store) == 0


@pytest.mark.parametrize("to", [{}, {"city": HERE}, {"city": THERE, "body": "Amt"}, {"body": "zwei\nZeilen"}])
async def test_nonsense_is_refused(database: Database, to: dict[str, str]) -> None:
    ctx, done = context(database, WORKER), await submit(context(database))
    async with ctx.transaction() as session:
        with pytest.raises(InputError):
            await cases.hand_over(session, ctx, done.case, **to)


async def test_what_is_closed_is_not_handed_over(database: Database, store: Store) -> None:
    done, ctx = await handed_over(database, store, body="Autobahn GmbH"), context(database, WORKER)
    async with ctx.transaction() as session:
        case = await cases.find(session, id=done.case.id)
        assert case is not None
        with pytest.raises(InputError) as refused:
            await cases.hand_over(session, ctx, case, body="Amt")
    assert refused.value.code == "CASE_CLOSED"
