"""Contrast of colours as WCAG 2.2 defines it, by which a city's colours are checked and text colours are chosen."""

from __future__ import annotations

LEAST = 4.5
"""WCAG 2.2, 1.4.3 (AA), for text of normal size."""


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, from 0 (black) to 1 (white)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def ink(background: str) -> str:
    """White where it can be read on the background, else black (which then can)."""
    return "#ffffff" if contrast(background, "#ffffff") >= LEAST else "#000000"
