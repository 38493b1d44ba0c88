"""The desk of a fictional city, and its staff."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from allmende.accounts.sessions import Session
from allmende.desk.office import Office, Who, sessions
from allmende.desk.page import Page
from allmende.desk.pages import PAGES
from allmende.desk.routes import desk_routes
from allmende.files.store import Store
from allmende.reader import Reader
from allmende.testing import Town
from allmende.uploads import upload_routes
from litestar import Litestar
from PIL import Image

from tests.desk.staff import Staff

Hire = Callable[..., Staff]


def make_office(town: Town, who: Who, folder: Path) -> Office:
    """What the desk works with, in this town's instance."""
    services = town.instance.services
    services.files = Store(str(folder / "files"))
    return Office(
        registry=town.instance.registry,
        database=town.instance.database,
        cities=lambda: town.instance.cities,
        feeds=town.instance.feeds,
        accounts=town.instance.services.accounts,
        who=who,
        clock=lambda: town.now,
        services=services,
        schema=town.instance.composed.schema,
        files=services.files,
    )


@pytest.fixture
def visitor(town: Town, tmp_path: Path) -> Staff:
    """Somebody at the real door of the desk, who has not signed in."""
    office = make_office(town, sessions(town.instance.services.accounts, secure=False), tmp_path)
    return Staff(Litestar(desk_routes(office, PAGES), openapi_config=None), town.slug)


@pytest.fixture
def hire(town: Town, tmp_path: Path) -> Hire:
    """`hire("desk.feeds")` gives a member of staff of the town with these permissions; `city` that of another."""

    def hired(
        *permissions: str, city: str = "", at: str = "", pages: Sequence[Page] = PAGES, language: str = "de"
    ) -> Staff:
        home = city or town.slug

        async def who(slug: str, cookies: str) -> Session | None:
            if "signed=in" not in cookies or slug != home:
                return None
            reader = Reader(kind="staff", id="a" * 32, city=slug, name="Probe", permissions=frozenset(permissions))
            end = town.now + timedelta(hours=1)
            return Session(reader=reader, csrf="right", token="", family="", expires=end)

        office = make_office(town, who, tmp_path)
        app = Litestar([*desk_routes(office, pages), *upload_routes(office.services)], openapi_config=None)
        return Staff(app, at or home, {"signed": "in"}, language)

    return hired


@pytest.fixture
def picture() -> bytes:
    """A small PNG."""
    kept = BytesIO()
    Image.new("RGB", (64, 48), "#1f5f5b").save(kept, "PNG")
    return kept.getvalue()
