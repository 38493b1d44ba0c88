"""A city's two brand colours, made readable: each page gets shades of them that keep WCAG 2.2 AA contrast."""

from __future__ import annotations

from allmende.city.colour import LEAST, contrast, ink
from allmende.city.model import Brand

WHITE = "#ffffff"
DARK_PAGE, DARK_CARD = "#14171a", "#1e2327"


def mixed(colour: str, other: str, share: float) -> str:
    """The colour with this share of the other in it."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a * (1 - share) + b * share):02x}" for a, b in pairs)


def as_text(colour: str, *backgrounds: str, ratio: float = LEAST) -> str:
    """The colour, moved towards white or black only as far as it needs to be read on all the backgrounds."""
    towards = ink(backgrounds[0])
    for step in range(21):
        candidate = mixed(colour, towards, step / 20)
        if all(contrast(candidate, background) >= ratio for background in backgrounds):
            return candidate
    return towards


def theme(brand: Brand) -> str:
    """The style sheet that puts a city's colours on its pages, for light and dark screens."""

    def block(page: str, card: str) -> str:
        values = {
            "primary": brand.primary,
            "on-primary": ink(brand.primary),
            "link": as_text(brand.primary, card, page),
            "accent": as_text(brand.accent, card, page),
            "page": page,
        }
        return "".join(f"--{name}:{value};" for name, value in values.items())

    light, dark = block(mixed("#f6f6f4", brand.primary, 0.03), WHITE), block(DARK_PAGE, DARK_CARD)
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
