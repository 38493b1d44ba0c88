"""The city's queue of deliveries: what is due is claimed, looked at once more, and settled after the attempt.

A claim is a lease: who dies with it leaves deliveries that become due again. So the only way to send twice is to die
between the sending and the settling; the thread of a message then makes the second replace the first. Nobody is sent a
third: what two senders have died with is failed, with this reason. The second takes no more than it begins at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import uniform
from uuid import uuid4
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import ColumnElement, bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.context import Database
from allmende.notify.channels.email import CONFIRM
from allmende.notify.quiet import rests_until
from allmende.notify.tables import Delivery, Endpoint, Outgoing, Subscription

LEASE = timedelta(minutes=5)
"""Longer than a claimed delivery waits and takes."""
TAKES = timedelta(seconds=30)
"""An attempt, at most: none is begun so shortly before the end of its lease."""
ATTEMPTS = 8
"""After half a minute, two, eight, half an hour, two hours, then every six hours."""
INTERRUPTED = "two senders died with it; it may have arrived"
_QUIET = {"synchronize_session": False}


class Claimed(Struct, frozen=True, kw_only=True):
    """A delivery that this process may attempt now."""

    message: Outgoing
    endpoint: Endpoint
    attempts: int
    """This one included."""
    lease: str
    until: datetime
    """Then somebody else may have claimed it."""


class Result(Struct, frozen=True, kw_only=True):
    """What becomes of a claimed delivery; nothing, where somebody else has claimed it since."""

    lease: str
    message: str
    endpoint: str
    state: str
    due: datetime
    attempts: int
    reason: str = ""
    settled: datetime | None = None
    channel: str = ""


class Claim(Struct, frozen=True, kw_only=True):
    lease: str
    ready: Sequence[Claimed] = ()
    others: Sequence[Result] = ()
    """Those that are not sent now: nobody wants them any more, or they wait for the end of quiet hours."""


async def claim(
    database: Database, city: str, tz: ZoneInfo, now: datetime, number: int, *, interrupted: bool = False
) -> Claim:
    """At most `number` deliveries that are due, the most urgent first. Opting out counts up to this moment.

    Those whose sender has died are left out; with `interrupted`, it is those only.
    """
    lease = uuid4().hex
    due = (*_due(now), (Delivery.lease != "") if interrupted else (Delivery.lease == ""))
    first = select(Delivery.message, Delivery.endpoint).where(*due).order_by(Delivery.rank, Delivery.due)
    async with database.transaction(city) as session:
        statement = (
            update(Delivery)
            .where(tuple_(Delivery.message, Delivery.endpoint).in_(first.limit(number)), *due)
            .values(
                lease=lease,
                due=now + LEASE,
                attempts=Delivery.attempts + 1,
                interrupted=Delivery.interrupted + int(interrupted),
            )
            .returning(Delivery.message, Delivery.endpoint, Delivery.attempts, Delivery.interrupted)
        )
        rows = (await session.execute(statement, execution_options=_QUIET)).all()
    if not rows:
        return Claim(lease=lease)
    ids = {row.endpoint for row in rows}
    async with database.session(city) as session:
        found = await session.scalars(select(Outgoing).where(Outgoing.id.in_({row.message for row in rows})))
        messages = {one.id: one for one in found}
        endpoints = {one.id: one for one in await session.scalars(select(Endpoint).where(Endpoint.id.in_(ids)))}
        wanted: dict[tuple[str, str], list[Subscription]] = defaultdict(list)
        topics = {message.topic for message in messages.values()}
        asked = select(Subscription).where(Subscription.endpoint.in_(ids), Subscription.topic.in_(topics))
        for one in await session.scalars(asked):
            wanted[one.endpoint, one.topic].append(one)
    ready, others = [], []
    for id_, endpoint_id, attempts, times in rows:
        message, endpoint = messages.get(id_), endpoints.get(endpoint_id)
        fault = _fault(message, endpoint, now)
        rest = None
        if message is not None and endpoint is not None and not fault and message.topic != CONFIRM:
            mine = [one for one in wanted[endpoint_id, message.topic] if one.match in message.matches]
            rests = [rests_until(now, tz, one.quiet_from, one.quiet_until) for one in mine]
            fault = "" if mine else "opted out"
            rest = None if message.breaks_quiet or None in rests else min((r for r in rests if r), default=None)
        if fault or message is None or endpoint is None:
            state, at, settled = "dropped", now, now
        elif times > 1:
            state, at, settled, fault = "failed", now, now, INTERRUPTED
        elif rest is not None:
            state, at, settled, attempts = "waiting", rest, None, attempts - 1
        else:
            until = now + LEASE - TAKES
            ready.append(Claimed(message=message, endpoint=endpoint, attempts=attempts, lease=lease, until=until))
            continue
        others.append(
            Result(
                lease=lease,
                message=id_,
                endpoint=endpoint_id,
                state=state,
                due=at,
                attempts=attempts,
                reason=fault,
                settled=settled,
                channel=endpoint.channel if endpoint and state == "failed" else "",
            )
        )
    return Claim(lease=lease, ready=ready, others=others)


async def any_interrupted(database: Database, city: str, now: datetime) -> bool:
    """Whether there are deliveries with which their sender has died."""
    async with database.session(city) as session:
        found = await session.execute(select(Delivery.message).where(*_due(now), Delivery.lease != "").limit(1))
        return found.first() is not None


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Delivery.state == "waiting", Delivery.due <= now


def _fault(message: Outgoing | None, endpoint: Endpoint | None, now: datetime) -> str:
    if message is None or message.expires <= now:
        return "expired"
    if endpoint is None:
        return "gone"
    return "" if endpoint.confirmed or message.topic == CONFIRM else "not confirmed"


def next_attempt(now: datetime, attempts: int, after: float) -> datetime:
    """When to try again after so many attempts, and not before the service wants it."""
    pause = min(30.0 * 4 ** (attempts - 1), 6 * 3600.0) * uniform(0.8, 1.2)
    return now + timedelta(seconds=max(pause, after))


async def settle(database: Database, city: str, results: Sequence[Result], gone: Sequence[str], now: datetime) -> None:
    """Write down what became of them, and forget endpoints where nobody is any more."""
    if not results and not gone:
        return
    statement = (
        update(Delivery)
        .where(
            Delivery.message == bindparam("b_message"),
            Delivery.endpoint == bindparam("b_endpoint"),
            Delivery.lease == bindparam("b_lease"),
        )
        .values(
            state=bindparam("b_state"),
            due=bindparam("b_due"),
            attempts=bindparam("b_attempts"),
            reason=bindparam("b_reason"),
            settled=bindparam("b_settled"),
            lease="",
        )
    )
    rows = [
        {
            "b_message": one.message,
            "b_endpoint": one.endpoint,
            "b_lease": one.lease,
            "b_state": one.state,
            "b_due": one.due,
            "b_attempts": one.attempts,
            "b_reason": one.reason[:200],
            "b_settled": one.settled,
        }
        for one in results
    ]
    async with database.transaction(city) as session:
        if rows:
            connection = await session.connection()
            await connection.execute(statement, rows)
        served = {one.endpoint for one in results if one.state == "sent"}
        if served:
            seen = update(Endpoint).where(Endpoint.id.in_(served)).values(last_success=now)
            await session.execute(seen, execution_options=_QUIET)
        if gone:
            await forget(session, gone, now)


async def forget(session: AsyncSession, endpoints: Sequence[str], now: datetime) -> None:
    """Endpoints, their subscriptions, and what was still to be sent to them."""
    await session.execute(delete(Subscription).where(Subscription.endpoint.in_(endpoints)), execution_options=_QUIET)
    await session.execute(delete(Endpoint).where(Endpoint.id.in_(endpoints)), execution_options=_QUIET)
    waiting = update(Delivery).where(Delivery.endpoint.in_(endpoints), Delivery.state == "waiting")
    dropped = waiting.values(state="dropped", reason="gone", settled=now)
    await session.execute(dropped, execution_options=_QUIET)
