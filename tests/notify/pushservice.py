"""A push service on this machine (RFC 8030) that checks who sends (RFC 8292) and decrypts what it gets (RFC 8291).

Browsers have addresses such as `/push/0/42`: the number behind the last slash is the browser, and from it come its
keys, so that the service needs no memory to decrypt. What stands before says how it behaves.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import http_ece
import uvicorn
from allmende.notify.channels.webpush import base64url, from_base64url, point
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

CURVE = ec.SECP256R1()
SEED = b"a browser of the tests"


@lru_cache(maxsize=200_000)
def browser_key(number: int) -> ec.EllipticCurvePrivateKey:
    """The private key of a browser. Many share one: making keys is not what is measured."""
    digest = hashlib.sha256(SEED + str(number % 64).encode()).digest()
    return ec.derive_private_key(int.from_bytes(digest, "big") % (2**255), CURVE)


def browser_secret(number: int) -> bytes:
    return hashlib.sha256(SEED + b"auth" + str(number).encode()).digest()[:16]


def browser(base: str, number: int, manner: str = "ok") -> dict[str, str]:
    """The PushSubscription of a browser, as it would give it to the page."""
    return {
        "address": f"{base}/{manner}/{number}",
        "p256dh": base64url(point(browser_key(number).public_key())),
        "auth": base64url(browser_secret(number)),
    }


@dataclass
class PushService:
    """An ASGI application. `received` maps browsers to the messages that have been decrypted for them."""

    keep: bool = True
    received: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    down: bool = False
    _known: dict[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                event = (await receive())["type"]
                await send({"type": f"{event}.complete"})
                if event == "lifespan.shutdown":
                    return
        body = b""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                return  # the sender died with half a request
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, extra, answer = await self.answer(scope["path"], headers, body)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-length", str(len(answer)).encode()), *extra],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    async def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[Any], bytes]:
        if path == "/count":
            total = sum(len(messages) for messages in self.received.values()) if self.keep else self.asked["decrypted"]
            return 200, [], json.dumps({"received": total, "refused": self.refused[:5], "asked": self.asked}).encode()
        _, manner, number = path.split("/")
        self.asked[manner] += 1
        if self.down:
            return 503, [(b"retry-after", b"7")], b""
        if manner == "gone":
            return 410, [], b""
        if manner == "flaky" and self.asked[path] == 0:
            self.asked[path] += 1
            return 503, [], b""
        if manner == "slow":
            await asyncio.sleep(0.05)
        try:
            message = self.decrypt(int(number), headers, body)
        except Exception as error:
            self.refused.append(f"{type(error).__name__}: {error}")
            return 400, [], b""
        self.asked["decrypted"] += 1
        if self.keep:
            self.received.setdefault(int(number), []).append(message)
            self.headers.append(headers)
        return 201, [(b"location", b"/receipt")], b""

    def decrypt(self, number: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        self.check_sender(headers["authorization"], headers["host"])
        assert headers["content-encoding"] == "aes128gcm"
        assert int(headers["ttl"]) > 0
        assert headers["urgency"] in ("very-low", "low", "normal", "high")
        assert len(headers["topic"]) <= 32
        plain = http_ece.decrypt(body, private_key=browser_key(number), auth_secret=browser_secret(number))
        return dict(json.loads(plain))

    def check_sender(self, authorization: str, host: str) -> None:
        """The signature, once for each token: RFC 8292, 4.2 says that a service may remember it."""
        if authorization in self._known:
            assert self._known[authorization] == host
            return
        assert authorization.startswith("vapid t=")
        token, _, public = authorization.removeprefix("vapid t=").partition(", k=")
        key = ECKey.import_key(ec.EllipticCurvePublicKey.from_encoded_point(CURVE, from_base64url(public)))
        claims = jwt.decode(token, key, algorithms=["ES256"]).claims
        assert claims["aud"] in (f"http://{host}", f"https://{host}")
        assert claims["sub"].startswith("mailto:")
        self._known[authorization] = host


@asynccontextmanager
async def serving(service: Any, **options: Any) -> AsyncIterator[str]:
    """Serve it in this event loop; the address."""
    config = uvicorn.Config(service, log_level="warning", lifespan="off", access_log=False, **options)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        task = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await task


app = PushService(keep=bool(os.environ.get("PUSH_KEEP")))
"""For a server in a process of its own."""
