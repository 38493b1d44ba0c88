"""The ways by which a city can reach people, made ready from its configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
import structlog

from allmende.city.model import City, Mail
from allmende.notify.channels.apns import API as APNS
from allmende.notify.channels.apns import SANDBOX, Apns
from allmende.notify.channels.channel import Channel
from allmende.notify.channels.email import Dial, Email, Server
from allmende.notify.channels.fcm import Fcm
from allmende.notify.channels.webhook import Webhook
from allmende.notify.channels.webpush import WebPush

log = structlog.get_logger(__name__)
CONNECTIONS = 32
"""To all push services together, for one city."""
TIMEOUT = httpx2.Timeout(10.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class Ways:
    """What sending needs of the outside. `transport` makes one that connects to public addresses only."""

    secret: Callable[[str], str]
    """Resolves `secret:NAME`."""
    transport: Callable[[bool, int], httpx2.AsyncBaseTransport]
    """(HTTP/2, connections at once) → transport."""
    dial: Dial


def offered(city: City) -> list[str]:
    """The channels that citizens can subscribe by in this city. (Web hooks are for staff, and always there.)"""
    notify = city.notify
    ways = {"webpush": notify.webpush, "fcm": notify.fcm, "apns": notify.apns, "email": notify.email}
    return [name for name, config in ways.items() if config is not None]


@asynccontextmanager
async def open_channels(ways: Ways, city: City) -> AsyncIterator[Mapping[str, Channel]]:
    """All channels of the city. One that cannot be made ready is left out, and its deliveries wait."""
    async with AsyncExitStack() as stack:

        async def client(http2: bool = False) -> httpx2.AsyncClient:
            transport = ways.transport(http2, 2 if http2 else CONNECTIONS)
            return await stack.enter_async_context(
                httpx2.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False, follow_redirects=False)
            )

        notify, plain = city.notify, await client()
        channels: dict[str, Channel] = {"webhook": Webhook(plain)}
        try:
            if notify.webpush:
                channels["webpush"] = WebPush(plain, ways.secret(notify.webpush.private_key), notify.webpush.subject)
            if notify.fcm:
                channels["fcm"] = Fcm(plain, ways.secret(notify.fcm.credentials))
            if notify.apns:
                apns = notify.apns
                channels["apns"] = Apns(
                    await client(http2=True),
                    ways.secret(apns.private_key),
                    key_id=apns.key_id,
                    team_id=apns.team_id,
                    app=apns.app,
                    api=SANDBOX if apns.sandbox else APNS,
                )
            if notify.email:
                email = Email(server(city, notify.email, ways.secret), city, ways.dial)
                stack.push_async_callback(email.close)
                channels["email"] = email
        except Exception as error:  # a secret that is missing, a key that is none: the other channels go on
            log.warning("channel_not_ready", city=city.slug, error=f"{type(error).__name__}: {error}"[:200])
        yield channels


def server(city: City, mail: Mail, secret: Callable[[str], str]) -> Server:
    """The mail server of the city, with its password."""
    return Server(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        username=mail.username,
        password=secret(mail.password) if mail.password else "",
        sender=mail.sender,
        site=mail.site or city.site,
    )
