"""Street names are found however they are spelt."""

from __future__ import annotations

import pytest

from plugins.waste.names import fold, split_address


@pytest.mark.parametrize(
    "spelt", ["Kölner Straße", "Koelner Strasse", "KÖLNER STR.", "kolner str", "Kölner-Straße", "Kölnerstr."]
)
def test_fold_makes_all_spellings_equal(spelt: str) -> None:
    assert fold(spelt) == "kolnerstrasse"


@pytest.mark.parametrize("typed", ["M", "Markt", "Marktstr", "Marktstra", "MARKTSTRASS", "marktstraß"])
def test_fold_keeps_a_beginning_a_beginning(typed: str) -> None:
    assert fold("Marktstraße").startswith(fold(typed))


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("Marktstraße 12a", ("Marktstraße", "12a")),
        ("Marktstraße 12 a", ("Marktstraße", "12 a")),
        ("Am Markt, 3-5", ("Am Markt", "3-5")),
        ("Domplatz", ("Domplatz", "")),
        ("Straße des 17. Juni", ("Straße des 17. Juni", "")),
        ("Straße des 17. Juni 4", ("Straße des 17. Juni", "4")),
    ],
)
def test_split_address_takes_the_number_off(address: str, parts: tuple[str, str]) -> None:
    assert split_address(address) == parts
