"""Street names are found however they are spelt."""

from __future__ import annotations

import pytest

from plugins.waste.names import fold, split_address


@pytest.mark.parametrize(
    "spelt", ["Kölner Straße", "Koelner Strasse", "KÖLNER STR.", "kolner str", "Kölner-Straße", "Kölnerstr."]
)
def test_fold_makes_all_spellings_equal(spelt: str) -> None:
    assert fold(spelt) == "kolnerstrasse"


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("Ludgeripl.", "Ludgeri-Platz"),
        ("St.-Mauritz-Freiheit", "Sankt Mauritz Freiheit"),
        ("St Martin-Str", "Sankt-Martin-Straße"),
        ("Dr.-Goerdeler-Straße", "Doktor Goerdeler Str."),
        ("Prof. Plett Pl", "Professor-Plett-Platz"),
    ],
)
def test_fold_writes_out_what_is_shortened(short: str, whole: str) -> None:
    assert fold(short) == fold(whole)


@pytest.mark.parametrize(
    ("typed", "name"), [("St", "Steinweg"), ("Dr", "Dreieck"), ("Prof", "Profanbau"), ("Ost", "Ost")]
)
def test_fold_leaves_a_beginning_that_may_become_another_word(typed: str, name: str) -> None:
    assert fold(name).startswith(fold(typed))


@pytest.mark.parametrize("typed", ["M", "Markt", "Marktstr", "Marktstra", "MARKTSTRASS", "marktstraß"])
def test_fold_keeps_a_beginning_a_beginning(typed: str) -> None:
    assert fold("Marktstraße").startswith(fold(typed))


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("Marktstraße 12a", ("Marktstraße", "12a")),
        ("Marktstraße 12 a", ("Marktstraße", "12 a")),
        ("Am Markt, 3-5", ("Am Markt", "3-5")),
        ("Marktstr.12a", ("Marktstr.", "12a")),
        ("Marktstraße12", ("Marktstraße", "12")),
        ("Marktstraße Nr. 12", ("Marktstraße", "12")),
        ("Marktstraße 12, 48143 Münster", ("Marktstraße", "12")),
        ("Marktstraße 12 a 48143 Münster", ("Marktstraße", "12 a")),
        ("Marktstraße 12, D-48143 Münster", ("Marktstraße", "12")),
        ("Marktstraße 12, Münster", ("Marktstraße", "12")),
        ("Marktstraße 12a-c", ("Marktstraße", "12a-c")),
        ("Marktstraße 12c – 14", ("Marktstraße", "12c – 14")),
        ("Marktstraße 123", ("Marktstraße", "123")),
        ("C 4, 9b", ("C 4", "9b")),
        ("Domplatz", ("Domplatz", "")),
        ("Straße des 17. Juni", ("Straße des 17. Juni", "")),
        ("Straße des 17. Juni 4", ("Straße des 17. Juni", "4")),
        ("Straße des 17. Juni 4, 10785 Berlin", ("Straße des 17. Juni", "4")),
    ],
)
def test_split_address_takes_the_number_off(address: str, parts: tuple[str, str]) -> None:
    assert split_address(address) == parts
