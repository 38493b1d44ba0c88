"""Fractions are recognised in whatever files call them, and a city lays its own over the shared ones."""

from __future__ import annotations

import pytest

from plugins.waste.catalogue import CATALOGUE, Matcher, effective, note, offered, text_colour
from plugins.waste.config import Fraction, WasteConfig


@pytest.mark.parametrize(
    ("title", "ids"),
    [
        ("Restmüll 4-wöchentlich", ["rest"]),
        ("RESTABFALL (graue Tonne)", ["rest"]),
        ("Leichtverpackungen (Gelbe Tonne)", ["packaging"]),
        ("Gelbe/r Sack/Tonne", ["packaging"]),
        ("Gelbe Säcke", ["packaging"]),
        ("Altpapier (blaue Tonne)", ["paper"]),
        ("Biotonne", ["bio"]),
        ("Grünschnittabfuhr", ["green"]),
        ("Tannenbaumabfuhr", ["trees"]),
        ("Rest- und Biomüll", ["rest", "bio"]),
        ("Restmüll / Papier", ["rest", "paper"]),
        ("Poubelle jaune", []),
        ("", []),
    ],
)
def test_matcher_finds_every_fraction_named(title: str, ids: list[str]) -> None:
    assert Matcher(WasteConfig()).ids(title) == ids


@pytest.mark.parametrize(
    ("title", "rest"),
    [
        ("Restmüll 4-wöchentlich", "4-wöchentlich"),
        ("Restmüll 14-täglich 1.100 l", "14-täglich 1.100 l"),
        ("Bioabfall wöchentlich", "wöchentlich"),
        ("Altpapier (blaue Tonne)", ""),
    ],
)
def test_note_keeps_rhythm_and_size(title: str, rest: str) -> None:
    assert note(title) == rest


def test_city_overrides_only_what_it_says() -> None:
    config = WasteConfig(fractions={"bio": Fraction(colour="#00ff00", aliases=("Grüne Tonne",))})
    bio = effective(config)["bio"]
    assert (bio.colour, bio.name, Matcher(config).ids("Grüne Tonne")) == ("#00ff00", CATALOGUE["bio"].name, ["bio"])
    assert list(offered(config)) == ["bio"]
    assert list(offered(WasteConfig())) == list(CATALOGUE)


@pytest.mark.parametrize(("colour", "text"), [("#f2c500", "#000000"), ("#1f5fa8", "#ffffff"), ("#000000", "#ffffff")])
def test_text_colour_can_be_read(colour: str, text: str) -> None:
    assert text_colour(colour) == text
