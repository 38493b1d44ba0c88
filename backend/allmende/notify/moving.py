"""An endpoint goes on as another one: the phone has got another push address, or its things are a citizen's now.

Its subscriptions come along, and what is still to be sent; where the other one is there already, the two become one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from allmende.errors import InputError, NotFound
from allmende.notify.endpoints import Place
from allmende.notify.queue import forget
from allmende.notify.subscribing import MAX_ENDPOINTS
from allmende.notify.tables import Delivery, Endpoint, Subscription

_QUIET = {"synchronize_session": False}


async def renew(session: AsyncSession, owner: str, old: Place, new: Place, now: datetime) -> int:
    """The owner's place is `new` from now on, with all that `old` has subscribed to; how many subscriptions it has.

    NotFound where the owner has no such place: a dead address is forgotten, and with it what it had subscribed to.
    """
    mine = select(Endpoint).where(Endpoint.digest == old.digest(owner), Endpoint.owner == owner)
    endpoint = (await session.scalars(mine.with_for_update())).one_or_none()
    if endpoint is None:
        raise NotFound("input.old: there is no such place of yours (any more); subscribe with the new one")
    kept = await _become(session, endpoint, owner, new, now)
    held = select(func.count()).select_from(Subscription).where(Subscription.endpoint == kept)
    return int((await session.execute(held)).scalar_one())


async def take_over(session: AsyncSession, owner: str, from_: str, now: datetime) -> int:
    """What belongs to the account `from_` belongs to `owner` from now on; how many places that were.

    InputError where the owner would have too many.
    """
    theirs = select(Endpoint).where(Endpoint.owner == from_).order_by(Endpoint.created, Endpoint.id)
    endpoints = (await session.scalars(theirs.with_for_update())).all()
    own = select(func.count()).select_from(Endpoint).where(Endpoint.owner == owner)
    if (await session.execute(own)).scalar_one() + len(endpoints) > MAX_ENDPOINTS:
        raise InputError(
            f"input.device: at most {MAX_ENDPOINTS} places for one reader; end some first", code="TOO_MANY"
        )
    for endpoint in endpoints:
        place = Place(channel=endpoint.channel, address=endpoint.address, keys=endpoint.keys)
        await _become(session, endpoint, owner, place, now)
    return len(endpoints)


async def _become(session: AsyncSession, endpoint: Endpoint, owner: str, place: Place, now: datetime) -> str:
    """Id of the endpoint that it is now."""
    digest = place.digest(owner)
    known = select(Endpoint).where(Endpoint.digest == digest, Endpoint.id != endpoint.id)
    there = (await session.scalars(known.with_for_update())).one_or_none()
    if there is None:
        endpoint.owner, endpoint.address, endpoint.keys, endpoint.digest = owner, place.address, place.keys, digest
        await session.flush()
        return endpoint.id
    there.owner, there.keys = owner, place.keys
    there.confirmed = there.confirmed or endpoint.confirmed
    await session.flush()
    twin, copy = aliased(Subscription), aliased(Delivery)
    new = ~exists().where(
        twin.city == Subscription.city, twin.endpoint == there.id, twin.topic == Subscription.topic,
        twin.match == Subscription.match,
    )  # fmt: skip
    untold = ~exists().where(copy.city == Delivery.city, copy.endpoint == there.id, copy.message == Delivery.message)
    for statement in (
        update(Subscription).where(Subscription.endpoint == endpoint.id, new).values(endpoint=there.id),
        update(Delivery)
        .where(Delivery.endpoint == endpoint.id, Delivery.state == "waiting", untold)
        .values(endpoint=there.id),
    ):
        await session.execute(statement, execution_options=_QUIET)
    await forget(session, [endpoint.id], now)
    return there.id
