"""What a city does with what others offer: accept, reject, take a change or not, cut loose; and withdrawals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.content.items import archive, create, find, note_event, publish, save
from allmende.content.publish import Desk
from allmende.content.tables import ContentItem, ContentReceived, ContentSubscription
from allmende.content.values import Incomplete
from allmende.errors import InputError, NotFound

PAGE = 100


async def inbox(session: AsyncSession, state: str = "", limit: int = PAGE) -> Sequence[ContentReceived]:
    """What other cities offer here, the last changed first. `state` may be `changed`: taken, and different by now."""
    statement = select(ContentReceived).order_by(ContentReceived.changed_at.desc(), ContentReceived.id).limit(limit)
    if state == "changed":
        statement = statement.where(
            ContentReceived.state == "accepted", ContentReceived.version != ContentReceived.seen
        )
    elif state:
        statement = statement.where(ContentReceived.state == state)
    return (await session.scalars(statement)).all()


async def waiting(session: AsyncSession) -> int:
    """How many offers and changes nobody has looked at."""
    changed = (ContentReceived.state == "accepted") & (ContentReceived.version != ContentReceived.seen)
    statement = select(func.count()).select_from(ContentReceived)
    return await session.scalar(statement.where((ContentReceived.state == "waiting") | changed)) or 0


async def one(session: AsyncSession, id_: str, *, write: bool = False) -> ContentReceived:
    statement = select(ContentReceived).where(ContentReceived.id == id_)
    found = (await session.scalars(statement.with_for_update() if write else statement)).one_or_none()
    if found is None:
        raise NotFound("nothing like it was offered here")
    return found


async def accept(session: AsyncSession, desk: Desk, got: ContentReceived) -> ContentItem:
    """A draft here, made of what the other city shows; placeholders in it become this city's."""
    if got.state not in ("waiting", "rejected"):
        raise InputError(f"it is {got.state}", code="BAD_STATE")
    if got.local:  # it was withdrawn, and is offered again
        item = await find(session, desk, got.local, write=True)
        await save(session, desk, item, dict(got.values), item.version, "taken")
    else:
        item = await create(session, desk, _fitting(desk, got.values), "received")
    got.state, got.local, got.seen, got.taken = "accepted", item.id, got.version, dict(got.values)
    await note_event(session, desk, item, "received", got.origin)
    return item


async def reject(session: AsyncSession, got: ContentReceived) -> None:
    """No, thank you; or, of what was accepted: not this change."""
    if got.state == "accepted":
        got.seen = got.version
    elif got.state == "waiting":
        got.state = "rejected"
    else:
        raise InputError(f"it is {got.state}", code="BAD_STATE")


def merged(got: ContentReceived, ours: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Our values with the origin's changes, and the fields that both have changed, in which ours stay."""
    values, both = dict(ours), []
    for name, theirs in got.values.items():
        before, mine = got.taken.get(name), ours.get(name)
        if theirs in (before, mine):
            continue
        if mine == before:
            values[name] = theirs
        else:
            both.append(name)
    return values, both


async def take(session: AsyncSession, desk: Desk, got: ContentReceived, *, all_: bool = False) -> ContentItem:
    """Take the origin's changes: where both have changed a field, ours stays, or theirs with `all_`."""
    if got.state != "accepted":
        raise InputError(f"it is {got.state}", code="BAD_STATE")
    item = await find(session, desk, got.local, write=True)
    values = _fitting(desk, got.values) if all_ else merged(got, item.values)[0]
    await save(session, desk, item, values, item.version, "taken")
    got.seen, got.taken = got.version, dict(got.values)
    return item


async def cut_loose(session: AsyncSession, desk: Desk, got: ContentReceived) -> None:
    """The item here becomes the city's own: changes and a withdrawal of the original no longer concern it."""
    if got.state != "accepted":
        raise InputError(f"it is {got.state}", code="BAD_STATE")
    got.state = "unlinked"
    await note_event(session, desk, await find(session, desk, got.local), "unlinked", got.origin)


async def arrive(session: AsyncSession, desk: Desk, got: ContentReceived) -> str:
    """What happens by itself when something has come: a withdrawal always, publication where the city wants that.

    Returns what was done: withdrawn, published, taken or nothing ("").
    """
    if got.state == "withdrawn":
        if not got.local:
            return ""
        item = await find(session, desk, got.local, write=True)
        if item.state != "archived":
            await archive(session, desk, item, "withdrawn")
        return "withdrawn"
    if not await automatic(session, desk, got):
        return ""
    try:
        async with session.begin_nested():
            return await _by_itself(session, desk, got)
    except (Incomplete, InputError):  # it does not fit here as it is: it waits for an editor
        return ""


async def _by_itself(session: AsyncSession, desk: Desk, got: ContentReceived) -> str:
    if got.state == "waiting":
        await publish(session, desk, await accept(session, desk, got))
        return "published"
    if got.state == "accepted" and got.version != got.seen:
        item = await find(session, desk, got.local, write=True)
        if merged(got, item.values)[1] or item.live != item.version:
            return ""  # people here have changed it too, so people decide
        await publish(session, desk, await take(session, desk, got), until=_later(item, desk.ctx.clock()))
        return "taken"
    return ""


def _later(item: ContentItem, now: datetime) -> datetime | None:
    return item.expire_at if item.expire_at and item.expire_at > now else None


async def automatic(session: AsyncSession, desk: Desk, got: ContentReceived) -> bool:
    """Whether the city wants it published without anybody looking at it."""
    statement = select(ContentSubscription.category).where(
        ContentSubscription.origin == got.origin,
        ContentSubscription.plugin == got.plugin,
        ContentSubscription.kind == got.kind,
        ContentSubscription.automatic,
    )
    value = got.values.get(desk.type.category) if desk.type.category else None
    mine = set(value) if isinstance(value, list) else {value}
    return any(not category or category in mine for category in await session.scalars(statement))


def _fitting(desk: Desk, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without fields that the type does not have here."""
    known = {field.name for field in desk.type.fields}
    return {name: value for name, value in values.items() if name in known}
