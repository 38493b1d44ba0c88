"""Awaits what a plugin gives: for so long and no longer, and whatever it raises comes out as an ordinary exception."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


class PluginCrash(Exception):
    """A plugin raised what is no Exception (SystemExit, KeyboardInterrupt), or cancelled itself."""


async def bounded(work: Awaitable[T], seconds: float) -> T:
    """The result of `work`, or TimeoutError after `seconds`.

    It runs in a task of its own, so that one which ignores its cancellation is left behind instead of waited for.
    """
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    task = loop.create_task(_tamed(work, over))
    timer = loop.call_later(seconds, _settle, over)
    try:
        await over  # asyncio.wait, for one task only
    except asyncio.CancelledError:
        _leave(task)
        raise
    finally:
        timer.cancel()
    if not task.done():
        _leave(task)
        raise TimeoutError(f"did not answer within {seconds:.1f} s")
    if task.cancelled():
        raise PluginCrash("cancelled itself")
    return task.result()


async def _tamed(work: Awaitable[T], over: asyncio.Future[None]) -> T:
    """In a task, SystemExit and KeyboardInterrupt would end the event loop, and with it the process."""
    try:
        return await work
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise PluginCrash(f"{type(error).__name__}: {error}") from error
    finally:
        _settle(over)  # whoever waits goes on after this step, which is the task's last


def _settle(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _leave(task: asyncio.Future[T]) -> None:
    task.cancel()
    task.add_done_callback(lambda late: late.cancelled() or late.exception())


async def gathered(works: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all, which run at the same time. Raises what one of them raised, when all are done."""
    done = []
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
