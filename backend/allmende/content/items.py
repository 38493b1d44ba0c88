"""The life of an item: written, saved in versions, submitted, published now or later, archived, restored.

The session is an argument, bound to the city; whoever calls commits. Who may do what is asked before (see the desk).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.content.pictures import claim_uploads, owner
from allmende.content.publish import Desk, put, take_out
from allmende.content.tables import (
    ContentEvent,
    ContentItem,
    ContentOffer,
    ContentParcel,
    ContentReceived,
    ContentVersion,
)
from allmende.content.values import Incomplete, Values, faults, folded, title_of
from allmende.errors import AllmendeError, InputError, NotFound
from allmende.files.service import publish as show_files
from allmende.files.service import release

STATES = ("draft", "review", "scheduled", "published", "archived")


class Conflict(AllmendeError):
    """Somebody else has saved the item meanwhile; `theirs` is what it is now."""

    code = "CONFLICT"

    def __init__(self, theirs: ContentItem) -> None:
        super().__init__(f"the item is at version {theirs.version} now: look at it and save again")
        self.theirs = theirs


async def find(session: AsyncSession, desk: Desk, id_: str, *, write: bool = False) -> ContentItem:
    """The item, if it is one of this kind; `write`: others who want to write it wait. NotFound otherwise."""
    mine = (ContentItem.plugin == desk.plugin.name, ContentItem.kind == desk.type.name)
    statement = select(ContentItem).where(ContentItem.id == id_, *mine)
    found = (await session.scalars(statement.with_for_update() if write else statement)).one_or_none()
    if found is None:
        raise NotFound("there is no such item here")
    return found


async def create(session: AsyncSession, desk: Desk, values: Values, action: str = "created") -> ContentItem:
    """A new draft. Incomplete where a value cannot be kept."""
    _check(desk, values)
    now, id_ = desk.ctx.clock(), uuid4().hex
    await claim_uploads(session, desk.type, values, desk.ctx.city.slug, id_, public=False)
    item = ContentItem(
        id=id_,
        plugin=desk.plugin.name,
        kind=desk.type.name,
        state="draft",
        title=title_of(desk.type, values, desk.ctx),
        folded=folded(desk.type, values),
        values=values,
        version=1,
        rows=[],
        created_at=now,
        created_by=desk.by,
        updated_at=now,
        updated_by=desk.by,
    )
    session.add(item)
    await _keep(session, item, action)
    return item


async def save(
    session: AsyncSession, desk: Desk, item: ContentItem, values: Values, seen: int, action: str = "saved"
) -> bool:
    """Keep these values as a new version; citizens go on seeing the published one. False where nothing has changed.

    `seen` is the version that the editor had before their eyes. Conflict where it is not the newest any more.
    """
    if item.version != seen:
        session.expunge(item)  # so that it can be looked at after the rollback
        raise Conflict(item)
    if item.values == values:
        return False
    _check(desk, values)
    await claim_uploads(session, desk.type, values, desk.ctx.city.slug, item.id, public=item.live is not None)
    item.values = values
    item.title = title_of(desk.type, values, desk.ctx)
    item.folded = folded(desk.type, values)
    item.version += 1
    item.state = "draft"
    item.publish_at = None
    _touch(desk, item)
    await _keep(session, item, action)
    return True


async def submit(session: AsyncSession, desk: Desk, item: ContentItem, note: str = "") -> None:
    """Ask a publisher to look at it. Incomplete where something is missing."""
    _ready(desk, item)
    _is(item, "draft", "archived")
    item.state = "review"
    _touch(desk, item)
    await note_event(session, desk, item, "submitted", note)


async def give_back(session: AsyncSession, desk: Desk, item: ContentItem, note: str = "") -> None:
    """Back to the editor: from review, or from a publication that was to come."""
    _is(item, "review", "scheduled")
    item.state, item.publish_at = "draft", None
    _touch(desk, item)
    await note_event(session, desk, item, "given_back", note)


async def publish(
    session: AsyncSession,
    desk: Desk,
    item: ContentItem,
    *,
    at: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Show the newest version to citizens, now or `at` an instant, and take it away at `until`.

    Incomplete where something is missing; InputError where the times or values do not go together.
    """
    now = desk.ctx.clock()
    withdrawn = select(ContentReceived.origin).where(
        ContentReceived.local == item.id, ContentReceived.state == "withdrawn"
    )
    if origin := await session.scalar(withdrawn):
        raise InputError(f"{origin} has withdrawn it", code="WITHDRAWN")
    if until is not None and until <= (at or now):
        raise InputError("until: lies before the beginning", code="BAD_UNTIL")
    _ready(desk, item)
    item.expire_at = until
    if at is not None and at > now:
        item.state, item.publish_at = "scheduled", at
        _touch(desk, item)
        await note_event(session, desk, item, "scheduled")
        return
    item.published_at = item.published_at or now
    if not await put(session, desk, item, item.values):
        raise InputError("there would be nothing to show: what it is about is over", code="NOTHING_TO_SHOW")
    await show_files(session, owner(item.id), True)
    item.state, item.publish_at, item.live = "published", None, item.version
    _touch(desk, item)
    await note_event(session, desk, item, "published")
    await post(session, desk, item)


async def archive(session: AsyncSession, desk: Desk, item: ContentItem, action: str = "archived") -> None:
    """Citizens see it no more; it stays here, with its history."""
    _is(item, "draft", "review", "scheduled", "published")
    was_live = item.live is not None
    if was_live:
        await take_out(session, desk, item)
        await show_files(session, owner(item.id), False)
    item.state, item.live, item.publish_at = "archived", None, None
    _touch(desk, item)
    await note_event(session, desk, item, action)
    if was_live:
        await post(session, desk, item)


async def restore(session: AsyncSession, desk: Desk, item: ContentItem, number: int, seen: int) -> bool:
    """Save an earlier version anew, as the newest. False where it is the same as now."""
    earlier = await version(session, item.id, number)
    return await save(session, desk, item, dict(earlier.values), seen, "restored")


async def discard(session: AsyncSession, desk: Desk, item: ContentItem) -> None:
    """Delete an archived item or a draft that was never published, with its history."""
    if item.live is not None or (item.state != "archived" and item.published_at is not None):
        raise InputError("what has been published is archived first", code="NOT_ARCHIVED")
    for table in (ContentVersion, ContentEvent, ContentOffer):
        await session.execute(delete(table).where(table.item == item.id))
    await release(session, owner(item.id), desk.ctx.clock())
    await session.delete(item)


async def versions(session: AsyncSession, id_: str, limit: int = 100) -> Sequence[ContentVersion]:
    """The newest first."""
    statement = select(ContentVersion).where(ContentVersion.item == id_)
    return (await session.scalars(statement.order_by(ContentVersion.number.desc()).limit(limit))).all()


async def version(session: AsyncSession, id_: str, number: int) -> ContentVersion:
    statement = select(ContentVersion).where(ContentVersion.item == id_, ContentVersion.number == number)
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise NotFound(f"there is no version {number} of it")
    return found


async def events(session: AsyncSession, id_: str, limit: int = 100) -> Sequence[ContentEvent]:
    """What was done with it, the newest first."""
    statement = select(ContentEvent).where(ContentEvent.item == id_)
    return (await session.scalars(statement.order_by(ContentEvent.at.desc()).limit(limit))).all()


async def note_event(session: AsyncSession, desk: Desk, item: ContentItem, action: str, note: str = "") -> None:
    values = {"id": uuid4().hex, "item": item.id, "at": desk.ctx.clock(), "by": desk.by, "action": action}
    await session.execute(insert(ContentEvent), [{**values, "version": item.version, "note": note[:500]}])


async def post(session: AsyncSession, desk: Desk, item: ContentItem) -> None:
    """Other cities may want to know: the outbox is emptied by `sharing.deliver`, now or after a crash."""
    if await session.scalar(select(ContentParcel.item).where(ContentParcel.item == item.id)) is None:
        session.add(ContentParcel(item=item.id, at=desk.ctx.clock()))
        await session.flush()


def _check(desk: Desk, values: Mapping[str, Any]) -> None:
    if wrong := faults(desk.type, values, desk.ctx, complete=False):
        raise Incomplete(wrong)


def _ready(desk: Desk, item: ContentItem) -> None:
    if wrong := faults(desk.type, item.values, desk.ctx, complete=True):
        raise Incomplete(wrong)


def _is(item: ContentItem, *states: str) -> None:
    if item.state not in states:
        raise InputError(f"the item is {item.state}, so this cannot be done now", code="BAD_STATE")


def _touch(desk: Desk, item: ContentItem) -> None:
    item.updated_at, item.updated_by = desk.ctx.clock(), desk.by


async def _keep(session: AsyncSession, item: ContentItem, action: str) -> None:
    values = {"item": item.id, "number": item.version, "at": item.updated_at, "by": item.updated_by}
    await session.flush()
    await session.execute(
        insert(ContentVersion), [{**values, "action": action, "title": item.title, "values": item.values}]
    )
