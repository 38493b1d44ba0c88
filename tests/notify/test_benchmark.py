"""The measurement of operations.md in small: a push service in another process decrypts what each browser gets."""

from __future__ import annotations

from ..benchmarks.push import measure


async def test_every_recipient_gets_one_message_that_its_browser_can_decrypt(database_url: str) -> None:
    found = await measure(database_url, 200)
    assert (found["decrypted"], found["refused"], found["counts"]) == (200, [], {"sent": 200})
