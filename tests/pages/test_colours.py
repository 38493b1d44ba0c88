"""Whatever colours a city chooses, the text of its pages can be read (WCAG 2.2 AA)."""

from __future__ import annotations

import re

from allmende.city.colour import LEAST, contrast
from allmende.city.model import Brand
from allmende.pages.colours import DARK_CARD, DARK_PAGE, WHITE, as_text, mixed, theme
from hypothesis import given
from hypothesis import strategies as st

COLOURS = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


@given(COLOURS, COLOURS)
def test_text_in_a_citys_colour_keeps_its_contrast_on_every_background(primary: str, accent: str) -> None:
    sheet = theme(Brand(primary=primary, accent=accent))
    light, dark = (dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", half)) for half in sheet.split("@media"))
    for values, card in ((light, WHITE), (dark, DARK_CARD)):
        for name in ("link", "accent"):
            assert contrast(values[name], card) >= LEAST
            assert contrast(values[name], values["page"]) >= LEAST
        assert contrast(values["on-primary"], values["primary"]) >= LEAST


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert as_text("#1f5f5b", WHITE) == "#1f5f5b"
    assert as_text("#ffff00", WHITE, DARK_PAGE) != "#ffff00"


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    assert [mixed("#000000", "#ffffff", share) for share in (0, 0.5, 1)] == ["#000000", "#808080", "#ffffff"]
