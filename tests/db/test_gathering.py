"""Who goes together: those who keep asking go as one, and who comes alone waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from allmende.db.direct.gathering import Gathering, Request
from allmende.db.direct.grouped import Grouped

ROUNDS = 20
STATEMENT = Grouped(sql="", line=lambda city, rows: city, tables=[], counted=None, bound=list)


class Slow:
    """A database to which the way takes a few turns of the event loop; answers one after the other."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.gathering = Gathering(self.send)

    async def send(self, requests: Sequence[Request]) -> None:
        self.groups.append(len(requests))
        for _ in range(3):
            await asyncio.sleep(0)
        for request in requests:
            if not request.done.done():
                request.done.set_result(0)

    async def ask(self, number: int, rounds: int = ROUNDS) -> None:
        """Again and again; each client needs another number of turns until it does."""
        for _ in range(rounds):
            await self.gathering.written(Request(STATEMENT, "oben", "", []))
            for _ in range(number):
                await asyncio.sleep(0)


async def test_those_who_ask_again_as_soon_as_they_are_answered_go_together() -> None:
    slow = Slow()
    await asyncio.gather(*(slow.ask(number) for number in range(8)))
    assert sum(slow.groups) == 8 * ROUNDS
    assert slow.groups.count(8) >= ROUNDS - 3, slow.groups


async def test_who_is_alone_is_not_held_up_by_waiting_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, looks = Slow(), []
    monkeypatch.setattr(slow.gathering, "_look_later", looks.append)
    await slow.ask(2)
    assert (slow.groups, looks) == ([1] * ROUNDS, [])


async def test_those_who_have_left_are_expected_once_more_at_most() -> None:
    slow = Slow()
    await asyncio.gather(slow.ask(0, rounds=10), *(slow.ask(number, rounds=3) for number in range(1, 8)))
    assert slow.groups[-5:] == [1] * 5
    assert slow.gathering.expected == 1


async def test_what_still_waits_for_others_is_written_before_the_end() -> None:
    slow = Slow()
    await asyncio.gather(*(slow.ask(number, rounds=1) for number in range(8)))
    late = asyncio.create_task(slow.gathering.written(Request(STATEMENT, "oben", "", [])))
    await asyncio.sleep(0)
    await slow.gathering.close()
    assert await late == 0
