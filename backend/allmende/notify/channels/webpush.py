"""Web Push: RFC 8030 with RFC 8291 (encryption) and RFC 8292 (VAPID). UnifiedPush speaks the same."""

from __future__ import annotations

import base64
import os
import time
from urllib.parse import urlsplit

import http_ece
import httpx2
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from allmende.notify.channels.channel import Note, Outcome, Target, post

VALID = 12 * 3600
"""Seconds of a VAPID token; the RFC allows 24 hours."""
_CURVE = ec.SECP256R1()


class WebPush:
    """`key` is the private VAPID key as `allmende notify keys` makes it; `subject` is whom to ask (a URI)."""

    def __init__(self, client: httpx2.AsyncClient, key: str, subject: str) -> None:
        self._client = client
        self._key = private_key(key)
        self._subject = subject
        self._public = base64url(point(self._key.public_key()))
        self._tokens: dict[str, tuple[float, str]] = {}

    def service(self, target: Target) -> str:
        return urlsplit(target.address).netloc

    async def send(self, note: Note, target: Target) -> Outcome:
        try:
            body = encrypt(payload(note), target.keys)
        except (ValueError, KeyError, http_ece.ECEException) as error:
            return Outcome(kind="gone", reason=f"its keys cannot be used: {error}"[:200])
        headers = {
            "Authorization": f"vapid t={self._token(target.address)}, k={self._public}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(note.lifetime(note.sent)),
            "Urgency": note.urgency,
            "Topic": note.thread,
        }
        outcome, _ = await post(self._client, target.address, content=body, headers=headers)
        return outcome

    def _token(self, address: str) -> str:
        """Signed once per push service and half day (RFC 8292, 2)."""
        parts = urlsplit(address)
        audience, now = f"{parts.scheme}://{parts.netloc}", time.time()
        until, token = self._tokens.get(audience, (0.0, ""))
        if until < now + 3600:
            until = now + VALID
            claims = {"aud": audience, "exp": int(until), "sub": self._subject}
            key = ECKey.import_key(self._key)
            token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, key, algorithms=["ES256"])
            self._tokens[audience] = (until, token)
        return token


def payload(note: Note) -> bytes:
    """What the service worker (or the app) gets: JSON, the same on every push channel."""
    return msgspec.json.encode(
        {
            "id": note.id,
            "city": note.city,
            "topic": note.topic,
            "title": note.title,
            "body": note.body,
            "link": note.link,
            "tag": note.thread,
            "urgent": note.urgent,
            "sent": note.sent.isoformat(timespec="seconds"),
            "language": note.language,
        }
    )


def encrypt(content: bytes, keys: dict[str, str]) -> bytes:
    """One record for this browser alone (RFC 8291, 3): its key `p256dh` and its secret `auth`, both in base64url."""
    receiver = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, from_base64url(keys["p256dh"]))
    once = ec.generate_private_key(_CURVE)
    return bytes(
        http_ece.encrypt(
            content, salt=os.urandom(16), private_key=once, dh=receiver, auth_secret=from_base64url(keys["auth"])
        )
    )


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """From 32 bytes in base64url. ValueError where it is none."""
    raw = from_base64url(text)
    if len(raw) != 32:
        raise ValueError("a VAPID key has 32 bytes in base64url; make one with `allmende notify keys`")
    return ec.derive_private_key(int.from_bytes(raw, "big"), _CURVE)


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """The public key as browsers take it (`applicationServerKey`): 65 bytes, uncompressed."""
    numbers = key.public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def public_key(text: str) -> str:
    """The `applicationServerKey` that belongs to a private key, in base64url."""
    return base64url(point(private_key(text).public_key()))


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """ValueError where it is none. Browsers give it without padding, some libraries with."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
