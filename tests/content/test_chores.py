"""What the clock does: publishes and takes away in time, delivers after a crash, keeps repeating events ahead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allmende.content.chores import content_chores
from allmende.content.items import events, find
from allmende.content.sharing import subscribe
from allmende.content.values import blank
from allmende.desk.content.deliver import newsroom
from allmende.testing import Town

from .newsroom import desk, news, published, titles


async def tick(town: Town, name: str = "content-due") -> None:
    chore = next(one for one in content_chores(newsroom(town.instance.services)) if one.name == name)
    await chore.run(town.city)


@pytest.fixture
def paper(town: Town) -> Town:
    town.switch_on("news")
    return town


async def test_what_is_scheduled_appears_and_disappears_in_time(paper: Town) -> None:
    soon, later = paper.now + timedelta(hours=1), paper.now + timedelta(hours=2)
    await published(paper, news(), at=soon, until=later)
    await tick(paper)
    assert await titles(paper) == []
    paper.wait(hours=1)
    await tick(paper)
    assert await titles(paper) == ["Schwimmbad offen"]
    paper.wait(hours=1)
    assert await titles(paper) == []  # by itself, before the clock has come round
    await tick(paper)
    at = desk(paper)
    async with at.ctx.transaction() as session:
        item = await find(session, at, await only_id(session))
        assert (item.state, item.live) == ("archived", None)
        assert [one.action for one in await events(session, item.id)] == ["expired", "published", "scheduled"]


async def only_id(session: Any) -> str:
    from allmende.content.tables import ContentItem
    from sqlalchemy import select

    return str((await session.scalars(select(ContentItem.id))).one())


async def test_what_cannot_appear_goes_back_to_its_editor_with_the_reason(paper: Town) -> None:
    item = await published(paper, news(), at=paper.now + timedelta(hours=1), until=paper.now + timedelta(hours=2))
    paper.wait(hours=3)
    await tick(paper)
    at = desk(paper)
    async with at.ctx.transaction() as session:
        item = await find(session, at, item.id)
        assert (item.state, (await events(session, item.id))[0].action) == ("draft", "refused")


async def test_what_was_not_delivered_before_a_crash_is_delivered_afterwards(paper: Town) -> None:
    south = paper.neighbour("suedstadt")
    south.switch_on("news")
    there = desk(south)
    async with there.ctx.transaction() as session:
        await subscribe(session, there, paper.slug, "", automatic=True)
    await published(paper, news())
    assert await titles(south) == []
    await tick(paper)
    assert await titles(south) == ["Schwimmbad offen"]


STARTS = "events { upcoming(first: 100) { start } }"


async def starts(town: Town) -> list[str]:
    return [one["start"] for one in (await town.ask(STARTS))["events"]["upcoming"]]


def event(town: Town, **more: Any) -> dict[str, Any]:
    type_ = town.instance.installed("events").plugin.content[0]
    return {**blank(type_), "title": {"de": "Sprechstunde"}, "start": "2026-11-24T17:00:00+01:00", **more}


async def test_an_event_that_repeats_is_kept_ahead_of_the_clock(town: Town) -> None:
    town.switch_on("events", "horizon_days = 30\n")
    await town.publish("events", event(town, repeat="weekly"))
    first = await starts(town)
    assert first[0] == "2026-11-24T17:00:00+01:00"
    town.wait(days=21)
    await tick(town, "content-daily")
    later = await starts(town)
    assert (len(later), later[-1] > first[-1]) == (5, True)
    town.wait(days=200)
    await tick(town, "content-daily")
    assert "2027-07-06T17:00:00+02:00" in await starts(town)  # the wall clock's five, in summer as in winter


async def test_an_event_that_is_over_is_archived(town: Town) -> None:
    town.switch_on("events", "past_days = 2\n")
    id_ = await town.publish("events", event(town))
    town.wait(days=10)
    await tick(town, "content-daily")
    at = desk(town, "events")
    async with at.ctx.session() as session:
        assert (await find(session, at, id_)).state == "archived"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"repeat": "daily", "repeat_until": "2026-11-26"}, ["2026-11-24", "2026-11-25", "2026-11-26"]),
        ({"repeat": "fortnightly", "repeat_until": "2026-12-23"}, ["2026-11-24", "2026-12-08", "2026-12-22"]),
        ({"repeat": "monthly_date", "repeat_until": "2027-01-31"}, ["2026-11-24", "2026-12-24", "2027-01-24"]),
        ({"repeat": "monthly_weekday", "repeat_until": "2027-01-31"}, ["2026-11-24", "2026-12-22", "2027-01-26"]),
        ({"repeat": "yearly"}, ["2026-11-24", "2027-11-24"]),
        ({"repeat": "weekly", "repeat_until": "2026-12-08", "skip": ["2026-12-01"]}, ["2026-11-24", "2026-12-08"]),
    ],
    ids=lambda value: value.get("repeat") if isinstance(value, dict) else "",
)
async def test_rules_in_plain_terms_become_dates(town: Town, more: dict[str, Any], expected: list[str]) -> None:
    town.switch_on("events")
    await town.publish("events", event(town, **more))
    assert [start[:10] for start in await starts(town)] == expected


async def test_whole_days_end_at_midnight_after_the_last_one(town: Town) -> None:
    town.switch_on("events")
    await town.publish("events", event(town, all_day=True, end="2026-11-26T00:00:00+01:00"))
    shown = await town.ask("events { upcoming { start end lastDay allDay } }")
    assert shown["events"]["upcoming"] == [
        {
            "start": "2026-11-24T00:00:00+01:00",
            "end": "2026-11-27T00:00:00+01:00",
            "lastDay": "2026-11-26",
            "allDay": True,
        }
    ]


async def test_what_a_rule_means_is_said_in_words(town: Town) -> None:
    from allmende.content.values import entry_of

    town.switch_on("events")
    at = desk(town, "events")
    values = event(town, repeat="monthly_weekday", repeat_until="2027-01-31")
    assert at.type.explain is not None
    said = at.type.explain(entry_of(at.type, values, at.ctx, key="-", published_at=town.now), at.ctx)
    assert said == [
        "Jeden Monat am vierten Dienstag",
        "bis zum 31. Januar 2027",
        "Dienstag, 24. November 2026, 17:00",
        "Dienstag, 22. Dezember 2026, 17:00",
        "Dienstag, 26. Januar 2027, 17:00",
    ]


async def test_an_event_that_ends_before_it_begins_is_refused(town: Town) -> None:
    from allmende.errors import InputError

    town.switch_on("events")
    with pytest.raises(InputError, match="endet, bevor"):
        await town.publish("events", event(town, end="2026-11-24T16:00:00+01:00"))


async def test_a_draft_that_is_due_twice_is_published_once(paper: Town) -> None:
    await published(paper, news(), at=paper.now + timedelta(minutes=5))
    paper.wait(minutes=5)
    await tick(paper)
    await tick(paper)
    at = desk(paper)
    async with at.ctx.session() as session:
        done = [one.action for one in await events(session, await only_id(session))]
    assert done.count("published") == 1


async def test_an_event_and_a_place_are_read_in_the_language_in_which_they_are_written(town: Town) -> None:
    town.switch_on("events")
    town.switch_on("places")
    more = {"title": {"de": "Markt", "en": "Market"}, "text": {"de": "Am **Ring**.", "en": "At the *ring*."}}
    await town.publish("events", event(town, **more))
    await town.publish("events", event(town, title={"de": "Nur deutsch"}, start="2026-11-25T17:00:00+01:00"))
    place = {"name": {"de": "Bad", "en": "Pool"}, "category": "other", "position": {"lat": 51.96, "lon": 7.63}}
    await town.publish("places", place)
    asked = "events { upcoming { title text language } } places { near { name language } }"
    english, german = await town.ask(asked, language="en"), await town.ask(asked, language="de")
    assert english["events"]["upcoming"] == [
        {"title": "Market", "text": "At the ring.", "language": "en"},
        {"title": "Nur deutsch", "text": "", "language": "de"},
    ]
    assert german["events"]["upcoming"][0] == {"title": "Markt", "text": "Am Ring.", "language": "de"}
    assert english["places"]["near"] == [{"name": "Pool", "language": "en"}]
    assert german["places"]["near"] == [{"name": "Bad", "language": "de"}]
    found = await town.ask('search(text: "pool") { title }', language="en")
    assert found["search"] == [{"title": "Pool"}]
