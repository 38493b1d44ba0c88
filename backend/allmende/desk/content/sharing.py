"""Content from and for other cities: offered here, offered by us, subscribed to."""

from __future__ import annotations

from typing import Any

from litestar import Response
from sqlalchemy import select

from allmende.accounts.audit import audit
from allmende.content import received, sharing
from allmende.content.diff import differences
from allmende.content.items import find
from allmende.content.tables import ContentReceived, ContentSubscription
from allmende.content.values import Incomplete
from allmende.desk.content.bench import EDIT, READ, SHARE, Bench, bench, kinds
from allmende.desk.content.deliver import hand_round
from allmende.desk.request import Desk
from allmende.errors import Denied, InputError

ACTIONS = {"accept": EDIT, "reject": EDIT, "take": EDIT, "take_all": EDIT, "cut_loose": SHARE}
FILTERS = ("waiting", "changed", "accepted", "rejected", "withdrawn", "unlinked")
LOOKS = {"waiting": "warn", "accepted": "good", "withdrawn": "bad"}
PARTNERS = 200
"""Cities that can be ticked one by one; with more of them, all or those typed."""


async def inbox(desk: Desk) -> Response[Any]:
    """What other cities offer, and what this one subscribes to."""
    _need_any(desk, READ)
    state = desk.asked("state")
    state = state if state in FILTERS else ""
    async with desk.session() as session:
        found = [got for got in await received.inbox(session, state) if desk.reader.may(READ, got.plugin)]
        subscriptions = (await session.scalars(select(ContentSubscription).order_by(ContentSubscription.at))).all()
    benches = {(made.plugin, made.type.name): made for made in kinds(desk)}
    share = kinds(desk, SHARE)
    return desk.page(
        "content/inbox.html",
        found=[(got, benches[got.plugin, got.kind]) for got in found if (got.plugin, got.kind) in benches],
        looks=LOOKS,
        state=state,
        tabs=[
            (desk.address("shared", state=name), desk.text(f"content.got.{name}"), name == state) for name in FILTERS
        ],
        subscriptions=[
            (one, benches[one.plugin, one.kind]) for one in subscriptions if (one.plugin, one.kind) in benches
        ],
        kinds=[("/".join((made.plugin, made.type.name)), made.word("plural")) for made in share],
        cities=_others(desk),
        name_of=lambda slug: _name(desk, slug),
    )


async def subscribe(desk: Desk) -> Response[Any]:
    plugin, _, kind = desk.form.line("kind", required=True).partition("/")
    origin = desk.form.choice("origin", [slug for slug, _ in _others(desk)])
    category = desk.form.line("category", most=120)
    if desk.form.errors:
        return await inbox(desk)
    made = bench(desk, SHARE, plugin, kind)
    async with desk.transaction() as session:
        await sharing.subscribe(session, made.at, origin, category, desk.form.flag("automatic"))
        await audit(session, desk.reader, "content.subscribe", f"{origin}/{plugin}", {"category": category})
    return desk.go("shared", said="content.said.subscribed")


async def unsubscribe(desk: Desk) -> Response[Any]:
    async with desk.transaction() as session:
        found = await session.scalar(select(ContentSubscription).where(ContentSubscription.id == str(desk.path["id"])))
        if found is not None:
            bench(desk, SHARE, found.plugin, found.kind)
            await sharing.unsubscribe(session, found.id)
            await audit(session, desk.reader, "content.unsubscribe", f"{found.origin}/{found.plugin}")
    return desk.go("shared", said="content.said.unsubscribed")


async def show(desk: Desk) -> Response[Any]:
    """One offer: what it says; and where we have taken it, what its city has changed since, and what we have."""
    async with desk.session() as session:
        got = await received.one(session, str(desk.path["id"]))
        made = bench(desk, READ, got.plugin, got.kind)
        local = await find(session, made.at, got.local) if got.local else None
    return _offer_page(made, got, local)


async def act(desk: Desk) -> Response[Any]:
    action = desk.form.choice("action", ACTIONS)
    target: tuple[str, ...] = ("shared", str(desk.path["id"]))
    if action in ("accept", "take", "take_all"):
        async with desk.session() as session:
            got = await received.one(session, str(desk.path["id"]))
        type_ = bench(desk, EDIT, got.plugin, got.kind).type
        office = desk.office
        await sharing.bring(office.database, lambda: office.files, type_, got, desk.city.slug, office.clock())
    try:
        async with desk.transaction() as session:
            got = await received.one(session, str(desk.path["id"]), write=True)
            made = bench(desk, ACTIONS.get(action, EDIT), got.plugin, got.kind)
            match action:
                case "accept":
                    item = await received.accept(session, made.at, got)
                    target = (*made.parts, "item", item.id)
                case "take" | "take_all":
                    item = await received.take(session, made.at, got, all_=action == "take_all")
                    target = (*made.parts, "item", item.id)
                case "cut_loose":
                    await received.cut_loose(session, made.at, got)
                case _:
                    await received.reject(session, got)
            await audit(session, desk.reader, f"content.{action or 'reject'}", f"{got.origin}/{got.item}")
    except (InputError, Incomplete):
        return desk.go(*target, said="content.said.not_now", kind="bad")
    return desk.go(*target, said=f"content.said.{action}")


async def share(desk: Desk) -> Response[Any]:
    """To whom an item of ours is offered, and what they have made of it."""
    made = bench(desk)
    async with desk.session() as session:
        item = await find(session, made.at, str(desk.path["id"]))
        offer = await sharing.offered(session, item.id)
        origin = await sharing.origin_of(session, item.id)
    reach = await sharing.reach(desk.office.database, desk.city.slug, item.id)
    to = list(offer.to) if offer else []
    desk.form.fill(to=to, others=", ".join(slug for slug in to if slug != sharing.ALL))
    return _share_page(made, item, offer, origin, reach)


async def offer(desk: Desk) -> Response[Any]:
    made = bench(desk, SHARE)
    id_ = str(desk.path["id"])
    to = desk.form.chosen("to") + [part.strip() for part in desk.form.line("others").split(",") if part.strip()]
    if sharing.ALL in to:
        to = [sharing.ALL]
    if desk.form.value("action") == "withdraw":
        to = []
    try:
        async with desk.transaction() as session:
            item = await find(session, made.at, id_, write=True)
            await sharing.offer(session, made.at, item, sorted(set(to)), desk.office.cities().by_slug)
            await audit(session, desk.reader, "content.offer", f"{made.plugin}/{id_}", {"to": sorted(set(to))})
    except InputError as error:
        known = {"NOT_OURS", "NOT_PUBLISHED", "BAD_CITY"}
        said = f"content.refused.{error.code.lower()}" if error.code in known else "content.said.not_now"
        return desk.go(*made.parts, "item", id_, "share", said=said, kind="bad")
    await hand_round(desk)
    return desk.go(*made.parts, "item", id_, "share", said="content.said.offered" if to else "content.said.taken_back")


def _share_page(made: Bench, item: Any, offer: Any, origin: Any, reach: Any) -> Response[Any]:
    others = _others(made.desk)
    return made.desk.page(
        "content/share.html",
        made=made,
        item=item,
        offer=offer,
        origin=origin,
        reach=reach,
        looks=LOOKS,
        cities=others if len(others) <= PARTNERS else [],
    )


def _offer_page(made: Bench, got: ContentReceived, local: Any) -> Response[Any]:
    values, both = received.merged(got, local.values) if local else (dict(got.values), [])
    return made.desk.page(
        "content/offer.html",
        made=made,
        got=got,
        local=local,
        looks=LOOKS,
        is_new=got.version != got.seen,
        theirs=differences(made.type, got.taken, got.values) if local else differences(made.type, {}, got.values),
        result=differences(made.type, local.values, values) if local else [],
        both=[made.label(made.type.field(name)) for name in both if any(f.name == name for f in made.type.fields)],
        holes=made.holes(got.values),
    )


def _others(desk: Desk) -> list[tuple[str, str]]:
    cities = desk.office.cities().by_slug
    return sorted(((slug, city.name) for slug, city in cities.items() if slug != desk.city.slug), key=lambda c: c[1])


def _name(desk: Desk, slug: str) -> str:
    city = desk.office.cities().by_slug.get(slug)
    return city.name if city else slug


def _need_any(desk: Desk, permission: str) -> None:
    if not kinds(desk, permission):
        raise Denied(f"this needs the permission {permission}")
