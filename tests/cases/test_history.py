"""The history of a case cannot be rewritten: the database refuses, and whoever gets around that is seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from allmende import cases
from allmende.cases.history import opening
from allmende.cases.tables import CaseEvent, CaseText
from allmende.db.engine import Database
from allmende.testing import NOON
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from .lamps import HERE, LAMP, WORKER, context, submit

UNLOCK = {
    "sqlite": "DROP TRIGGER case_event_update; DROP TRIGGER case_event_delete; DROP TRIGGER case_case_opening",
    "postgresql": "SET allmende.city = '*'; ALTER TABLE case_event DISABLE TRIGGER USER;"
    " ALTER TABLE case_case DISABLE TRIGGER USER",
}


OTHERWISE = {"opened_by": "system", "opened": {"status": "fixed"}, "created": NOON + timedelta(days=1)}


async def worked_on(database: Database) -> cases.Case:
    """A case with six events."""
    ctx = context(database, WORKER)
    case = (await submit(context(database))).case
    async with ctx.transaction() as session:
        found = await cases.find(session, id=case.id)
        assert found is not None
        await cases.note(session, ctx, found, "Schon wieder der.")
        await cases.message(session, ctx, found, "Wo genau?", asks=True)
        await cases.message(session, context(database), found, "Vor Haus 3.")
        await cases.transition(session, ctx, LAMP, found, "started")
        await cases.transition(session, ctx, LAMP, found, "fixed", text="Danke!")
    return found


def behind_the_back(url: str, *statements: str) -> None:
    """What somebody does who owns the database: take the lock off, and write."""
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    every = "; ".join((UNLOCK[kind], *statements))
    if kind == "sqlite":
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript(every)
        connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(every.encode())


async def faults(database: Database, id_: str) -> list[str]:
    async with database.session(HERE) as session:
        case = await cases.find(session, id=id_)
        assert case is not None
        return [fault[len(case.number) + 2 :] for fault in await cases.verify(session, case)]


async def test_an_untouched_history_is_sound(database: Database) -> None:
    case = await worked_on(database)
    assert (case.seq, await faults(database, case.id)) == (6, [])
    async with database.session(HERE) as session:
        public = await cases.events(session, case, (audience for audience in ("public",)))
    assert [event.what for event, _ in public] == ["submitted", "status", "status"]


@pytest.mark.parametrize(
    "statement",
    [
        update(CaseEvent).values(what="nothing"),
        delete(CaseEvent),
        *[update(cases.Case).values({name: value}) for name, value in OTHERWISE.items()],
    ],
    ids=["update", "delete", *OTHERWISE],
)
async def test_the_database_refuses_to_change_or_delete_an_event(
    database: Database, statement: Callable[..., None]
) -> None:
    case = await worked_on(database)

    async def tamper() -> None:
        async with database.transaction(HERE) as session:
            await session.execute(statement)  # type: ignore[call-overload]

    with pytest.raises(DBAPIError, match="append-only"):
        await tamper()
    assert await faults(database, case.id) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE case_event SET actor = 'citizen' WHERE seq = 2", ["event 2: was changed, or one before it"]),
        (
            'UPDATE case_event SET facts = \'{"from": "received", "to": "refused"}\' WHERE seq = 5',
            ["event 5: was changed, or one before it"],
        ),
        (
            "DELETE FROM case_event WHERE seq = 3",
            ["event 4: follows event 2", "event 4: was changed, or one before it"],
        ),
        ("DELETE FROM case_event WHERE seq = 6", ["its history ends with event 5, and should with 6"]),
        ("UPDATE case_text SET text = 'Nie gefragt' WHERE seq = 3", ["event 3: its text was changed"]),
        ("DELETE FROM case_text WHERE seq = 4", ["event 4: its text is missing"]),
        (
            "UPDATE case_event SET seq = 17 WHERE seq = 3; UPDATE case_event SET seq = 3 WHERE seq = 4;"
            " UPDATE case_event SET seq = 4 WHERE seq = 17",
            [
                "event 3: was changed, or one before it",
                "event 3: its text was changed",
                "event 4: was changed, or one before it",
                "event 4: its text was changed",
                "event 5: was changed, or one before it",
            ],
        ),
        ("UPDATE case_case SET opened_by = 'system'", ["event 2: was changed, or one before it"]),
        ("UPDATE case_case SET opened = '{}'", ["event 2: was changed, or one before it"]),
        (
            "UPDATE case_case SET opened_by = ''",
            ["event 2: follows event 0", "event 2: was changed, or one before it"],
        ),
    ],
    ids=["actor", "facts", "gap", "end", "text", "text gone", "swapped", "opened by", "opening", "no opening"],
)
async def test_what_was_tampered_with_is_found(
    database: Database, database_url: str, statement: str, found: list[str]
) -> None:
    case = await worked_on(database)
    behind_the_back(database_url, statement)
    assert await faults(database, case.id) == found


async def test_texts_can_be_erased_and_the_history_is_still_sound(database: Database) -> None:
    case, ctx = await worked_on(database), context(database)
    async with ctx.transaction() as session:
        mine = await cases.find(session, id=case.id)
        assert mine is not None
        await cases.erase(session, ctx, mine)
    assert await faults(database, case.id) == []
    async with database.session(HERE) as session:
        happened = await cases.events(session, case)
        assert await session.get(CaseText, {"city": HERE, "case_id": case.id, "seq": 2}) is None
    assert [text for _, text in happened] == [None] * 7
    assert happened[-1][0].what == "erased"


async def test_a_history_of_which_the_first_event_is_a_row_reads_and_verifies_the_same(
    database: Database, database_url: str
) -> None:
    """As cases were written before November 2026."""
    case = await worked_on(database)
    first = opening(case)
    assert first is not None
    async with database.transaction(HERE) as session:
        before = [(event.seq, event.what, event.facts) for event, _ in await cases.events(session, case)]
        session.add(first)
    behind_the_back(database_url, "UPDATE case_case SET opened_by = '', opened = '{}'")
    assert await faults(database, case.id) == []
    async with database.session(HERE) as session:
        old = await cases.find(session, id=case.id)
        assert old is not None
        assert [(event.seq, event.what, event.facts) for event, _ in await cases.events(session, old)] == before
