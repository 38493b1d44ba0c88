"""One fetch of an address for all cities that read it: whoever comes first asks the server, the others take its answer.

An answer holds for half the interval of who asks, and the interval is counted from when the server was asked: so all
who read an address are due at the same moment from then on, and are served in one pass, wherever they began.

The answers lie in a folder that the processes of a machine share, so that a restart still knows what it may ask for
("has it changed?"). Only requests that are the same for everybody are shared: never one with a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from allmende.errors import FeedError
from allmende.feeds.fetched import Fetched, Validators
from allmende.importer import Payload, Source

FRESH = timedelta(seconds=60)
"""For how long holds that there was no answer, and an answer itself for people who want to have it now."""
MOST = 500_000_000
"""Bytes in the folder; the answers that were asked for longest ago go first."""


class Kept(Struct, frozen=True, kw_only=True):
    """An answer as it lies in the folder."""

    asked: datetime
    payload: Payload
    validators: Validators


class Shared:
    """The answers of one machine; `addresses` are those that more than one source reads."""

    def __init__(self, folder: Path, addresses: Container[str]) -> None:
        self._folder, self._addresses = folder, addresses
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._failed: dict[str, tuple[datetime, str]] = {}

    def covers(self, source: Source) -> bool:
        """Whether others send the same request as this source."""
        return bool(source.url) and not source.token and source.url in self._addresses

    async def fetch(
        self,
        source: Source,
        clock: Callable[[], datetime],
        ask: Callable[[Validators], Awaitable[Fetched]],
        *,
        now: bool = False,
    ) -> Fetched:
        """The latest answer for this address, always with its payload. FeedError, for all, where it cannot be had.

        `now` is for people who know that there is something new: only others who want it now are served with it.
        """
        fresh = timedelta(minutes=source.every) / 2
        soon = min(FRESH, fresh)
        lock = self._locks.setdefault(source.url, asyncio.Lock())
        async with lock:
            failed = self._failed.get(source.url)
            if failed and timedelta() <= clock() - failed[0] < soon:
                raise FeedError(failed[1])
            kept = await asyncio.to_thread(self._read, source.url)
            if kept is None or not timedelta() <= clock() - kept.asked < (soon if now else fresh):
                kept = await self._ask(source.url, kept, clock, ask)
        return Fetched(payload=kept.payload, validators=kept.validators, asked=kept.asked)

    async def _ask(
        self,
        url: str,
        kept: Kept | None,
        clock: Callable[[], datetime],
        ask: Callable[[Validators], Awaitable[Fetched]],
    ) -> Kept:
        try:
            fetched = await ask(kept.validators if kept else Validators())
        except FeedError as error:
            now = clock()
            self._failed = {url: one for url, one in self._failed.items() if now - one[0] < FRESH}
            self._failed[url] = (now, error.message)
            raise
        self._failed.pop(url, None)
        payload = fetched.payload or (kept.payload if kept else None)
        if payload is None:
            raise FeedError("the server says that nothing has changed, and was not asked that")
        kept = Kept(asked=clock(), payload=payload, validators=fetched.validators)
        await asyncio.to_thread(self._write, url, kept)
        return kept

    def _path(self, url: str) -> Path:
        return self._folder / f"{blake2b(url.encode(), digest_size=16).hexdigest()}.msgpack"

    def _read(self, url: str) -> Kept | None:
        try:
            return msgspec.msgpack.decode(self._path(url).read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError):  # missing, or of another version
            return None

    def _write(self, url: str, kept: Kept) -> None:
        """Never half: others read it at any time. A full disk is no reason to have no data."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._path(url)
            new = path.with_suffix(f".{uuid4().hex}")
            new.write_bytes(msgspec.msgpack.encode(kept))
            new.replace(path)
            there = sorted(self._folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
            total = 0
            for one in there:
                total += one.stat().st_size
                if total > MOST and one != path:
                    one.unlink(missing_ok=True)
        except OSError:
            return
