"""A member of staff at a browser without scripts, who can only open pages and send forms."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx2
from litestar import Litestar

TOKEN = re.compile(r'name="csrf" value="([^"]*)"')


class Staff:
    """`await staff.get("feeds")`, `await staff.post("feeds/run", name="value")`: paths below /<city>/desk."""

    def __init__(self, app: Litestar, city: str, cookies: dict[str, str] | None = None, language: str = "de") -> None:
        self.city = city
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://desk.example",
            cookies=cookies,
            headers={"Accept-Language": language},
        )

    def address(self, path: str) -> str:
        return path if path.startswith("/") else f"/{self.city}/desk" + (f"/{path}" if path else "")

    async def get(self, path: str = "", **query: Any) -> httpx2.Response:
        return await self.client.get(self.address(path), params=query or None)

    async def text(self, path: str = "", **query: Any) -> str:
        """What the page says, without tags, in one line; anything but 200 fails the test."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, (answer.status_code, words(answer.text)[:500])
        return words(answer.text)

    async def post(self, path: str, *, files: Any = None, token: str | None = None, **form: Any) -> httpx2.Response:
        """Send a form, with the token that pages of this session hold; the redirect that follows is not followed."""
        if token is None:
            found = TOKEN.search((await self.get()).text)
            token = found[1] if found else ""
        return await self.client.post(self.address(path), data={"csrf": token, **form}, files=files)

    async def done(self, path: str, *, files: Any = None, **form: Any) -> str:
        """Send a form that must succeed; what the page says to which it leads."""
        answer = await self.post(path, files=files, **form)
        assert answer.status_code == 303, (answer.status_code, words(answer.text)[:800])
        return await self.text(answer.headers["location"])


def words(page: str) -> str:
    """The page's main part without tags, in one line."""
    main = page.partition("<main")[2] or page
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", "<main" + main, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text))).strip()
