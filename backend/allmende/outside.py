"""Calls to servers of others from a plugin's jobs: public addresses only, with limits, and secrets by their names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from allmende.city.secrets import resolve_secret
from allmende.errors import FeedError

CONNECT, TOTAL = 10.0, 30.0
"""Seconds until there is a connection, and until the last byte."""
SIZE = 5_000_000
"""Bytes of an answer."""
USER_AGENT = "Allmende/1 (open source citizen app backend)"


class Answer(Struct, frozen=True, kw_only=True):
    """What the other server said, whatever its status."""

    status: int
    content: bytes
    media_type: str = ""


class Unreached(FeedError):
    """There was no connection, so nothing has arrived: it can be sent again."""


class TooLarge(FeedError):
    """The answer has more bytes than are taken; asked again, it will be no smaller."""


class Outside(Struct, frozen=True, kw_only=True):
    """Made by the core from the operator's settings; `allowed` are the private addresses that may be reached."""

    allowed: frozenset[tuple[str, int]] = frozenset()
    secrets: Path = Path("/run/secrets")

    def secret(self, reference: str) -> str:
        """The value behind `secret:NAME`. SecretMissing says which one is not there."""
        return resolve_secret(reference, self.secrets)

    async def call(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str | list[str]] | None = None,
        size: int = SIZE,
        redirects: int = 0,
    ) -> Answer:
        """One request, never repeated here. Unreached where it was not sent; FeedError where its fate is not known.

        `redirects` are followed at most, each of them to a public address only; with none, a 302 is the answer.
        """
        import httpx2  # here, so that what never calls starts without it

        from allmende.egress import GuardedTransport

        answered = False
        try:
            async with (
                asyncio.timeout(TOTAL),
                httpx2.AsyncClient(
                    transport=GuardedTransport(self.allowed),
                    timeout=httpx2.Timeout(TOTAL, connect=CONNECT),
                    trust_env=False,
                    follow_redirects=redirects > 0,
                    max_redirects=redirects,
                    headers={"User-Agent": USER_AGENT},
                ) as client,
                client.stream(method, url, params=query, data=form) as response,
            ):
                answered = True
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > size:
                        raise TooLarge(f"the answer has more than {size // 1_000_000} MB", place=_plain(url))
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                return Answer(status=response.status_code, content=bytes(body), media_type=kind)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise Unreached(f"cannot be reached ({str(error) or type(error).__name__})", place=_plain(url)) from error
        except FeedError as error:
            if answered:
                raise
            raise Unreached(error.message) from error  # the guard, which lets nothing out
        except (TimeoutError, httpx2.HTTPError) as error:
            raise FeedError(f"did not answer ({type(error).__name__})", place=_plain(url)) from error


def parse_allowed(text: str) -> frozenset[tuple[str, int]]:
    """The operator's exceptions, see egress.py."""
    if not text:
        return frozenset()
    from allmende.egress import parse_allowed as parse

    return parse(text)


def _plain(url: str) -> str:
    """The address for messages: without the query, which may hold a key."""
    return url.partition("?")[0]
