"""Fetches the payload of a source: over HTTP with conditional requests, or from a file below the city's folder."""

from __future__ import annotations

import asyncio
import mimetypes
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from random import uniform

import httpx2
from msgspec import Struct
from msgspec.structs import replace

from allmende.city.model import City
from allmende.context import utc_now
from allmende.egress import GuardedTransport
from allmende.errors import FeedError
from allmende.feeds.fetched import Fetched, Validators
from allmende.feeds.sharing import Shared
from allmende.importer import Payload, Source

USER_AGENT = "Allmende/1 (open source citizen app backend; feed importer)"
PIECE = 2**20
"""Bytes that are unpacked at a time."""


class Limits(Struct, frozen=True, kw_only=True):
    """How long and how much a fetch may take. Times are in seconds."""

    connect: float = 10.0
    read: float = 20.0
    total: float = 60.0
    """Of one attempt, from the name look-up to the last byte."""
    size: int = 20_000_000
    """Bytes after decompression."""
    attempts: int = 3
    pause: float = 1.0
    """Before the second attempt; doubles with each further one."""
    retry_after: float = 30.0
    """Longest pause that a server may ask for; beyond it, the source is tried again by its schedule."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Everything that fetching needs besides the source. `secret` resolves `secret:NAME`."""

    allowed: frozenset[tuple[str, int]] = frozenset()
    secret: Callable[[str], str] | None = None
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], datetime] = utc_now
    shared: Shared | None = None
    """Where several cities read one address; without it, each fetches for itself."""

    async def fetch(self, city: City, source: Source, known: Validators | None = None, *, now: bool = False) -> Fetched:
        """The payload of the source; FeedError where it cannot be had. `known` allows the answer "unchanged".

        `now` says that somebody waits for what is there at this moment, not for what was a while ago.
        """
        known = known or Validators()
        if source.file:
            payload = await asyncio.to_thread(read_file, city, source, self.limits.size, self.clock())
            return _compare(payload, Validators(), known)
        if "@" in source.url.split("/", 3)[2]:
            raise FeedError('a url holds no name or password; give a token = "secret:NAME" instead', place="url")
        if self.shared is None or not self.shared.covers(source):
            fetched = await self._patiently(source, known)
        else:
            ask = partial(self._patiently, source)
            answer = await self.shared.fetch(source, self.clock, ask, now=now)
            unchanged = answer.validators.content_hash == known.content_hash
            fetched = replace(answer, payload=None) if unchanged else answer
        if fetched.payload is None or not source.encoding:
            return fetched
        return replace(fetched, payload=replace(fetched.payload, encoding=source.encoding))

    async def _patiently(self, source: Source, known: Validators) -> Fetched:
        """Asked again where that may help."""
        for attempt in range(self.limits.attempts):
            try:
                return await self._get(source, known)
            except _TryAgain as failure:
                pause = failure.pause or self.limits.pause * 2**attempt * uniform(0.8, 1.2)
                if attempt + 1 == self.limits.attempts or pause > self.limits.retry_after:
                    raise FeedError(failure.message, place=_address(source)) from failure
                await asyncio.sleep(pause)
        raise FeedError("not tried", place=_address(source))

    async def _get(self, source: Source, known: Validators) -> Fetched:
        limits = self.limits
        timeout = httpx2.Timeout(limits.read, connect=limits.connect)
        try:
            async with (
                asyncio.timeout(limits.total),
                httpx2.AsyncClient(
                    transport=GuardedTransport(self.allowed), timeout=timeout, trust_env=False, follow_redirects=False
                ) as client,
                client.stream("GET", source.url, headers=self._headers(source, known)) as response,
            ):
                _check_status(response, source)
                if response.status_code == 304:
                    return _unchanged(source, known)
                content = await _body(response, source, limits.size)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise _TryAgain("the server did not answer in time") from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise FeedError(f"not an address that can be fetched ({error})", place=_address(source)) from error
        except httpx2.HTTPError as error:
            raise _TryAgain(f"the connection failed ({str(error) or type(error).__name__})") from error
        payload = Payload(
            content=content,
            name=source.url,
            media_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
            encoding=_charset(response.charset_encoding or "", content),
            fetched_at=self.clock(),
        )
        etag, last_modified = (response.headers.get(name, "") for name in ("etag", "last-modified"))
        now = Validators(
            etag=etag if len(etag) <= 250 and etag.isascii() else "",
            last_modified=last_modified if len(last_modified) <= 60 and last_modified.isascii() else "",
        )
        return _compare(payload, now, known)

    def _headers(self, source: Source, known: Validators) -> dict[str, str]:
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
        if known.etag:
            headers["If-None-Match"] = known.etag
        if known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        if source.token:
            if self.secret is None:
                raise FeedError("the token refers to a secret, and there is none here", place=_address(source))
            headers["Authorization"] = f"Bearer {self.secret(source.token)}"
        return headers


class _TryAgain(Exception):
    """A failure that the next attempt may not have; `pause` in seconds where the server names one."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.message = message
        self.pause = pause


def _address(source: Source) -> str:
    """The address for messages: without the query, which may hold a key."""
    return source.url.partition("?")[0]


def _check_status(response: httpx2.Response, source: Source) -> None:
    status = response.status_code
    if status in (200, 304):
        return
    if response.is_redirect:
        target = response.headers.get("location", "another address")
        raise FeedError(f"redirects to {target[:200]}; if that is right, make it the url", place=_address(source))
    message = f"the server answered {status} {response.reason_phrase}".strip()
    if status in (408, 425, 429) or status >= 500:
        raise _TryAgain(message, _retry_after(response.headers.get("retry-after", "")))
    raise FeedError(message, place=_address(source))


def _retry_after(value: str) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3); 0 when it says nothing usable."""
    if value.isdecimal():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - utc_now()).total_seconds())


def _unchanged(source: Source, known: Validators) -> Fetched:
    if not (known.etag or known.last_modified):
        raise FeedError("the server says that nothing has changed, and was not asked that", place=_address(source))
    return Fetched(payload=None, validators=known)


async def _body(response: httpx2.Response, source: Source, size: int) -> bytes:
    """The decoded body. It is counted after decompression, in pieces, so that no bomb unfolds."""
    too_large = FeedError(f"is larger than {size // 1_000_000 or 1} MB", place=_address(source))
    if int(response.headers.get("content-length") or 0) > size:
        raise too_large
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise FeedError(f"is packed as {coding[:40]!r}, which was not asked for", place=_address(source))
    body = bytearray()
    async for piece in response.aiter_raw() if coding in ("", "identity") else _unpacked(response):
        body += piece
        if len(body) > size:
            raise too_large
    return bytes(body)


async def _unpacked(response: httpx2.Response) -> AsyncIterator[bytes]:
    """What a gzip holds, in pieces of bounded size: all of its members, and to the end (httpx2 looks for neither)."""
    inflate = None
    async for packed in response.aiter_raw():
        rest, piece = packed, b""
        while rest or len(piece) == PIECE:
            inflate = inflate or zlib.decompressobj(wbits=31)
            try:
                piece = inflate.decompress(rest, PIECE)
            except zlib.error as error:
                raise _TryAgain(f"the gzip is damaged ({error})") from error
            yield piece
            rest = inflate.unconsumed_tail
            if inflate.eof:
                rest, piece, inflate = inflate.unused_data.lstrip(b"\0"), b"", None
    if inflate is not None:
        raise _TryAgain("the gzip ends in the middle")


def _charset(declared: str, content: bytes) -> str:
    """The encoding that the server names. Where it names another one for what is UTF-8, it is mistaken."""
    if declared and not content.isascii():
        with suppress(UnicodeDecodeError):
            content.decode()
            return "utf-8"
    return declared


def read_file(city: City, source: Source, size: int, now: datetime) -> Payload:
    """The payload of a `file` source; the path may not leave the city's folder, by whatever way."""
    folder = Path(city.folder).resolve()
    try:
        path = (folder / source.file).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links that go in a circle, a NUL
        raise FeedError("is not a path that leads to a file", place=source.file) from error
    if not city.folder or not path.is_relative_to(folder):
        raise FeedError("is outside the city's folder", place=source.file)
    try:
        if not path.is_file():
            raise FeedError("there is no such file below the city's folder", place=source.file)
        if path.stat().st_size > size:
            raise FeedError(f"is larger than {size // 1_000_000 or 1} MB", place=source.file)
        content = path.read_bytes()
    except OSError as error:
        raise FeedError(f"cannot be read ({error.strerror})", place=source.file) from error
    return Payload(
        content=content,
        name=source.file,
        media_type=mimetypes.guess_type(path.name)[0] or "",
        encoding=source.encoding,
        fetched_at=now,
    )


def _compare(payload: Payload, now: Validators, known: Validators) -> Fetched:
    digest = blake2b(payload.content, digest_size=16).hexdigest()
    validators = Validators(etag=now.etag, last_modified=now.last_modified, content_hash=digest)
    return Fetched(payload=None if digest == known.content_hash else payload, validators=validators)
