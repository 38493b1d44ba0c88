"""Hooks that never answer."""

import asyncio
from typing import Any

from allmende import PUBLIC, Feed, Map, Plugin


async def wait(*args: Any) -> Any:
    await asyncio.Event().wait()


plugin = Plugin(name="hooks_hang", feed=Feed(load=wait, visible=PUBLIC), map=Map(load=wait, visible=PUBLIC))
