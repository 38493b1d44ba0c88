"""A web hook: the message as JSON to a server of a partner, signed so that it can be trusted and told from a replay."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

import httpx2

from allmende.notify.channels.channel import Note, Outcome, Target, post
from allmende.notify.channels.webpush import payload


class Webhook:
    """`Allmende-Signature: t=<Unix time>,v1=<HMAC-SHA256 of "<t>.<id>.<body>" with the endpoint's secret, in hex>`."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    def service(self, target: Target) -> str:
        return urlsplit(target.address).netloc

    async def send(self, note: Note, target: Target) -> Outcome:
        body, at = payload(note), int(note.sent.timestamp())
        headers = {
            "Content-Type": "application/json",
            "Allmende-Delivery": note.id,
            "Allmende-Signature": f"t={at},v1={signature(target.keys['secret'], at, note.id, body)}",
        }
        outcome, _ = await post(self._client, target.address, content=body, headers=headers, gone=(410,))
        return outcome


def signature(secret: str, at: int, id_: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.{id_}.".encode() + body, hashlib.sha256).hexdigest()
