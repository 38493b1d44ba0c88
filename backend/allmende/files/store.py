"""Where the bytes lie: a folder, or a bucket that speaks S3. What there is, the database knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, S3Store

from allmende.errors import NotFound

PATIENCE = 20.0
"""Seconds for one file."""


class Store:
    """`where` is a folder, or `s3://bucket/prefix` (credentials and endpoint from the usual AWS_ variables)."""

    def __init__(self, where: str) -> None:
        self._store: Any
        if where.startswith("s3://"):
            self._store = S3Store.from_url(where)
        else:
            self._store = LocalStore(Path(where).resolve(), mkdir=True)

    async def put(self, city: str, id_: str, sizes: Mapping[str, bytes]) -> None:
        """Keep a file in all its sizes; what is there already is replaced."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(
                *(self._store.put_async(_path(city, id_, size), content) for size, content in sizes.items())
            )

    async def get(self, city: str, id_: str, size: str) -> bytes:
        """NotFound where there is no such file."""
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._store.get_async(_path(city, id_, size))
                return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound("there is no such file") from error

    async def delete(self, city: str, id_: str, sizes: Iterable[str]) -> None:
        """Remove a file in these sizes; what is gone already is no fault."""
        for size in sizes:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._store.delete_async(_path(city, id_, size))
            except (NotFoundError, FileNotFoundError):
                continue


def _path(city: str, id_: str, size: str) -> str:
    return f"{city}/{id_[:2]}/{id_}/{size}.jpg"
