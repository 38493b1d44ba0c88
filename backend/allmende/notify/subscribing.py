"""Subscribing, seeing what one has subscribed to, and opting out, which takes effect at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.model import City
from allmende.db.upsert import upsert
from allmende.errors import InputError
from allmende.notify.channels.email import CONFIRM
from allmende.notify.endpoints import Place
from allmende.notify.matching import fingerprint
from allmende.notify.queue import forget
from allmende.notify.tables import RANKS, Delivery, Endpoint, Outgoing, Subscription
from allmende.notify.words import word
from allmende.topic import Topic

MAX_SUBSCRIPTIONS = 200
"""Of one reader in one city."""
MAX_ENDPOINTS = 20
CONFIRM_WITHIN = timedelta(days=2)
_QUIET = {"synchronize_session": False}
Quiet = tuple[int, int] | None
"""Minutes of the city's day between which nothing comes that is not urgent."""


async def register(
    session: AsyncSession, city: City, owner: str, place: Place, language: str, now: datetime
) -> Endpoint:
    """The endpoint of this place, made or brought up to date. A new e-mail address is asked whether it agrees."""
    digest = place.digest(owner)
    known = select(Endpoint).where(Endpoint.digest == digest)
    found = (await session.scalars(known)).one_or_none()
    if found is None:
        mine = select(func.count()).select_from(Endpoint).where(Endpoint.owner == owner)
        if (await session.execute(mine)).scalar_one() >= MAX_ENDPOINTS:
            raise InputError(f"address: at most {MAX_ENDPOINTS} places for one reader", code="TOO_MANY")
        keys = {"secret": secrets.token_urlsafe(32)} if place.channel == "webhook" else place.keys
        values = {
            "id": uuid4().hex,
            "owner": owner,
            "channel": place.channel,
            "address": place.address,
            "digest": digest,
            "keys": keys,
            "language": language,
            "confirmed": place.channel != "email",
            "ticket": secrets.token_urlsafe(32),
            "created": now,
        }
        await session.execute(upsert(session, Endpoint).values(values).on_conflict_do_nothing())
        found = (await session.scalars(known)).one()
    else:
        changed = {"owner": owner, "language": language} | ({"keys": place.keys} if place.keys else {})
        await session.execute(
            update(Endpoint).where(Endpoint.id == found.id).values(**changed), execution_options=_QUIET
        )
        await session.refresh(found)
    if not found.confirmed:
        await _ask(session, city, found, now)
    return found


async def subscribe(
    session: AsyncSession,
    endpoint: Endpoint,
    plugin: str,
    topic: Topic,
    parameters: Mapping[str, str],
    quiet: Quiet,
    now: datetime,
) -> Subscription:
    """The subscription, made or with its quiet hours changed. InputError where a parameter cannot be used."""
    match, full = fingerprint(topic, parameters), f"{plugin}.{topic.name}"
    begin, end = quiet or (None, None)
    mine = select(func.count()).select_from(Subscription).where(Subscription.endpoint == endpoint.id)
    if (await session.execute(mine)).scalar_one() >= MAX_SUBSCRIPTIONS:
        raise InputError(f"topic: at most {MAX_SUBSCRIPTIONS} subscriptions for one place", code="TOO_MANY")
    values = {
        "id": uuid4().hex,
        "endpoint": endpoint.id,
        "topic": full,
        "parameters": {name: value for name, value in parameters.items() if value},
        "match": match,
        "quiet_from": begin,
        "quiet_until": end,
        "created": now,
    }
    statement = upsert(session, Subscription).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=["city", "endpoint", "topic", "match"], set_={"quiet_from": begin, "quiet_until": end}
    )
    await session.execute(statement)
    asked = select(Subscription).where(
        Subscription.endpoint == endpoint.id, Subscription.topic == full, Subscription.match == match
    )
    return (await session.scalars(asked, execution_options={"populate_existing": True})).one()


async def subscriptions(session: AsyncSession, owner: str) -> Sequence[tuple[Subscription, Endpoint]]:
    """All of this reader's, the latest last."""
    mine = select(Endpoint).where(Endpoint.owner == owner).limit(MAX_ENDPOINTS)
    endpoints = {one.id: one for one in await session.scalars(mine)}
    asked = (
        select(Subscription)
        .where(Subscription.endpoint.in_(endpoints))
        .order_by(Subscription.created, Subscription.id)
        .limit(MAX_ENDPOINTS * MAX_SUBSCRIPTIONS)
    )
    return [(one, endpoints[one.endpoint]) for one in await session.scalars(asked)]


async def unsubscribe(session: AsyncSession, owner: str, id_: str) -> bool:
    """End one subscription; False where this reader has none of this id."""
    mine = select(Endpoint.id).where(Endpoint.owner == owner)
    gone = delete(Subscription).where(Subscription.id == id_, Subscription.endpoint.in_(mine))
    found = await session.execute(gone.returning(Subscription.endpoint), execution_options=_QUIET)
    endpoint = found.scalar_one_or_none()
    if endpoint is None:
        return False
    rest = select(Subscription.id).where(Subscription.endpoint == endpoint).limit(1)
    if (await session.execute(rest)).first() is None:
        await session.execute(delete(Endpoint).where(Endpoint.id == endpoint), execution_options=_QUIET)
    return True


async def unsubscribe_all(session: AsyncSession, owner: str, now: datetime) -> int:
    """Forget every place of this reader; how many there were."""
    mine = list(await session.scalars(select(Endpoint.id).where(Endpoint.owner == owner)))
    if mine:
        await forget(session, mine, now)
    return len(mine)


async def by_ticket(session: AsyncSession, ticket: str) -> Endpoint | None:
    """The endpoint whose links hold this ticket."""
    return (await session.scalars(select(Endpoint).where(Endpoint.ticket == ticket))).one_or_none()


async def confirm(session: AsyncSession, ticket: str) -> bool:
    """Say yes to being written to; False where nobody has this ticket."""
    yes = update(Endpoint).where(Endpoint.ticket == ticket).values(confirmed=True).returning(Endpoint.id)
    return (await session.execute(yes, execution_options=_QUIET)).first() is not None


async def opt_out(session: AsyncSession, ticket: str, now: datetime) -> bool:
    """Forget the endpoint of this ticket; False where there is none (any more)."""
    found = await by_ticket(session, ticket)
    if found is not None:
        await forget(session, [found.id], now)
    return found is not None


async def _ask(session: AsyncSession, city: City, endpoint: Endpoint, now: datetime) -> None:
    """One mail a day at most to an address that has not agreed, whoever asks how often for it."""
    id_, language = uuid4().hex, endpoint.language
    key = f"{Place(channel='email', address=endpoint.address).digest('')}/{now.date()}"
    texts = {
        language: {
            "title": word(language, "confirm.title", city=city.name),
            "body": word(language, "confirm.body", city=city.name),
        }
    }
    values = {
        "id": id_,
        "topic": CONFIRM,
        "key": key,
        "texts": texts,
        "urgency": "high",
        "thread": id_,
        "breaks_quiet": True,
        "matches": [],
        "state": "spread",
        "created": now,
        "expires": now + CONFIRM_WITHIN,
    }
    statement = upsert(session, Outgoing).values(values).on_conflict_do_nothing().returning(Outgoing.id)
    if (await session.execute(statement)).first() is not None:
        row = {"message": id_, "endpoint": endpoint.id, "rank": RANKS.index("high"), "due": now}
        await session.execute(insert(Delivery), [row])
