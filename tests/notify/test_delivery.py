"""Who is told, how often, in which words, and what becomes of those who cannot be reached."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from allmende import Message, tell
from allmende.db.engine import Database
from allmende.notify.queue import claim
from allmende.notify.quiet import rests_until
from allmende.notify.spread import spread
from allmende.notify.subscribing import unsubscribe, unsubscribe_all
from allmende.notify.tables import Delivery, Endpoint, Subscription
from allmende.testing import NOON
from sqlalchemy import func, select

from .people import ALARM, CASES, PICKUPS, announce, context, join, make_town, run, states
from .pushservice import PushService, serving

BERLIN = ZoneInfo("Europe/Berlin")
CITY = make_town()


async def test_message_reaches_matching_subscribers_encrypted_in_their_language(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1, parameters={"street": "Hauptstraße"})
        await join(database, CITY, base, 2, parameters={"street": "hauptstraße "}, language="en")
        await join(database, CITY, base, 3)
        await join(database, CITY, base, 4, parameters={"street": "Nebenstraße"})
        await join(database, CITY, base, 5, parameters={"street": "Hauptstraße", "fraction": "paper"})
        await join(database, CITY, base, 6, parameters={"street": "Hauptstraße", "fraction": "glass"})
        facts = {"street": "Hauptstraße", "fraction": ["paper", "organic"]}
        assert await announce(database, CITY, facts=facts, link="waste", urgency="high", thread="move")
        assert await run(database, CITY, base) == {"sent": 4}, (service.refused, service.asked)
    assert {number: [one["title"] for one in got] for number, got in service.received.items()} == {
        1: ["Abfuhr verschoben"],
        2: ["Pickup moved"],
        3: ["Abfuhr verschoben"],
        5: ["Abfuhr verschoben"],
    }
    (message,) = service.received[2]
    assert (message["body"], message["link"], message["city"], message["topic"]) == (
        "to Saturday",
        "waste",
        "teststadt",
        "waste.pickups",
    )
    assert {one["urgency"] for one in service.headers} == {"high"}
    assert {one["ttl"] for one in service.headers} == {str(7 * 24 * 3600)}
    assert {one["topic"] for one in service.headers} == {message["tag"]}
    assert service.refused == []


@pytest.mark.parametrize("night", [datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)])
@pytest.mark.parametrize(("begin", "end"), [(1320, 150), (1320, 120), (0, 150), (60, 170), (110, 180), (1320, 420)])
def test_quiet_hours_end_also_when_summer_time_begins_or_ends(night: datetime, begin: int, end: int) -> None:
    """A message that waits for a moment which is over would be taken up again at once, again and again."""
    moments = [night + timedelta(minutes=number) for number in range(0, 14 * 60, 5)]
    ends = {moment: until for moment in moments if (until := rests_until(moment, BERLIN, begin, end))}
    assert ends
    for moment, until in ends.items():
        assert moment < until <= moment + timedelta(hours=11)
        assert rests_until(until, BERLIN, begin, end) is None


async def test_nobody_is_told_twice(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1)
        await join(database, CITY, base, 1, parameters={"street": "Ring"})
        assert await announce(database, CITY, facts={"street": "Ring"})
        assert not await announce(database, CITY, facts={"street": "Ring"}, title="again")
        await run(database, CITY, base)
        assert not await announce(database, CITY, facts={"street": "Ring"})
        assert await run(database, CITY, base) == {}
    assert len(service.received[1]) == 1


async def test_message_of_a_rolled_back_cause_is_not_sent(database: Database) -> None:
    ctx = context(database, CITY)

    async def fail() -> None:
        async with ctx.transaction() as session:
            await tell(session, ctx, PICKUPS, Message(key="x", title="y"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await announce(database, CITY, "x")


async def test_two_workers_share_the_work_and_send_each_once(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        for number in range(60):
            await join(database, CITY, base, number, manner="slow")
        await announce(database, CITY)
        await asyncio.gather(run(database, CITY, base), run(database, CITY, base))
    assert sorted(service.received) == list(range(60))
    assert {len(got) for got in service.received.values()} == {1}
    assert await states(database, CITY) == {"sent": 60}


async def test_what_a_killed_worker_had_claimed_is_due_again_after_its_lease(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1)
        await announce(database, CITY)
        await spread(database, CITY.slug, NOON)
        assert len((await claim(database, CITY.slug, CITY.tz, NOON, 10)).ready) == 1
        assert await run(database, CITY, base) == {}
        assert await run(database, CITY, base, now=NOON + timedelta(minutes=6)) == {"sent": 1}


async def test_dead_endpoints_go_at_once_with_all_they_had(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1, manner="gone")
        await join(database, CITY, base, 1, ALARM, manner="gone")
        await join(database, CITY, base, 2)
        await announce(database, CITY)
        assert await run(database, CITY, base) == {"sent": 1, "dropped": 1}
    async with database.session(CITY.slug) as session:
        assert list(await session.scalars(select(Endpoint.owner))) == ["device2"]
        assert (await session.execute(select(func.count()).select_from(Subscription))).scalar_one() == 1


async def test_failure_is_tried_again_later_and_later(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1, manner="flaky")
        await announce(database, CITY)
        assert await run(database, CITY, base) == {"waiting": 1}
        assert await run(database, CITY, base, now=NOON + timedelta(seconds=20)) == {}
        assert await run(database, CITY, base, now=NOON + timedelta(seconds=40)) == {"sent": 1}


async def test_service_that_does_not_answer_is_left_in_peace_and_delays_no_other(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        for number in range(60):
            await join(database, CITY, "http://127.0.0.1:1", number)
        await join(database, CITY, base, 100)
        await announce(database, CITY)
        assert await run(database, CITY, base, "http://127.0.0.1:1") == {"waiting": 60, "sent": 1}
    async with database.session(CITY.slug) as session:
        attempts = list(await session.scalars(select(Delivery.attempts).where(Delivery.state == "waiting")))
    assert sum(attempts) < 40  # those under way when it was noticed; the rest was not tried


async def test_private_address_is_never_connected_to(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1)
        await announce(database, CITY)
        assert await run(database, CITY) == {"failed": 1}
    assert service.asked == {}


async def test_opting_out_counts_until_the_very_sending(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        one = await join(database, CITY, base, 1)
        await join(database, CITY, base, 2)
        await join(database, CITY, base, 3)
        await announce(database, CITY)
        await spread(database, CITY.slug, NOON)
        async with database.transaction(CITY.slug) as session:
            assert await unsubscribe(session, "device1", one.id)
            assert not await unsubscribe(session, "device2", one.id)
            assert await unsubscribe_all(session, "device2", NOON) == 1
        assert await run(database, CITY, base) == {"dropped": 1, "sent": 1}
    assert list(service.received) == [3]


async def test_quiet_hours_delay_all_but_the_urgent(database: Database) -> None:
    service, night = PushService(), datetime(2026, 11, 23, 23, 0, tzinfo=BERLIN)
    async with serving(service) as base:
        await join(database, CITY, base, 1, quiet=(22 * 60, 6 * 60))
        await join(database, CITY, base, 2)
        await join(database, CITY, base, 3, ALARM, quiet=(22 * 60, 6 * 60))
        await announce(database, CITY, now=night)
        await announce(database, CITY, topic=ALARM, now=night, urgency="high", facts={"severity": "minor"})
        await run(database, CITY, base, now=night)
        assert sorted(service.received) == [2]
        await announce(database, CITY, "two", topic=ALARM, now=night, urgency="urgent", facts={"severity": "severe"})
        await run(database, CITY, base, now=night)
        assert sorted(service.received) == [2, 3]
        await run(database, CITY, base, now=datetime(2026, 11, 24, 5, 59, tzinfo=BERLIN))
        assert sorted(service.received) == [2, 3]
        await run(database, CITY, base, now=datetime(2026, 11, 24, 6, 0, tzinfo=BERLIN))
    assert {number: len(got) for number, got in service.received.items()} == {1: 1, 2: 1, 3: 2}


async def test_least_severity_includes_what_is_worse(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        for number, least in enumerate(("minor", "moderate", "severe")):
            await join(database, CITY, base, number, ALARM, {"severity": least})
        await announce(database, CITY, topic=ALARM, facts={"severity": "moderate"})
        await run(database, CITY, base)
    assert sorted(service.received) == [0, 1]


async def test_personal_message_reaches_only_whom_it_is_for(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1, CASES, owner="anna")
        await join(database, CITY, base, 2, CASES, owner="bert")
        with pytest.raises(ValueError, match="personal"):
            await announce(database, CITY, topic=CASES)
        await announce(database, CITY, topic=CASES, to=["anna", "carl"])
        assert await run(database, CITY, base) == {"sent": 1}
    assert list(service.received) == [1]


async def test_expired_message_is_dropped(database: Database) -> None:
    service = PushService()
    async with serving(service) as base:
        await join(database, CITY, base, 1)
        await announce(database, CITY, expires=NOON + timedelta(hours=1))
        assert await run(database, CITY, base, now=NOON + timedelta(hours=1)) == {"dropped": 1}
    assert service.received == {}


async def test_cities_do_not_see_one_anothers_subscribers(database: Database) -> None:
    service, other = PushService(), make_town(slug="andernorts")
    async with serving(service) as base:
        await join(database, CITY, base, 1)
        await join(database, other, base, 2)
        await announce(database, other)
        assert await run(database, CITY, base) == {}
        assert await run(database, other, base) == {"sent": 1}
    assert list(service.received) == [2]
