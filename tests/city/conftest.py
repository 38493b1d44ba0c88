"""A small module with sources of two kinds, and a folder of cities to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from allmende.city.load import Cities, load_cities
from allmende.city.model import Config, LocalText, Strict
from allmende.importer import Source
from msgspec import Meta


class IcalSource(Source, tag="ical", frozen=True, kw_only=True):
    horizon: Annotated[int, Meta(ge=1, le=36)] = 12


class CsvSource(Source, tag="csv", frozen=True, kw_only=True):
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ";"


class Fraction(Strict, frozen=True, kw_only=True):
    id: str
    name: LocalText
    colour: Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}$", description="#rrggbb")] = "#777777"


class WasteConfig(Config, frozen=True, kw_only=True):
    reminder_hour: Annotated[int, Meta(ge=0, le=23)] = 19
    sources: tuple[IcalSource | CsvSource, ...] = ()
    fractions: tuple[Fraction, ...] = ()
    token: str = ""


class NewsConfig(Config, frozen=True, kw_only=True):
    title: LocalText = "News"
    categories: dict[str, LocalText] = {}  # noqa: RUF012


CONFIGS: dict[str, type[Config]] = {"waste": WasteConfig, "news": NewsConfig}
CITY = """\
name = "Altdorf"
ags = "{ags}"
ars = "{ars}"
languages = ["de", "en"]
hosts = ["{slug}.example"]

[area]
lat = 51.9
lon = 7.6
bbox = {{ south = 51.8, west = 7.5, north = 52.0, east = 7.7 }}
"""


@pytest.fixture
def configs() -> dict[str, type[Config]]:
    return CONFIGS


class Folder:
    """A folder of cities on disk, in the words of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def city(self, slug: str, land: str = "05") -> None:
        self.number += 1
        self.write(f"{slug}/city.toml", self.text(slug, self.number, land))

    def text(self, slug: str, number: int, land: str = "05") -> str:
        return CITY.format(slug=slug, ags=f"{land}515{number:03}", ars=f"{land}5150000{number:03}")

    def load(
        self, environ: dict[str, str] | None = None, known: tuple[str, ...] = (), previous: Cities | None = None
    ) -> Cities:
        return load_cities(
            self.path,
            CONFIGS,
            environ=environ or {},
            known=known,
            secrets=self.path / "_secrets",
            previous=previous,
        )

    def problems(self, **options: object) -> list[str]:
        """The problems as printed, without the way to the folder."""
        found = self.load(**options).all_problems()  # type: ignore[arg-type]
        return [str(problem).replace(f"{self.path}/", "") for problem in found]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Two cities without mistakes: altdorf and neudorf."""
    made = Folder(tmp_path / "cities")
    made.city("altdorf")
    made.city("neudorf")
    return made


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[[], Folder]:
    return lambda: Folder(tmp_path / "cities")
