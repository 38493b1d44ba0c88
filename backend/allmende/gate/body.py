"""What a client sends, read with a limit of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from allmende.gate.rules import Rules, Turned, full

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Vault:
    """The bytes of all bodies that are being read, so that many large ones cannot fill the memory together."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.held = 0


class Disconnected(Exception):
    """The client went away, or sent what is no HTTP, before its body was there."""


async def read(receive: Receive, vault: Vault, announced: bytes | None, arrived: bytes | None = None) -> bytes:
    """The whole body. Raises Turned for one that is too large or too slow, and Disconnected.

    `arrived` is the whole of it where the connection has it already; then there is nothing to wait for.
    """
    rules = vault.rules
    if arrived is not None and len(arrived) <= rules.body:
        return arrived
    if announced is not None and len(announced) < 18 and announced.isdigit() and int(announced) > rules.body:
        raise too_large(rules)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(rules.body_seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Disconnected
                part = message.get("body", b"")
                size += len(part)
                vault.held += len(part)
                if size > rules.body:
                    raise too_large(rules)
                if vault.held > rules.bodies:
                    raise full()
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError as error:
        raise Turned(408, "BODY_TIMEOUT", "the body did not arrive in time", {"Connection": "close"}) from error
    finally:
        vault.held -= size


def too_large(rules: Rules) -> Turned:
    return Turned(413, "LIMIT_BODY", f"the body has more than {rules.body} bytes", {"Connection": "close"})
