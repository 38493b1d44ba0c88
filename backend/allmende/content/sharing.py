"""Content from city to city: offered, subscribed to, delivered, withdrawn.

Nothing crosses but a Parcel: it is read in a transaction of the one city, and written in one of the other. Who wants
what (offers, subscriptions) is the only thing that is looked up across cities, by the core itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.model import City
from allmende.content.items import note_event, post, version
from allmende.content.pictures import readdressed, uploads
from allmende.content.publish import Desk
from allmende.content.tables import (
    ContentItem,
    ContentOffer,
    ContentParcel,
    ContentReceived,
    ContentSubscription,
)
from allmende.contenttype import ContentType
from allmende.db.engine import Database
from allmende.errors import InputError
from allmende.files.store import Store
from allmende.files.upload import duplicate
from allmende.plugin import Plugin

ALL = "*"
"""Offered to every city of the instance."""


class Parcel(Struct, frozen=True, kw_only=True):
    """All that goes from one city to another: what citizens of the first can read, or that it is withdrawn."""

    origin: str
    item: str
    plugin: str
    kind: str
    title: str
    version: int
    values: Mapping[str, Any] | None
    """None: withdrawn."""


class Reach(Struct, frozen=True, kw_only=True):
    """What became of an item in another city."""

    city: str
    state: str
    seen: int


def received_id(origin: str, item: str) -> str:
    return blake2b(f"{origin}\x1f{item}".encode(), digest_size=16).hexdigest()


async def offer(session: AsyncSession, desk: Desk, item: ContentItem, to: Sequence[str], cities: Iterable[str]) -> None:
    """Offer a published item to these cities (`*`: all), instead of those it was offered to before.

    InputError for what came from another city (it is for that one to offer it), is not published, or goes nowhere.
    """
    if await origin_of(session, item.id) is not None:
        raise InputError("it comes from another city: only that city can offer it", code="NOT_OURS")
    if item.live is None:
        raise InputError("only what is published can be offered", code="NOT_PUBLISHED")
    unknown = sorted(set(to) - {ALL, *cities})
    if unknown or desk.ctx.city.slug in to:
        raise InputError(f"to: {(unknown or list(to))[0]!r} is no other city of this instance", code="BAD_CITY")
    await session.execute(delete(ContentOffer).where(ContentOffer.item == item.id))
    if to:
        session.add(ContentOffer(item=item.id, to=sorted(set(to)), at=desk.ctx.clock(), by=desk.by))
    await note_event(session, desk, item, "offered" if to else "withdrawn", ", ".join(to))
    await post(session, desk, item)


async def subscribe(
    session: AsyncSession, desk: Desk, origin: str, category: str, automatic: bool
) -> ContentSubscription:
    """Have all that another city publishes of this kind (in one category) brought here from now on."""
    if origin == desk.ctx.city.slug:
        raise InputError("a city does not subscribe to itself", code="BAD_CITY")
    made = ContentSubscription(
        id=uuid4().hex,
        origin=origin,
        plugin=desk.plugin.name,
        kind=desk.type.name,
        category=category[:120],
        automatic=automatic,
        at=desk.ctx.clock(),
        by=desk.by,
    )
    session.add(made)
    return made


async def unsubscribe(session: AsyncSession, id_: str) -> None:
    """Nothing more comes; what is here already stays, and is withdrawn when its origin withdraws it."""
    await session.execute(delete(ContentSubscription).where(ContentSubscription.id == id_))


async def offered(session: AsyncSession, item: str) -> ContentOffer | None:
    return (await session.scalars(select(ContentOffer).where(ContentOffer.item == item))).one_or_none()


async def origin_of(session: AsyncSession, local: str) -> ContentReceived | None:
    """Where an item came from; None for the city's own (and for one that was cut loose)."""
    statement = select(ContentReceived).where(ContentReceived.local == local, ContentReceived.state != "unlinked")
    return (await session.scalars(statement)).one_or_none()


async def reach(database: Database, origin: str, item: str) -> list[Reach]:
    """In which other cities the item is known, and what they have made of it: lineage, as its origin sees it."""
    columns = (ContentReceived.city, ContentReceived.state, ContentReceived.seen)
    statement = select(*columns).where(ContentReceived.id == received_id(origin, item)).order_by(ContentReceived.city)
    async with database.system(write=False) as session:
        return [Reach(city=city, state=state, seen=seen) for city, state, seen in await session.execute(statement)]


async def deliver(
    database: Database, city: City, plugins: Mapping[str, Plugin], cities: Mapping[str, City], now: datetime
) -> list[tuple[str, str]]:
    """Empty the outbox of a city; (city, id of what was received) for all that is new or different there.

    A parcel leaves the outbox after it has arrived everywhere, so that a crash delivers twice, which changes nothing.
    """
    async with database.session(city.slug) as session:
        outbox = (await session.scalars(select(ContentParcel.item).order_by(ContentParcel.at).limit(200))).all()
    arrived: list[tuple[str, str]] = []
    for id_ in outbox:
        async with database.session(city.slug) as session:
            parcel, to = await _pack(session, city.slug, id_)
        if parcel is not None:
            for slug, via in (await _receivers(database, parcel, to, plugins, cities)).items():
                async with database.transaction(slug) as session:
                    if await _arrive(session, _addressed(parcel, slug, plugins), now, via):
                        arrived.append((slug, received_id(parcel.origin, parcel.item)))
        async with database.transaction(city.slug) as session:
            await session.execute(delete(ContentParcel).where(ContentParcel.item == id_))
    return arrived


def _addressed(parcel: Parcel, city: str, plugins: Mapping[str, Plugin]) -> Parcel:
    """With the addresses that the pictures have there once they are copied, see `bring`."""
    type_ = _type(plugins, parcel.plugin, parcel.kind)
    if type_ is None or parcel.values is None:
        return parcel
    same = {id_: id_ for id_ in uploads(type_, parcel.values, parcel.origin)}
    return replace(parcel, values=readdressed(type_, parcel.values, parcel.origin, city, same))


async def bring(
    database: Database, store: Callable[[], Store], type_: ContentType, got: ContentReceived, city: str, now: datetime
) -> None:
    """Copy the pictures of what was received, before it is taken: then the item here has its own, as any upload."""
    same = {id_: id_ for id_ in uploads(type_, got.values, city)}
    if same:
        await duplicate(database, store(), got.origin, city, same, now)


async def _pack(session: AsyncSession, origin: str, id_: str) -> tuple[Parcel | None, list[str]]:
    """What other cities may know of the item: nothing but its published values; and to whom it is offered."""
    item = (await session.scalars(select(ContentItem).where(ContentItem.id == id_))).one_or_none()
    if item is None or await origin_of(session, id_) is not None:
        return None, []
    given = await offered(session, id_)
    shown = await version(session, id_, item.live) if item.live is not None else None
    parcel = Parcel(
        origin=origin,
        item=id_,
        plugin=item.plugin,
        kind=item.kind,
        title=shown.title if shown else "",
        version=item.live or item.version,
        values=shown.values if shown else None,
    )
    return parcel, list(given.to) if given and shown else []


async def _receivers(
    database: Database, parcel: Parcel, to: Sequence[str], plugins: Mapping[str, Plugin], cities: Mapping[str, City]
) -> dict[str, str]:
    """The cities that this parcel concerns → why: offer, subscription, or "" where the item is known from before."""
    subscribed = select(ContentSubscription.city, ContentSubscription.category).where(
        ContentSubscription.origin == parcel.origin,
        ContentSubscription.plugin == parcel.plugin,
        ContentSubscription.kind == parcel.kind,
    )
    having = select(ContentReceived.city).where(ContentReceived.id == received_id(parcel.origin, parcel.item))
    async with database.system(write=False) as session:
        subscriptions = (await session.execute(subscribed)).all()
        found = dict.fromkeys(await session.scalars(having), "")
    if parcel.values is not None:
        mine = categories_of(plugins[parcel.plugin], parcel.kind, parcel.values) if parcel.plugin in plugins else set()
        found |= {slug: "subscription" for slug, category in subscriptions if not category or category in mine}
        found |= dict.fromkeys(cities if ALL in to else to, "offer")
    on = {slug for slug, city in cities.items() if city.config(parcel.plugin) is not None} - {parcel.origin}
    return {slug: found[slug] for slug in sorted(found) if slug in on}


def categories_of(plugin: Plugin, kind: str, values: Mapping[str, Any]) -> set[str]:
    """The categories of an item, by the field that its type names."""
    type_ = _type({plugin.name: plugin}, plugin.name, kind)
    value = values.get(type_.category) if type_ and type_.category else None
    return set(value) if isinstance(value, list) else {value} if value else set()


def _type(plugins: Mapping[str, Plugin], plugin: str, kind: str) -> ContentType | None:
    found = plugins.get(plugin)
    return next((type_ for type_ in found.content if type_.name == kind), None) if found else None


async def _arrive(session: AsyncSession, parcel: Parcel, now: datetime, via: str) -> bool:
    """Write down what the other city says; whether that is news here. The session is bound to the receiving city."""
    id_ = received_id(parcel.origin, parcel.item)
    statement = select(ContentReceived).where(ContentReceived.id == id_).with_for_update()
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        if parcel.values is None or not via:
            return False
        given = {name: getattr(parcel, name) for name in ("origin", "item", "plugin", "kind", "title", "version")}
        values = dict(parcel.values)
        new = ContentReceived(
            id=id_, state="waiting", via=via, values=values, taken={}, at=now, changed_at=now, **given
        )
        session.add(new)
        return True
    gone = parcel.values is None or (found.via == "offer" and not via)
    if found.state == "unlinked" or (gone and found.state == "withdrawn"):
        return False
    if not gone and found.state != "withdrawn" and found.version == parcel.version:
        return False
    found.changed_at = now
    if gone:
        found.state = "withdrawn"
        return True
    found.state = "waiting" if found.state == "withdrawn" else found.state
    found.via = via or found.via
    found.title, found.values, found.version = parcel.title, dict(parcel.values or {}), parcel.version
    return True
