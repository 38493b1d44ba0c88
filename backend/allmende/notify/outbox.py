"""Puts a message into the outbox, in the transaction of what it tells of: both happen, or neither does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.model import LocalText, pick
from allmende.context import Context
from allmende.db.upsert import upsert
from allmende.notify.matching import Facts, fingerprints
from allmende.notify.message import Message
from allmende.notify.tables import Outgoing
from allmende.topic import Topic

LASTS = timedelta(days=7)
TITLE, BODY = 200, 1000
"""Characters: a push holds 3,993 bytes of plain text (RFC 8291, 4), in whatever script."""


async def tell(
    session: AsyncSession,
    ctx: Context[Any],
    topic: Topic,
    message: Message,
    facts: Facts | None = None,
    *,
    to: Sequence[str] | None = None,
) -> bool:
    """Tell the topic's subscribers whom these facts meet; False where this was told before (by `message.key`).

    `session` is the transaction in which that happens of which the message tells. `to` are ids of readers, as
    `ctx.reader.id` has them: then only those of them who have subscribed are told. Nothing is sent here; the runner of
    jobs finds the message when the transaction is committed.
    """
    if topic.personal and to is None:
        raise ValueError(f"topic {topic.name} is personal: say whom to tell with to=[…]")
    full, now = f"{ctx.plugin}.{topic.name}", ctx.clock()
    matches = fingerprints(topic, facts or {})
    id_ = uuid4().hex
    values = {
        "id": id_,
        "topic": full,
        "key": message.key,
        "texts": _texts(ctx, message),
        "link": message.link,
        "urgency": message.urgency,
        "thread": _digest(f"{full}\x1f{message.thread}") if message.thread else id_,
        "breaks_quiet": topic.urgent and message.urgency == "urgent",
        "matches": matches,
        "to": None if to is None else sorted(set(to)),
        "created": now,
        "expires": message.expires or now + LASTS,
    }
    statement = upsert(session, Outgoing).values(values).on_conflict_do_nothing()
    written = await session.execute(statement.returning(Outgoing.id))
    return written.first() is not None


def _texts(ctx: Context[Any], message: Message) -> Mapping[str, Mapping[str, str]]:
    def cut(text: LocalText, language: str, length: int) -> str:
        picked = pick(text, language, ctx.city.language)
        return picked if len(picked) <= length else picked[: length - 1] + "…"

    offered = dict.fromkeys(ctx.city.languages)
    for text in (message.title, message.body):
        offered |= dict.fromkeys(text if isinstance(text, dict) else ())
    return {
        language: {"title": cut(message.title, language, TITLE), "body": cut(message.body, language, BODY)}
        for language in offered
    }


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
