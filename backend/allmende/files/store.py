"""Where the bytes lie: a folder, or a bucket that speaks S3. What there is, the database knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allmende.errors import NotFound
from allmende.later import lazily

if TYPE_CHECKING:
    from obstore import exceptions, store
else:
    exceptions, store = lazily("obstore.exceptions"), lazily("obstore.store")

PATIENCE = 20.0
"""Seconds for one file."""


class Store:
    """`where` is a folder, or `s3://bucket/prefix` (credentials and endpoint from the usual AWS_ variables)."""

    def __init__(self, where: str) -> None:
        self._where = where
        if not where.startswith("s3://"):
            Path(where).resolve().mkdir(parents=True, exist_ok=True)

    @cached_property
    def _store(self) -> Any:
        if self._where.startswith("s3://"):
            return store.S3Store.from_url(self._where)
        return store.LocalStore(Path(self._where).resolve())

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
        except (exceptions.NotFoundError, FileNotFoundError) as error:
            raise NotFound("there is no such file") from error

    async def delete(self, city: str, id_: str, sizes: Iterable[str]) -> None:
        """Remove a file in these sizes; what is gone already is no fault."""
        for size in sizes:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._store.delete_async(_path(city, id_, size))
            except (exceptions.NotFoundError, FileNotFoundError):
                continue


def _path(city: str, id_: str, size: str) -> str:
    return f"{city}/{id_[:2]}/{id_}/{size}.jpg"
