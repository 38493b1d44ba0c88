"""Runs in the environment of the generated client: asks a server through it, and prints what came, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys


async def main(folder: str, url: str) -> None:
    sys.path.insert(0, folder)
    from allmende_client import Client  # type: ignore[import-not-found]

    async with Client(url) as client:
        city = await client.city(city="beckum", language="de")
        places = await client.cities(search="b", first=5)
    print(json.dumps([city.city.slug, [module.status for module in city.city.modules], places.cities.total_count]))  # noqa: T201


asyncio.run(main(*sys.argv[1:]))
