"""Who can be reached how, who wants to know what, and what is still to be told to whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable

_WAITING = text("state = 'waiting'")
"""Of many millions of deliveries, only those are ever looked for."""
RANKS = ("urgent", "high", "normal", "low")
"""Urgencies, in the order in which they are sent."""


class Endpoint(CityTable):
    """One way to reach somebody: a browser's or phone's push address, an e-mail address, a web hook."""

    __tablename__ = "notify_endpoint"
    __table_args__ = (
        UniqueConstraint("city", "digest", name="uq_notify_endpoint_digest"),
        UniqueConstraint("city", "ticket", name="uq_notify_endpoint_ticket"),
        Index("ix_notify_endpoint_owner", "city", "owner"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    """Id of the device, citizen or staff account that gave it."""
    channel: Mapped[str] = mapped_column(String(16))
    """webpush, fcm, apns, email or webhook."""
    address: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(32))
    """Fingerprint of owner, channel and address."""
    keys: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """Of a web push: `p256dh` and `auth`; of a web hook: `secret`."""
    language: Mapped[str] = mapped_column(String(16))
    confirmed: Mapped[bool]
    """Whether it may be written to: false for an e-mail address of which the owner has not said yes yet."""
    ticket: Mapped[str] = mapped_column(String(43))
    """Whoever has it may confirm and end the subscriptions of this endpoint, and nothing else."""
    created: Mapped[datetime]
    last_success: Mapped[datetime | None]


class Subscription(CityTable):
    """One topic that an endpoint has subscribed to, narrowed down by parameters."""

    __tablename__ = "notify_subscription"
    __table_args__ = (
        UniqueConstraint("city", "endpoint", "topic", "match", name="uq_notify_subscription_topic"),
        Index("ix_notify_subscription_match", "city", "topic", "match", "endpoint"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(32))
    topic: Mapped[str] = mapped_column(String(100))
    """`<plugin>.<topic>`."""
    parameters: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    match: Mapped[str] = mapped_column(String(32))
    """Fingerprint of the parameters, see matching.py."""
    quiet_from: Mapped[int | None]
    """Minute of the city's day at which quiet hours begin; they may go past midnight."""
    quiet_until: Mapped[int | None]
    created: Mapped[datetime]


class Outgoing(CityTable):
    """A message in the outbox: written in the transaction of what it tells of."""

    __tablename__ = "notify_message"
    __table_args__ = (
        UniqueConstraint("city", "topic", "key", name="uq_notify_message_key"),
        Index("ix_notify_message_state", "city", "state", "created"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    topic: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(200))
    texts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Language → title and body."""
    link: Mapped[str] = mapped_column(Text, default="")
    urgency: Mapped[str] = mapped_column(String(10))
    thread: Mapped[str] = mapped_column(String(32), default="")
    """Fingerprint of the thread; the message's own id where there is none."""
    breaks_quiet: Mapped[bool]
    matches: Mapped[list[str]]
    """The fingerprints of all parameters with which somebody wants to know of this."""
    to: Mapped[list[str] | None]
    """Owners of endpoints; null means everybody who has subscribed."""
    state: Mapped[str] = mapped_column(String(10), default="new")
    """new, then spread (all of its deliveries are there), then done (none of them waits, and they are counted)."""
    reached: Mapped[str] = mapped_column(String(40), default="")
    """While it is being spread: the place in `matches`, and the last endpoint that was given a delivery."""
    created: Mapped[datetime]
    expires: Mapped[datetime]
    counts: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """State → how many deliveries ended in it; null until it is done. It outlives the deliveries."""


class Delivery(CityTable):
    """One message for one endpoint. There is one row at most, however many subscriptions match."""

    __tablename__ = "notify_delivery"
    __table_args__ = (
        Index("ix_notify_delivery_due", "city", "rank", "due", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_notify_delivery_endpoint", "city", "endpoint", "state"),
    )

    message: Mapped[str] = mapped_column(String(32), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """waiting, sent, failed (for good) or dropped (opted out, gone or expired before it was sent)."""
    rank: Mapped[int] = mapped_column(SmallInteger)
    """What is urgent goes first, however much else waits; the place in `RANKS`."""
    due: Mapped[datetime]
    """Not before then; of one that is being sent, when its lease ends, so that a killed process loses nothing."""
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[str] = mapped_column(String(32), default="")
    """Who is sending it; when it is due again and this is not empty, its sender has died."""
    interrupted: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    """How many senders have died with it. It may have been sent each time, so that it is repeated once at most."""
    reason: Mapped[str] = mapped_column(String(200), default="")
    settled: Mapped[datetime | None]
