"""Apple's and Google's push services on this machine: as strict as their documents say, under their own names."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpcore2
import httpx2
from allmende.egress import GuardedTransport
from allmende.notify.ways import Ways
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from .pushservice import serving

APPLE, GOOGLE, OAUTH = "api.push.apple.com", "fcm.googleapis.com", "oauth2.googleapis.com"
Answer = tuple[int, dict[str, str], dict[str, Any]]
"""Status, headers, JSON."""
DEVICE = re.compile(r"/3/device/([0-9a-f]{64})")
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


def pem(key: Any) -> str:
    """As both vendors give a private key to the app's owner."""
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return str(key.private_bytes(serialization.Encoding.PEM, form, none).decode())


@dataclass
class Vendor:
    """What both have in common: what was accepted for whom, and what is answered to whom instead."""

    received: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    plan: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    """Answers that a device gets before its messages are accepted again."""
    asked: Counter[str] = field(default_factory=Counter)
    tokens: list[str] = field(default_factory=list)
    """Every token that was shown, in the order of its first use."""

    def planned(self, device: str) -> Answer | None:
        self.asked[device] += 1
        return self.plan[device].popleft() if self.plan[device] else None


@dataclass
class Apple(Vendor):
    """APNs: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    expired: set[str] = field(default_factory=set)
    connections: int = 0

    def answer(self, headers: dict[str, str], body: bytes) -> Answer:
        """What a request gets, once all of it is there."""
        if refused := self.sender(headers.get("authorization", "")):
            return 403, {}, {"reason": refused}
        device = DEVICE.fullmatch(headers[":path"])
        for fault, wrong in {
            "BadDeviceToken": device is None,
            "MissingTopic": headers.get("apns-topic") != "example.app",
            "InvalidPushType": headers.get("apns-push-type") != "alert",
            "BadMessageId": not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers.get("apns-id", "")),
            "BadPriority": headers.get("apns-priority") not in ("5", "10"),
            "BadExpirationDate": not headers.get("apns-expiration", "").isdecimal(),
            "BadCollapseId": not 0 < len(headers.get("apns-collapse-id", "")) <= 64,
            "PayloadTooLarge": len(body) > 4096,
        }.items():
            if wrong:
                return 400, {}, {"reason": fault}
        assert device
        if planned := self.planned(device[1]):
            return planned
        self.received[device[1]].append({**json.loads(body), "headers": headers})
        return 200, {"apns-id": headers["apns-id"]}, {}

    def sender(self, authorization: str) -> str:
        """Why the provider's token is not taken; empty where it is."""
        token = authorization.removeprefix("bearer ")
        if token not in self.tokens:
            self.tokens.append(token)
        try:
            shown = jwt.decode(token, ECKey.import_key(self.key.public_key()), algorithms=["ES256"])
        except Exception:
            return "InvalidProviderToken"
        if shown.header["kid"] != "KEYID" or shown.claims["iss"] != "TEAM":
            return "InvalidProviderToken"
        late = not -60 < time.time() - shown.claims["iat"] < 3600
        return "ExpiredProviderToken" if late or token in self.expired else ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; many streams at once, as HTTP/2 has it (RFC 9113)."""
        self.connections += 1
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        wire = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        wire.initiate_connection()
        headers, bodies = dict[int, dict[str, str]](), defaultdict[int, bytes](bytes)
        writer.write(wire.data_to_send())
        while data := await reader.read(65_536):
            for event in wire.receive_data(data):
                if isinstance(event, RequestReceived):
                    headers[event.stream_id] = {str(name): str(value) for name, value in event.headers}
                elif isinstance(event, DataReceived):
                    bodies[event.stream_id] += event.data
                    wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    stream = event.stream_id
                    status, more, said = self.answer(headers.pop(stream), bodies.pop(stream, b""))
                    wire.send_headers(stream, [(":status", str(status)), *more.items()])
                    wire.send_data(stream, json.dumps(said).encode() if said else b"", end_stream=True)
            writer.write(wire.data_to_send())
            await writer.drain()
        writer.close()


@dataclass
class Google(Vendor):
    """FCM HTTP v1, and the token endpoint of Google's OAuth server (RFC 7523). An ASGI application."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    revoked: set[str] = field(default_factory=set)

    @property
    def account(self) -> str:
        """The service account's file."""
        return json.dumps(
            {
                "type": "service_account", "project_id": "app", "client_email": "push@app.example",
                "private_key": pem(self.key), "token_uri": f"https://{OAUTH}/token",
            }
        )  # fmt: skip

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        answers = {(OAUTH, "/token"): self.grant, (GOOGLE, "/v1/projects/app/messages:send"): self.send}
        answer = answers.get((headers["host"], scope["path"]))
        status, extra, said = answer(headers, body) if answer else fault(404, "NOT_FOUND")
        shown = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": shown})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    def grant(self, headers: dict[str, str], body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return 400, {}, {"error": "unsupported_grant_type"}
        try:
            claims = jwt.decode(
                form["assertion"], RSAKey.import_key(self.key.public_key()), algorithms=["RS256"]
            ).claims
            assert (claims["iss"], claims["scope"]) == ("push@app.example", SCOPE)
            assert claims["aud"] == f"https://{OAUTH}/token"
            assert 0 < claims["exp"] - claims["iat"] <= 3600
            assert abs(time.time() - claims["iat"]) < 300
        except Exception as error:
            return 400, {}, {"error": "invalid_grant", "error_description": str(error)}
        self.tokens.append(f"access-{len(self.tokens)}")
        return 200, {}, {"access_token": self.tokens[-1], "expires_in": 3599, "token_type": "Bearer"}

    def send(self, headers: dict[str, str], body: bytes) -> Answer:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens or token in self.revoked:
            return fault(401, "UNAUTHENTICATED")
        message = json.loads(body)["message"]
        if not all(isinstance(value, str) for value in message["data"].values()) or len(body) > 4096:
            return fault(400, "INVALID_ARGUMENT")
        if planned := self.planned(message["token"]):
            return planned
        self.received[message["token"]].append(message)
        return 200, {}, {"name": "projects/app/messages/1"}


def fault(status: int, name: str, code: str = "", **headers: str) -> Answer:
    """An error as Google words it."""
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details = [{"@type": kind, "errorCode": code}] if code else []
    said = {"error": {"code": status, "status": name, "details": details}}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, said


@asynccontextmanager
async def vendors(apple: Apple, google: Google, folder: Path) -> AsyncIterator[Ways]:
    """Both at once; the ways of an instance for which they are the internet."""
    certificate = folder / "certificate.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    signed = certify(key, APPLE, GOOGLE, OAUTH)
    certificate.write_bytes(pem(key).encode() + signed)
    offered = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    offered.load_cert_chain(certificate)
    offered.set_alpn_protocols(["h2"])
    trusting = ssl.create_default_context(cadata=signed.decode())
    listening = await asyncio.start_server(apple.talk, "127.0.0.1", 0, ssl=offered)
    async with listening, serving(google, ssl_certfile=certificate) as base:
        port = int(base.rpartition(":")[2])
        ports = {APPLE: listening.sockets[0].getsockname()[1], GOOGLE: port, OAUTH: port}

        def transport(http2: bool, connections: int) -> httpx2.AsyncBaseTransport:
            made = GuardedTransport(frozenset(), http2=http2, connections=connections)
            made._pool = httpcore2.AsyncConnectionPool(
                ssl_context=trusting, max_connections=connections, http1=True, http2=http2, network_backend=Names(ports)
            )
            return made

        secrets = {"secret:APPLE": pem(apple.key), "secret:GOOGLE": google.account}
        yield Ways(secret=lambda reference: secrets[reference], transport=transport, dial=None)  # type: ignore[arg-type]


class Names(httpcore2.AsyncNetworkBackend):
    """Leads the vendors' names to this machine; everything above the connection is as it is outside."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports, self.inner = ports, httpcore2.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *further: Any, **named: Any) -> httpcore2.AsyncNetworkStream:
        assert port == 443
        return await self.inner.connect_tcp("127.0.0.1", self.ports[host], *further, **named)


def certify(key: ec.EllipticCurvePrivateKey, *names: str) -> bytes:
    """A certificate for these names that nobody but the tests trusts."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vendors of the tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
