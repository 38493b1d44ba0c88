"""Submitting: one case for each key, with a number and a receipt, routed by the city's rules."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allmende import AllmendeError, CaseRule, InputError, cases
from allmende.cases.claim import make_claim
from allmende.cases.opening import PER_HOUR
from allmende.cases.routing import route
from allmende.cases.tables import CaseEvent, CaseFetch
from allmende.db.engine import Database
from allmende.testing import NOON, make_city
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from .lamps import DEVICE, HERE, LAMP, THERE, LampPublic, context, draft, history, new_key, open_case, submit

BOTH = pytest.mark.parametrize("submit", [submit, open_case])
"""In the caller's transaction, and in one of its own."""


async def count(database: Database, table: Any, city: str = HERE) -> int:
    async with database.session(city) as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


@BOTH
async def test_a_submitted_case_has_number_receipt_department_and_history(database: Database, submit: Any) -> None:
    ctx = context(database, DEVICE)
    case, receipt = (done := await submit(ctx)).case, done.receipt
    assert case.number.startswith("TES-2026-")
    assert len(receipt.replace("-", "")) == 20
    assert (case.kind, case.status, case.open, case.department) == ("lamps.lamp", "received", True, "works")
    assert (case.public, case.private) == ({"colour": "gelb"}, {"phone": "0251 123456"})
    assert (case.submitter, case.waiting, done.repeated) == (DEVICE.id, "staff", False)
    assert await history(ctx, case) == [("submitted", "citizen")]


@BOTH
async def test_a_retry_gets_the_first_answer_with_the_receipt_again(database: Database, submit: Any) -> None:
    ctx, key = context(database), new_key()
    first = await submit(ctx, key=key)
    again = await submit(ctx, key=key)
    assert (again.case.id, again.receipt, again.repeated) == (first.case.id, first.receipt, True)
    assert await count(database, cases.Case) == 1


@BOTH
async def test_a_key_for_another_request_is_refused(database: Database, submit: Any) -> None:
    ctx, key = context(database), new_key()
    await submit(ctx, key=key)
    with pytest.raises(AllmendeError) as refused:
        await submit(ctx, "Etwas anderes", key=key)
    assert refused.value.code == "IDEMPOTENCY_MISMATCH"
    assert await count(database, cases.Case) == 1


@BOTH
async def test_one_key_in_two_cities_makes_two_cases(database: Database, submit: Any) -> None:
    key = new_key()
    here = await submit(context(database), key=key)
    there = await submit(context(database, slug=THERE), key=key)
    assert (here.case.city, there.case.city) == (HERE, THERE)
    assert here.receipt != there.receipt


@BOTH
async def test_twenty_at_once_with_the_same_key_make_exactly_one_case(database: Database, submit: Any) -> None:
    ctx, key = context(database), new_key()
    answers = await asyncio.gather(*(submit(ctx, key=key) for _ in range(20)))
    assert {(one.case.id, one.receipt) for one in answers} == {(answers[0].case.id, answers[0].receipt)}
    assert sorted(one.repeated for one in answers) == [False] + [True] * 19
    assert await count(database, cases.Case) == 1


async def test_a_case_is_opened_with_the_plugins_rows_or_not_at_all(database: Database) -> None:
    def also(case: cases.Case) -> list[Any]:
        return [cases.to_fetch(ctx, case, "https://example.org/a.jpg", shown=True), *taken]

    ctx, key = context(database), new_key()
    first = (await submit(ctx)).case
    async with ctx.transaction() as session:
        await cases.note(session, ctx, await session.merge(first), "Eine Notiz")
    taken = [CaseEvent(case_id=first.id, seq=2, at=NOON, what="x", actor="x", audience="staff", hash="x")]
    with pytest.raises(IntegrityError):
        await cases.open_case(ctx, LAMP, draft(), key=key, also=also)
    assert (await count(database, cases.Case), await count(database, CaseFetch)) == (1, 0)
    taken.clear()
    for repeated in (False, True):
        assert (await cases.open_case(ctx, LAMP, draft(), key=key, also=also)).repeated is repeated
    assert (await count(database, cases.Case), await count(database, CaseFetch)) == (2, 1)


async def test_a_case_takes_few_statements_and_those_without_a_token_share_a_limit(database: Database) -> None:
    ctx = context(database)
    with database.count() as statements:
        for _ in range(2):
            await cases.open_case(ctx, LAMP, draft(), key=new_key(), anonymous_per_hour=2)
    assert len(statements) == (2 * 2 if database.is_sqlite else 2)
    with database.count() as statements:
        await open_case(context(database, DEVICE))
        await submit(ctx)
    assert len(statements) == (2 if database.is_sqlite else 1) + 2
    with pytest.raises(AllmendeError) as refused:
        await cases.open_case(ctx, LAMP, draft(), key=new_key(), anonymous_per_hour=3)
    assert refused.value.code == "RATE_LIMITED"
    await cases.open_case(context(database, DEVICE), LAMP, draft(), key=new_key(), anonymous_per_hour=0)
    await cases.open_case(context(database, slug=THERE), LAMP, draft(), key=new_key(), anonymous_per_hour=1)
    later = context(database, now=NOON + timedelta(hours=1, seconds=1))
    await cases.open_case(later, LAMP, draft(), key=new_key(), anonymous_per_hour=1)


async def test_what_failed_leaves_nothing_and_can_be_tried_again_with_its_key(database: Database) -> None:
    ctx, key = context(database), new_key()

    async def half() -> None:
        async with ctx.transaction() as session:
            await cases.submit(session, ctx, LAMP, draft(), key=key)
            raise RuntimeError("the plugin's own part failed")

    with pytest.raises(RuntimeError):
        await half()
    assert (await count(database, cases.Case), await count(database, CaseEvent)) == (0, 0)
    assert (await submit(ctx, key=key)).repeated is False


async def test_a_receipt_is_stored_nowhere_in_the_clear(database: Database, database_url: str) -> None:
    done = await submit(context(database))
    assert done.case.receipt not in ("", done.receipt)
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))
        raw = b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))
        plain = done.receipt.replace("-", "")
        assert (done.receipt.encode() in raw, plain.encode() in raw, done.case.number.encode() in raw) == (
            False,
            False,
            True,
        )


@BOTH
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"title": " "}, "BAD_INPUT"),
        ({"title": "x" * 201}, "TOO_LONG"),
        ({"title": "zwei\nZeilen"}, "BAD_INPUT"),
        ({"title": "null\x00"}, "BAD_INPUT"),
        ({"lat": 91.0}, "BAD_INPUT"),
        ({"lat": float("nan")}, "BAD_INPUT"),
        ({"lon": None}, "BAD_INPUT"),
        ({"public": LampPublic(colour="x" * 5_001)}, "TOO_LONG"),
        ({"files": tuple(f"{n:032}" for n in range(9))}, "BAD_INPUT"),
        ({"files": ("0" * 32,)}, "FILE_UNKNOWN"),
        ({"parent": "0" * 32}, "NOT_FOUND"),
    ],
)
async def test_bad_drafts_are_refused_and_leave_nothing(
    database: Database, submit: Any, values: dict[str, Any], code: str
) -> None:
    with pytest.raises(InputError) as refused:
        await submit(context(database), **values)
    assert refused.value.code == code
    assert (await count(database, cases.Case), await count(database, CaseEvent)) == (0, 0)


@pytest.mark.parametrize("key", ["short", "x" * 129, "schlüssel-mit-umlaut", "with\nnewline-0123456789"])
async def test_keys_that_others_could_have_are_refused(database: Database, key: str) -> None:
    with pytest.raises(InputError, match="idempotencyKey"):
        await submit(context(database), key=key)


async def test_scripts_in_a_text_stay_text(database: Database) -> None:
    done = await submit(context(database), "<script>alert(1)</script>")
    assert done.case.title == "<script>alert(1)</script>"


@BOTH
async def test_one_device_cannot_flood_the_town_hall(database: Database, submit: Any) -> None:
    ctx, key = context(database, DEVICE), new_key()
    for _ in range(PER_HOUR - 1):
        await submit(ctx)
    await submit(ctx, key=key)
    with pytest.raises(AllmendeError) as refused:
        await submit(ctx)
    assert refused.value.code == "RATE_LIMITED"
    assert (await submit(ctx, key=key)).repeated, "a retry is no new case"
    later = context(database, DEVICE, now=NOON + timedelta(hours=1, minutes=1))
    assert not (await submit(later)).repeated


@BOTH
async def test_two_that_draw_the_same_number_get_two_numbers(database: Database, submit: Any, monkeypatch: Any) -> None:
    drawn, urandom = iter([7, 7, 7, 8]), os.urandom
    monkeypatch.setattr(
        "allmende.cases.codes.os.urandom",
        lambda many: next(drawn).to_bytes(8, "big") if many == 8 else urandom(many),
    )
    ctx = context(database)
    numbers = [(await submit(ctx)).case.number for _ in range(2)]
    assert numbers == ["TES-2026-000007", "TES-2026-000008"]


def test_rules_decide_by_category_time_weekday_and_area(tmp_path: Path) -> None:
    ring = [[7.6, 51.9], [7.7, 51.9], [7.7, 52.0], [7.6, 52.0], [7.6, 51.9]]
    (tmp_path / "west.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    (tmp_path / "broken.geojson").write_text("{")
    city = make_city(folder=str(tmp_path))
    rules = [
        CaseRule(department="gone", area="missing.geojson"),
        CaseRule(department="bad", area="broken.geojson"),
        CaseRule(department="night", between="22:00-06:00", deadline_hours=4),
        CaseRule(department="west", area="west.geojson", weekdays=("mon",)),
        CaseRule(department="parks", category=("park", "playground")),
    ]

    def department(hours: float = 0, category: str = "", position: tuple[float, float] | None = None) -> str:
        at = NOON + timedelta(hours=hours)
        return route(city, rules, category=category, position=position, at=at).department

    assert department() == ""
    assert department(hours=11) == "night"
    assert department(hours=17.5) == "night"
    assert department(hours=18) == ""
    assert department(position=(51.95, 7.65)) == "west"
    assert department(hours=24, position=(51.95, 7.65)) == ""
    assert department(position=(52.05, 7.65), category="park") == "parks"
    deadline = route(city, rules, category="", position=None, at=NOON + timedelta(hours=11)).deadline
    assert deadline == NOON + timedelta(hours=15)


async def test_who_reads_the_database_cannot_make_a_receipt_without_the_clients_key(database: Database) -> None:
    """Of what is stored, nothing is the receipt or leads to it; the key leads to it with the same request only."""
    ctx, key = context(database), new_key()
    done = await open_case(ctx, key=key)
    claim = make_claim(key, ["lamps.lamp", draft()])
    assert (done.case.once, done.receipt) == (claim.once, claim.receipt(done.case.id)[0])
    assert key not in repr(done.case.__dict__)
    others = [make_claim(key, ["lamps.lamp", draft("Anders")]), make_claim(new_key(), ["lamps.lamp", draft()])]
    assert done.receipt not in [other.receipt(done.case.id)[0] for other in others]
    assert done.receipt != claim.receipt("0" * 32)[0], "each case has a receipt of its own"


async def test_an_erased_case_is_not_found_by_the_clients_key_any_more(database: Database) -> None:
    ctx, key = context(database), new_key()
    first = await open_case(ctx, key=key)
    async with ctx.transaction() as session:
        case = await cases.find(session, id=first.case.id)
        assert case is not None
        await cases.erase(session, ctx, case)
    assert (await open_case(ctx, key=key)).case.id != first.case.id
