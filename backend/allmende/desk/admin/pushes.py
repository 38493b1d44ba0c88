"""What was sent to citizens, and how much of it arrived: numbers only, never who got what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Response
from msgspec import Struct
from sqlalchemy import select

from allmende.desk.listing import listed
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk
from allmende.notify.tables import Outgoing
from allmende.notify.tally import GLANCE, glance
from allmende.usage import reached

PERMISSION = "desk.notify"
FIRST = 10
"""Messages on a page: of each that is under way, deliveries are looked at."""
ORDER = ((Outgoing.created, True), (Outgoing.id, False))
CHANNELS = ("webpush", "fcm", "apns", "email", "webhook")


class Sent(Struct, frozen=True, kw_only=True):
    """One message and what became of it."""

    title: str
    topic: str
    message: Outgoing
    sent: int
    waiting: int
    failed: int
    dropped: int

    @property
    def all(self) -> int:
        return self.sent + self.waiting + self.failed + self.dropped

    @property
    def is_glance(self) -> bool:
        """Whether there may be more than what was looked at."""
        return self.message.counts is None and self.all >= GLANCE


async def show(desk: Desk) -> Response[Any]:
    async with desk.session() as session:
        listing = await listed(session, select(Outgoing), ORDER, after=desk.asked("after", 500), first=FIRST)
        counts = await glance(session, listing.rows)
        ways = await reached(session, desk.now.date())
    channels = [(desk.text(f"pushes.channel.{name}"), ways[name]) for name in CHANNELS if ways.get(name)]
    return desk.page("admin/pushes.html", listing=listing, lines=_lines(desk, listing.rows, counts), channels=channels)


def _lines(desk: Desk, found: Sequence[Outgoing], counts: Mapping[str, Mapping[str, int]]) -> list[Sent]:
    declared = {
        f"{name}.{topic.name}": topic
        for name, installed in desk.office.registry.plugins.items()
        for topic in installed.plugin.topics
    }
    lines = []
    for message in found:
        topic, number = declared.get(message.topic), counts.get(message.id, {})
        for_some = message.to is not None or (topic is not None and topic.personal)
        texts: Any = message.texts.get(desk.language) or next(iter(message.texts.values()), {})
        lines.append(
            Sent(
                title=desk.text("pushes.personal") if for_some else str(texts.get("title", "")),
                topic=desk.pick(topic.title) if topic else message.topic,
                message=message,
                sent=number.get("sent", 0),
                waiting=number.get("waiting", 0),
                failed=number.get("failed", 0),
                dropped=number.get("dropped", 0),
            )
        )
    return lines


PAGES = (
    Page(path="pushes", show=show, permission=PERMISSION,
         nav=Nav(group="city", text="pushes.title", icon="bell", order=53)),
)  # fmt: skip
