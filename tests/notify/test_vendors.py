"""From the outbox to Apple's and Google's services, which check the sender, and what becomes of their answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from allmende.city.model import Apns, Fcm, Notify
from allmende.db.engine import Database
from allmende.notify.delivery import deliver
from allmende.notify.endpoints import Place
from allmende.notify.subscribing import register, subscribe
from allmende.notify.tables import Delivery, Endpoint
from allmende.notify.ways import Ways
from allmende.testing import NOON
from sqlalchemy import select

from .people import PICKUPS, announce, make_town, states
from .vendors import Apple, Google, fault, vendors

TOWN = make_town(
    notify=Notify(
        apns=Apns(private_key="secret:APPLE", key_id="KEYID", team_id="TEAM", app="example.app"),
        fcm=Fcm(credentials="secret:GOOGLE"),
    )
)
LATER = NOON + timedelta(minutes=1)


def iphone(number: int) -> str:
    return f"{number:064x}"


def android(number: int) -> str:
    return f"registration-token:{number:04}"


async def join(database: Database, channel: str, *addresses: str) -> None:
    for address in addresses:
        async with database.transaction(TOWN.slug) as session:
            place = Place(channel=channel, address=address)
            endpoint = await register(session, TOWN, address[-32:], place, "de", NOON)
            await subscribe(session, endpoint, "waste", PICKUPS, {}, None, NOON)


async def send(ways: Ways, database: Database, now: datetime = NOON) -> dict[str, int]:
    return await deliver(ways, database, TOWN, lambda: now, 60)


async def addresses(database: Database) -> list[str]:
    async with database.session(TOWN.slug) as session:
        return sorted(await session.scalars(select(Endpoint.address)))


async def waiting(database: Database) -> list[tuple[timedelta, str]]:
    """How long those wait that are tried again, and why."""
    async with database.session(TOWN.slug) as session:
        found = await session.execute(select(Delivery.due, Delivery.reason).where(Delivery.state == "waiting"))
        return sorted((due - NOON, reason) for due, reason in found)


@pytest.fixture
def apple() -> Apple:
    return Apple()


@pytest.fixture
def google() -> Google:
    return Google()


async def test_apple_gets_signed_messages_over_http2_with_one_token(
    database: Database, apple: Apple, google: Google, tmp_path: Path
) -> None:
    phones = [iphone(number) for number in range(40)]
    await join(database, "apns", *phones)
    await announce(database, TOWN, urgency="high", thread="move", link="waste")
    async with vendors(apple, google, tmp_path) as ways:
        assert await send(ways, database) == {"sent": 40}
    assert sorted(apple.received) == phones
    assert (len(apple.tokens), apple.connections <= 2) == (1, True)
    (message,) = apple.received[iphone(7)]
    assert message["aps"]["alert"] == {"title": "Abfuhr verschoben", "body": "auf Samstag"}
    assert (message["link"], message["headers"]["apns-priority"]) == ("waste", "10")


async def test_google_gets_messages_from_a_signed_in_account(
    database: Database, apple: Apple, google: Google, tmp_path: Path
) -> None:
    phones = [android(number) for number in range(40)]
    await join(database, "fcm", *phones)
    await announce(database, TOWN, urgency="high", thread="move", link="waste")
    async with vendors(apple, google, tmp_path) as ways:
        assert await send(ways, database) == {"sent": 40}
    assert (sorted(google.received), len(google.tokens)) == (phones, 1)
    (message,) = google.received[android(7)]
    assert message["notification"] == {"title": "Abfuhr verschoben", "body": "auf Samstag"}
    assert (message["data"]["link"], message["android"]["priority"]) == ("waste", "HIGH")
    assert message["android"]["notification"]["tag"] == message["android"]["collapse_key"]


@pytest.mark.parametrize("channel", ["apns", "fcm"])
async def test_dead_phones_go_and_busy_services_are_tried_again(
    database: Database, apple: Apple, google: Google, tmp_path: Path, channel: str
) -> None:
    vendor, phone = {"apns": (apple, iphone), "fcm": (google, android)}[channel]
    dead, none, busy, down, other = (phone(number) for number in range(5))
    if channel == "apns":
        vendor.plan[dead] += [(410, {}, {"reason": "Unregistered", "timestamp": 1})]
        vendor.plan[none] += [(400, {}, {"reason": "BadDeviceToken"})]
        vendor.plan[busy] += [(429, {}, {"reason": "TooManyRequests"})]
        vendor.plan[down] += [(503, {"retry-after": "120"}, {"reason": "ServiceUnavailable"})]
        vendor.plan[other] += [(400, {}, {"reason": "DeviceTokenNotForTopic"})]
    else:
        said = {"error": {"status": "INVALID_ARGUMENT", "message": "The registration token is not a valid FCM token"}}
        vendor.plan[dead] += [fault(404, "NOT_FOUND", "UNREGISTERED")]
        vendor.plan[none] += [(400, {}, said)]
        vendor.plan[busy] += [fault(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")]
        vendor.plan[down] += [fault(503, "UNAVAILABLE", "UNAVAILABLE", retry_after="120")]
        vendor.plan[other] += [fault(404, "NOT_FOUND")]
    await join(database, channel, dead, none, busy, down, other)
    await announce(database, TOWN)
    async with vendors(apple, google, tmp_path) as ways:
        assert await send(ways, database) == {"dropped": 2, "waiting": 2, "failed": 1}
        assert await addresses(database) == [busy, down, other], "what the app's owner did wrong is no phone's fault"
        (early, _), (late, _) = await waiting(database)
        assert timedelta(seconds=24) <= early <= timedelta(seconds=36)
        assert late == timedelta(seconds=120)
        assert await send(ways, database, NOON + timedelta(seconds=20)) == {}
        assert await send(ways, database, LATER) == {"sent": 1}
        assert await send(ways, database, NOON + timedelta(seconds=120)) == {"sent": 1}
    assert {one: vendor.asked[one] for one in (dead, busy, down)} == {dead: 1, busy: 2, down: 2}
    assert await states(database, TOWN) == {"dropped": 2, "sent": 2, "failed": 1}


@pytest.mark.parametrize("channel", ["apns", "fcm"])
async def test_a_token_that_has_run_out_is_renewed_once_for_all_who_were_refused(
    database: Database, apple: Apple, google: Google, tmp_path: Path, channel: str
) -> None:
    vendor, phone = {"apns": (apple, iphone), "fcm": (google, android)}[channel]
    await join(database, channel, *(phone(number) for number in range(60)))
    await announce(database, TOWN)
    refused = Refused(vendor)
    apple.expired = google.revoked = refused  # type: ignore[assignment]
    async with vendors(apple, google, tmp_path) as ways:
        first = await send(ways, database)
        assert first["waiting"] > 0
        assert len(vendor.tokens) == 2, "Apple turns providers away that make a new one too often"
        await send(ways, database, LATER)
    assert await states(database, TOWN) == {"sent": 60}
    assert {len(got) for got in vendor.received.values()} == {1}


class Refused:
    """Contains the first token that this vendor has seen."""

    def __init__(self, vendor: Apple | Google) -> None:
        self.vendor = vendor

    def __contains__(self, token: str) -> bool:
        return token == self.vendor.tokens[0]


@pytest.mark.parametrize("channel", ["apns", "fcm"])
async def test_nobody_is_lost_while_the_operators_key_is_wrong(
    database: Database, apple: Apple, google: Google, tmp_path: Path, channel: str
) -> None:
    vendor, phone = {"apns": (apple, iphone), "fcm": (google, android)}[channel]
    right, phones = vendor.key, [phone(number) for number in range(3)]
    await join(database, channel, *phones)
    await announce(database, TOWN)
    async with vendors(apple, google, tmp_path) as ways:
        wrong = Apple() if channel == "apns" else Google()
        vendor.key = wrong.key  # type: ignore[assignment]
        assert await send(ways, database) == {"waiting": 3}
        assert await addresses(database) == phones
        vendor.key = right  # type: ignore[assignment]
        assert await send(ways, database, LATER) == {"sent": 3}
