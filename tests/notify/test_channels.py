"""What goes over the wire, received by servers of this machine that look at it; FCM and APNs are in test_vendors.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import httpx2
import pytest
from allmende.city.model import City, Mail, Notify
from allmende.egress import guarded_socket
from allmende.errors import InputError
from allmende.notify.channels.channel import Note, Target
from allmende.notify.channels.email import CONFIRM, Email
from allmende.notify.channels.webhook import Webhook, signature
from allmende.notify.channels.webpush import WebPush, encrypt, from_base64url, public_key
from allmende.notify.endpoints import check_place
from allmende.notify.ways import server
from allmende.testing import NOON, make_city
from http_ece import decrypt

from .people import KEY
from .pushservice import PushService, browser, browser_key, browser_secret, serving

NOTE = Note(
    id="0123456789abcdef0123456789abcdef",
    city="teststadt",
    topic="warnings.issued",
    title="Sturm",
    body="Es stürmt.",
    link="warnings/1",
    urgency="high",
    urgent=True,
    thread="f" * 32,
    sent=NOON,
    expires=NOON + timedelta(hours=1),
    language="de",
)
Answer = Callable[[httpx2.Request], httpx2.Response]


def client(answer: Answer) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


def target(address: str = "x" * 64, **keys: str) -> Target:
    return Target(id="e" * 32, address=address, keys=keys, ticket="ticket")


async def test_web_push_is_taken_by_a_service_that_checks_and_decrypts() -> None:
    service = PushService()
    async with serving(service) as base, httpx2.AsyncClient() as plain:
        given = browser(base, 7)
        channel = WebPush(plain, KEY, "mailto:it@teststadt.example")
        outcome = await channel.send(NOTE, target(given["address"], p256dh=given["p256dh"], auth=given["auth"]))
    assert outcome.kind == "sent"
    assert service.received[7] == [
        {
            "id": NOTE.id, "city": "teststadt", "topic": "warnings.issued", "title": "Sturm", "body": "Es stürmt.",
            "link": "warnings/1", "tag": "f" * 32, "urgent": True, "sent": "2026-11-23T12:00:00+01:00",
            "language": "de",
        }
    ]  # fmt: skip
    (headers,) = service.headers
    assert (headers["ttl"], headers["urgency"], headers["topic"]) == ("3600", "high", "f" * 32)


def test_encryption_can_be_undone_by_the_browser_alone() -> None:
    given = browser("", 3)
    body = encrypt(b"secret", {"p256dh": given["p256dh"], "auth": given["auth"]})
    assert decrypt(body, private_key=browser_key(3), auth_secret=browser_secret(3)) == b"secret"
    with pytest.raises(Exception, match=r".*"):
        decrypt(body, private_key=browser_key(4), auth_secret=browser_secret(4))
    assert len(from_base64url(public_key(KEY))) == 65


async def test_web_push_with_keys_that_are_none_is_gone() -> None:
    channel = WebPush(client(lambda request: httpx2.Response(201)), KEY, "mailto:it@teststadt.example")
    assert (await channel.send(NOTE, target("https://push.example/1", p256dh="AAAA", auth="AAAA"))).kind == "gone"


async def test_web_hook_is_signed_so_that_a_change_or_a_replay_shows() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200)

    assert (await Webhook(client(answer)).send(NOTE, target("https://partner.example/hook", secret="s"))).kind == "sent"
    at, signed = seen[0].headers["allmende-signature"].split(",")
    assert signed == f"v1={signature('s', int(at[2:]), NOTE.id, seen[0].content)}"
    assert signed != f"v1={signature('s', int(at[2:]) + 1, NOTE.id, seen[0].content)}"
    assert seen[0].headers["allmende-delivery"] == NOTE.id


@asynccontextmanager
async def mail_server(refuse: str = "") -> AsyncIterator[tuple[int, list[EmailMessage]]]:
    """A mail server that knows the few commands it takes (RFC 5321)."""
    got: list[EmailMessage] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line.upper()
            if command == "DATA":
                writer.write(b"354 go on\r\n")
                raw = await reader.readuntil(b"\r\n.\r\n")
                got.append(cast("EmailMessage", message_from_bytes(raw[:-3], policy=policy.default)))
                writer.write(b"250 taken\r\n")
            elif command.startswith("RCPT") and refuse and refuse in line:
                writer.write(b"550 no such mailbox\r\n")
            elif command == "QUIT":
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], got


def mail_city(port: int) -> City:
    mail = Mail(
        host="127.0.0.1", port=port, security="none", sender="app@teststadt.example", site="https://app.example"
    )
    return make_city(notify=Notify(email=mail))


async def test_mail_has_one_click_to_end_it_and_the_link_to_confirm() -> None:
    async with mail_server(refuse="nobody@") as (port, got):
        city, allowed = mail_city(port), frozenset({("127.0.0.1", port)})
        assert city.notify.email is not None
        channel = Email(server(city, city.notify.email, str), city, lambda host, to: guarded_socket(allowed, host, to))
        asked = Note(**{name: getattr(NOTE, name) for name in Note.__struct_fields__} | {"topic": CONFIRM})
        outcomes = [
            await channel.send(NOTE, target("anna@post.example")),
            await channel.send(asked, target("anna@post.example")),
            await channel.send(NOTE, target("nobody@post.example")),
            await channel.send(NOTE, target("not an address")),
        ]
        await channel.close()
        assert [outcome.kind for outcome in outcomes] == ["sent", "sent", "gone", "gone"]
        told, confirm = got
        assert (told["Subject"], told["To"], told["From"]) == (
            "Sturm", "anna@post.example", "Teststadt <app@teststadt.example>",
        )  # fmt: skip
        assert told["List-Unsubscribe"] == "<https://app.example/teststadt/notify/out/ticket>"
        assert told["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "Es stürmt." in told.get_content()
        assert "Abbestellen: https://app.example/teststadt/notify/out/ticket" in told.get_content()
        assert "https://app.example/teststadt/notify/confirm/ticket" in confirm.get_content()
        assert confirm["List-Unsubscribe"] is None
        unreachable = Email(
            server(city, city.notify.email, str), city, lambda host, to: guarded_socket(frozenset(), host, to)
        )
        assert (await unreachable.send(NOTE, target("anna@post.example"))).down


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("webpush", "http://push.example/1"),
        ("webpush", "https://127.0.0.1/1"),
        ("webpush", "https://[::1]/1"),
        ("webhook", "https://user:password@partner.example/"),
        ("webhook", "https://router.local/hook"),
        ("webhook", "https://localhost/hook"),
        ("webhook", "https://localhost./hook"),
        ("webhook", "https://router.local./hook"),
        ("fcm", "short"),
        ("apns", "g" * 64),
        ("email", "anna"),
        ("email", "anna@localhost"),
        ("email", "a@b.example\nBcc: c@d.example"),
    ],
)
def test_place_that_cannot_be_one_is_refused(channel: str, address: str) -> None:
    keys = browser("", 1)
    with pytest.raises(InputError, match="address"):
        check_place(channel, address, keys)


def test_web_push_keys_are_looked_at_before_anything_is_kept() -> None:
    keys = browser("", 1)
    place = check_place("webpush", " https://push.example/1 ", keys)
    assert (place.address, sorted(place.keys)) == ("https://push.example/1", ["auth", "p256dh"])
    with pytest.raises(InputError, match="p256dh"):
        check_place("webpush", "https://push.example/1", keys | {"p256dh": "AAAA"})
    with pytest.raises(InputError, match="auth"):
        check_place("webpush", "https://push.example/1", keys | {"auth": "AAAA"})
