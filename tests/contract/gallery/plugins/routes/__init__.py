"""Routes that raise, end the process, hang, or answer with nonsense."""

import asyncio
from collections.abc import Mapping
from typing import Any

from allmende import PUBLIC, Context, Plugin, Reply, Route


async def raising(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    raise RuntimeError("secret /etc/passwd")


async def exiting(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    raise SystemExit("secret")


async def hanging(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    await asyncio.Event().wait()
    raise AssertionError


async def nonsense(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Any:
    return {"secret": 1}


async def huge(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    return Reply(content=b"x" * 200_000_000, media_type="text/plain")


plugin = Plugin(
    name="routes",
    routes=tuple(
        Route(path=name, handle=handle, visible=PUBLIC)
        for name, handle in (
            ("raises", raising),
            ("exits", exiting),
            ("hangs", hanging),
            ("nonsense", nonsense),
            ("huge", huge),
        )
    ),
)
