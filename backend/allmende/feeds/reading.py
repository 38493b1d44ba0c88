"""Runs an importer's `read` in a thread of its own, with a time limit.

A thread cannot be stopped. One that hangs is left behind and remembered: the same source is not read again while it
lives, so that a bad importer costs one thread per source and never more. The threads do not keep the process alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import TypeVar

from allmende.errors import FeedError

T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    """`seconds` is the time that one reading may take."""

    seconds: float = 120.0
    _hung: dict[tuple[str, ...], Thread] = field(default_factory=dict)

    async def run(self, name: tuple[str, ...], read: Callable[[], T]) -> T:
        """What `read` returns or raises; FeedError when it takes too long."""
        if name in self._hung and self._hung[name].is_alive():
            raise FeedError("an earlier reading of this source still hangs")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]  # no error means that there is a result

        def work() -> None:
            result, error = None, None
            try:
                result = read()
            except Exception as caught:
                error = caught
            except BaseException as caught:  # a plugin may raise anything; StopIteration and the like break futures
                error = RuntimeError(f"{type(caught).__name__}: {caught}")
            if isinstance(error, StopIteration):
                error = RuntimeError("StopIteration")
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, error)

        thread = Thread(target=work, name="-".join(("read", *name)), daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(self.seconds):
                return await done
        except TimeoutError as error:
            if not done.cancelled():
                raise
            self._hung[name] = thread
            raise FeedError(f"was not read within {self.seconds:g} seconds") from error
