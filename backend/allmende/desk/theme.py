"""A city's colours on its desk, in shades that keep WCAG 2.2 AA contrast on light and on dark screens."""

from __future__ import annotations

from allmende.city.colour import ink
from allmende.city.model import Brand
from allmende.pages.colours import as_text, mixed

LIGHT = ("#f5f6f4", "#ffffff")
DARK = ("#131619", "#1c2024")
"""Page and card; the same as in static/tokens.css."""


def theme(brand: Brand) -> str:
    """The style sheet with the custom properties `--accent…` of this city."""

    def block(page: str, card: str, soft: float) -> str:
        tint = mixed(card, brand.primary, soft)
        link = as_text(brand.primary, card, page, tint)
        values = {
            "accent": link,
            "on-accent": ink(link),
            "accent-soft": tint,
            "brand": brand.primary,
            "on-brand": ink(brand.primary),
            "second": as_text(brand.accent, card, page),
        }
        return "".join(f"--{name}:{value};" for name, value in values.items())

    light, dark = block(*LIGHT, 0.08), block(*DARK, 0.22)
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
