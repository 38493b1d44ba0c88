"""What every channel is given and what it answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

import httpx2
from msgspec import Struct

USER_AGENT = "Allmende/1 (open source citizen app backend; notifications)"


class Note(Struct, frozen=True, kw_only=True):
    """One message in the language of one recipient."""

    id: str
    """The same for every attempt, so that a receiver can tell a repetition."""
    city: str
    topic: str
    title: str
    body: str
    link: str
    urgency: Literal["low", "normal", "high"]
    urgent: bool
    """It may break the recipient's quiet hours."""
    thread: str
    """32 characters of the alphabet of base64url: what replaces what (RFC 8030, 5.4)."""
    sent: datetime
    expires: datetime
    language: str

    def lifetime(self, now: datetime) -> int:
        """Seconds for which a push service may keep it."""
        return max(0, int((self.expires - now).total_seconds()))


class Target(Struct, frozen=True, kw_only=True):
    """Whom to reach."""

    id: str
    address: str
    keys: dict[str, str]
    ticket: str


class Outcome(Struct, frozen=True, kw_only=True):
    """How one attempt ended."""

    kind: Literal["sent", "again", "gone", "refused"]
    """`again`: the next attempt may do better. `gone`: nobody is there any more, the endpoint goes. `refused`: this
    message will never be taken."""
    reason: str = ""
    after: float = 0.0
    """Seconds that the service asks to wait."""
    down: bool = False
    """The service itself did not answer, so that its other recipients need not be tried now."""


SENT = Outcome(kind="sent")


class Channel(Protocol):
    """One way to reach people, made ready for one city. It raises nothing for what the other side does wrong."""

    def service(self, target: Target) -> str:
        """Who carries it there: targets of one service fail together."""
        ...

    async def send(self, note: Note, target: Target) -> Outcome: ...


async def post(
    client: httpx2.AsyncClient, url: str, *, content: bytes, headers: dict[str, str], gone: tuple[int, ...] = (404, 410)
) -> tuple[Outcome, httpx2.Response | None]:
    """POST, and what the status means for the recipient; the answer itself where there was one."""
    try:
        response = await client.post(url, content=content, headers={"User-Agent": USER_AGENT, **headers})
    except httpx2.HTTPError as error:
        return Outcome(kind="again", reason=f"{type(error).__name__}: {error}"[:200], down=True), None
    except Exception as error:  # the egress guard, an address that is none
        return Outcome(kind="refused", reason=f"{type(error).__name__}: {error}"[:200]), None
    status = response.status_code
    reason = f"{status} {response.reason_phrase}".strip()
    if 200 <= status < 300:
        return SENT, response
    if status in gone:
        return Outcome(kind="gone", reason=reason), response
    if status in (408, 425, 429) or status >= 500:
        return Outcome(kind="again", reason=reason, after=_seconds(response.headers.get("retry-after", ""))), response
    return Outcome(kind="refused", reason=reason), response


def _seconds(value: str) -> float:
    """Of a Retry-After in seconds, an hour at most; a date in it is left to the usual pauses."""
    return min(3600.0, float(value)) if value.isdecimal() and len(value) < 9 else 0.0
