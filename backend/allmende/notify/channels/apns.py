"""Apple Push Notification service: HTTP/2 with a token signed by the app's key."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey
from msgspec import structs

from allmende.notify.channels.channel import Note, Outcome, Target, post

API = "https://api.push.apple.com"
SANDBOX = "https://api.sandbox.push.apple.com"
RENEW = 40 * 60
"""Seconds after which a token is made anew: Apple wants it no younger than 20 and no older than 60 minutes."""
_GONE = (b"BadDeviceToken", b"Unregistered", b"ExpiredToken")


class Apns:
    """`key` is the .p8 file's text; `app` the bundle id. The client has to speak HTTP/2."""

    def __init__(
        self, client: httpx2.AsyncClient, key: str, *, key_id: str, team_id: str, app: str, api: str = API
    ) -> None:
        self._client = client
        self._key = ECKey.import_key(key)
        self._key_id, self._team_id, self._app, self._api = key_id, team_id, app, api
        self._made = 0.0
        self._token = ""

    def service(self, target: Target) -> str:
        return "apns"

    async def send(self, note: Note, target: Target) -> Outcome:
        bearer = self._bearer()
        headers = {
            "authorization": f"bearer {bearer}",
            "apns-topic": self._app,
            "apns-push-type": "alert",
            "apns-id": _uuid(note.id),
            "apns-priority": "10" if note.urgency == "high" else "5",
            "apns-expiration": str(int(note.expires.timestamp())),
            "apns-collapse-id": note.thread,
        }
        content = msgspec.json.encode(body(note))
        outcome, response = await post(
            self._client, f"{self._api}/3/device/{target.address}", content=content, headers=headers, gone=(410,)
        )
        if response is None or outcome.kind in ("sent", "gone"):
            return outcome
        reason = f"{response.status_code} {response.text}"[:200]
        if response.status_code == 403:  # our key, and not the phone's fault: all wait until somebody has mended it
            expired = b"ExpiredProviderToken" in response.content
            if expired and bearer == self._token:
                self._made = 0.0
            return Outcome(kind="again", reason=reason, down=not expired)
        gone = outcome.kind == "refused" and any(one in response.content for one in _GONE)
        return structs.replace(outcome, kind="gone" if gone else outcome.kind, reason=reason)

    def _bearer(self) -> str:
        now = time.time()
        if now - self._made > RENEW:
            claims = {"iss": self._team_id, "iat": int(now)}
            header = {"alg": "ES256", "kid": self._key_id}
            self._token, self._made = jwt.encode(header, claims, self._key, algorithms=["ES256"]), now
        return self._token


def body(note: Note) -> dict[str, Any]:
    """The payload: `time-sensitive` passes the phone's own focus modes, for what may break quiet hours."""
    return {
        "aps": {
            "alert": {"title": note.title, "body": note.body},
            "sound": "default",
            "thread-id": note.topic,
            "interruption-level": "time-sensitive" if note.urgent else "active",
        },
        "id": note.id,
        "city": note.city,
        "topic": note.topic,
        "link": note.link,
    }


def _uuid(id_: str) -> str:
    return f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:32]}"
