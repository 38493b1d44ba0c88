"""Firebase Cloud Messaging, HTTP v1: for Android phones with Google's services."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import msgspec
from joserfc import jwt
from joserfc.jwk import RSAKey
from msgspec import Struct, structs

from allmende.notify.channels.channel import USER_AGENT, Note, Outcome, Target, post

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
API = "https://fcm.googleapis.com"


class Credentials(Struct, frozen=True):
    """The parts that are needed of a service account's JSON file."""

    project_id: str
    client_email: str
    private_key: str
    token_uri: str


class Fcm:
    def __init__(self, client: httpx2.AsyncClient, credentials: str, api: str = API) -> None:
        self._client = client
        self._account = msgspec.json.decode(credentials, type=Credentials)
        self._url = f"{api}/v1/projects/{self._account.project_id}/messages:send"
        self._until = 0.0
        self._token = ""
        self._lock = asyncio.Lock()

    def service(self, target: Target) -> str:
        return "fcm"

    async def send(self, note: Note, target: Target) -> Outcome:
        token = await self._access()
        if isinstance(token, Outcome):
            return token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        outcome, response = await post(
            self._client, self._url, content=msgspec.json.encode(body(note, target)), headers=headers, gone=()
        )
        if response is None or outcome.kind == "sent":
            return outcome
        status, content = response.status_code, response.content
        if status in (401, 403) and b"SENDER_ID_MISMATCH" not in content:  # our account, and not the phone's fault
            if status == 401 and token == self._token:
                self._until = 0.0
            return Outcome(kind="again", reason=outcome.reason, down=status == 403)
        # A 404 or 400 without these words is about our project or message: no reason to forget anybody.
        dead = b"UNREGISTERED" in content or (b"INVALID_ARGUMENT" in content and b"registration token" in content)
        return structs.replace(outcome, kind="gone") if dead else outcome

    async def _access(self) -> str | Outcome:
        """An OAuth access token for the service account (RFC 7523), kept until shortly before it ends."""
        async with self._lock:
            now = time.time()
            if self._until > now:
                return self._token
            account = self._account
            claims = {
                "iss": account.client_email,
                "scope": SCOPE,
                "aud": account.token_uri,
                "iat": int(now),
                "exp": int(now) + 3600,
            }
            key = RSAKey.import_key(account.private_key)
            assertion = jwt.encode({"alg": "RS256", "typ": "JWT"}, claims, key, algorithms=["RS256"])
            form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
            try:
                response = await self._client.post(account.token_uri, data=form, headers={"User-Agent": USER_AGENT})
                answer: Any = response.json()
                self._token, self._until = answer["access_token"], now + float(answer["expires_in"]) - 300
            except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
                return Outcome(kind="again", reason=f"no access token: {type(error).__name__}", down=True)
            return self._token


def body(note: Note, target: Target) -> dict[str, Any]:
    """`projects.messages.send`. The data is that of the other channels, all of it text as FCM demands."""
    lifetime = min(note.lifetime(note.sent), 28 * 24 * 3600)
    return {
        "message": {
            "token": target.address,
            "notification": {"title": note.title, "body": note.body},
            "data": {
                "id": note.id,
                "city": note.city,
                "topic": note.topic,
                "link": note.link,
                "urgent": "true" if note.urgent else "false",
            },
            "android": {
                "priority": "HIGH" if note.urgency == "high" else "NORMAL",
                "ttl": f"{lifetime}s",
                "collapse_key": note.thread,
                "notification": {"tag": note.thread},
            },
        }
    }
