"""A city's two brand colours, made readable: each page gets shades of them that keep WCAG 2.2 AA contrast."""

from __future__ import annotations

from allmende.city.model import Brand

WHITE, BLACK = "#ffffff", "#000000"
DARK_PAGE, DARK_CARD = "#14171a", "#1e2327"


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio between 1 and 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_on(background: str) -> str:
    """White or black, whichever reads better on the background."""
    return WHITE if contrast(WHITE, background) >= contrast(BLACK, background) else BLACK


def mixed(colour: str, other: str, share: float) -> str:
    """The colour with this share of the other in it."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a * (1 - share) + b * share):02x}" for a, b in pairs)


def as_text(colour: str, *backgrounds: str, ratio: float = 4.5) -> str:
    """The colour, moved towards white or black only as far as it needs to be read on all the backgrounds."""
    towards = readable_on(backgrounds[0])
    for step in range(21):
        candidate = mixed(colour, towards, step / 20)
        if all(contrast(candidate, background) >= ratio for background in backgrounds):
            return candidate
    return towards


def theme(brand: Brand) -> str:
    """The style sheet that puts a city's colours on its pages, for light and dark screens."""

    def block(page: str, card: str, tint: float) -> str:
        values = {
            "primary": brand.primary,
            "on-primary": readable_on(brand.primary),
            "link": as_text(brand.primary, card, page),
            "accent": as_text(brand.accent, card, page),
            "page": mixed(page, brand.primary, tint),
        }
        return "".join(f"--{name}:{value};" for name, value in values.items())

    light, dark = block("#f6f6f4", WHITE, 0.03), block(DARK_PAGE, DARK_CARD, 0.0)
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
