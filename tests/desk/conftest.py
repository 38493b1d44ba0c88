"""The desk of a fictional city, and its staff."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import pytest
from allmende.desk.office import Office, Signed
from allmende.desk.page import Page
from allmende.desk.pages import PAGES
from allmende.desk.routes import desk_routes
from allmende.files.store import Store
from allmende.reader import Reader
from allmende.testing import Town
from litestar import Litestar
from PIL import Image

from tests.desk.staff import Staff

Hire = Callable[..., Staff]


@pytest.fixture
def hire(town: Town, tmp_path: Path) -> Hire:
    """`hire("desk.feeds")` gives a member of staff of the town with these permissions; `city` that of another."""

    def hired(
        *permissions: str, city: str = "", at: str = "", pages: Sequence[Page] = PAGES, language: str = "de"
    ) -> Staff:
        home = city or town.slug

        async def who(slug: str, cookies: str) -> Signed | None:
            if "signed=in" not in cookies or slug != home:
                return None
            reader = Reader(kind="staff", id="a" * 32, city=slug, name="Probe", permissions=frozenset(permissions))
            return Signed(reader=reader, csrf="right")

        office = Office(
            registry=town.instance.registry,
            database=town.instance.database,
            cities=lambda: town.instance.cities,
            feeds=town.instance.feeds,
            who=who,
            clock=lambda: town.now,
            services=town.instance.services,
            schema=town.instance.composed.schema,
            files=Store(str(tmp_path / "files")),
        )
        app = Litestar(desk_routes(office, pages), openapi_config=None)
        return Staff(app, at or home, {"signed": "in"}, language)

    return hired


@pytest.fixture
def picture() -> bytes:
    """A small PNG."""
    kept = BytesIO()
    Image.new("RGB", (64, 48), "#1f5f5b").save(kept, "PNG")
    return kept.getvalue()
