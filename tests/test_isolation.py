"""What a plugin gives is awaited for so long and no longer, and whatever it does, it does to itself."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from allmende.isolation import PluginCrash, bounded


async def after(seconds: float, what: Any = "done") -> Any:
    await asyncio.sleep(seconds)
    if isinstance(what, BaseException):
        raise what
    return what


class Stubborn:
    """Goes on when it is cancelled."""

    def __init__(self) -> None:
        self.cancelled, self.over = asyncio.Event(), asyncio.Event()

    async def work(self) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            await asyncio.sleep(0.05)
            self.over.set()
            raise RuntimeError("nobody hears of it") from None


@pytest.fixture
async def unheard() -> list[Any]:
    """What the event loop complains of."""
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context))
    return said


async def test_the_result_comes_as_it_is_and_the_work_has_a_task_of_its_own() -> None:
    async def mine() -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    assert await bounded(after(0), 1) == "done"
    assert await bounded(mine(), 1) is not asyncio.current_task()


async def test_an_error_comes_as_it_is() -> None:
    with pytest.raises(LookupError, match="mine"):
        await bounded(after(0, LookupError("mine")), 1)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_what_would_end_the_process_is_an_ordinary_error(error: BaseException) -> None:
    with pytest.raises(PluginCrash, match=type(error).__name__):
        await bounded(after(0, error), 1)


async def test_who_cancels_itself_has_crashed() -> None:
    with pytest.raises(PluginCrash, match="cancelled itself"):
        await bounded(after(0, asyncio.CancelledError()), 1)


async def test_a_task_that_somebody_cancels_before_it_has_begun_is_not_waited_for_for_ever() -> None:
    waiting = asyncio.create_task(bounded(asyncio.get_running_loop().create_future(), 0.05))
    await asyncio.sleep(0)
    (work,) = asyncio.all_tasks() - {waiting, asyncio.current_task()}
    work.cancel()
    with pytest.raises(PluginCrash, match="cancelled itself"):
        await waiting


@pytest.mark.parametrize("seconds", [-1, 0, 0.05])
async def test_after_its_time_it_is_cancelled(seconds: float) -> None:
    works = asyncio.create_task(asyncio.sleep(60))
    with pytest.raises(TimeoutError, match="did not answer within"):
        await bounded(works, seconds)
    await asyncio.sleep(0.01)
    assert works.cancelled()


async def test_who_ignores_its_cancellation_is_left_behind_and_its_error_is_nobody_s(unheard: list[Any]) -> None:
    stubborn = Stubborn()
    with pytest.raises(TimeoutError):
        await bounded(stubborn.work(), 0.05)
    assert not stubborn.over.is_set()
    await asyncio.wait_for(stubborn.over.wait(), 5)
    await asyncio.sleep(0)
    gc.collect()
    assert unheard == []


async def test_who_is_cancelled_while_waiting_takes_the_work_along_and_does_not_wait_for_it(unheard: list[Any]) -> None:
    stubborn = Stubborn()
    waiting = asyncio.create_task(bounded(stubborn.work(), 60))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not stubborn.over.is_set()
    await asyncio.wait_for(stubborn.over.wait(), 5)
    await asyncio.sleep(0)
    gc.collect()
    assert unheard == []


async def test_an_error_of_work_whose_waiter_was_cancelled_at_the_same_time_is_nobody_s(unheard: list[Any]) -> None:
    ready = asyncio.Event()

    async def fails() -> None:
        await ready.wait()
        raise RuntimeError("too late")

    waiting = asyncio.create_task(bounded(fails(), 60))
    await asyncio.sleep(0.01)
    ready.set()
    await asyncio.sleep(0)  # the work fails in this turn, so its waiter has been woken, and is cancelled
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gc.collect()
    assert unheard == []
