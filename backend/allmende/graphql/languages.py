"""Which of a city's languages a reader gets: argument, then Accept-Language, then the city's default."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

MAX_HEADER = 500


def choose(offered: Sequence[str], asked: str | None, header: str = "") -> str:
    """The best of the offered languages; `header` is an Accept-Language (RFC 9110 § 12.5.4)."""
    if len(offered) == 1:
        return offered[0]
    return _chosen(tuple(offered), (asked or "")[:MAX_HEADER], header[:MAX_HEADER])


@lru_cache(maxsize=2_000)
def _chosen(offered: tuple[str, ...], asked: str, header: str) -> str:
    for tag in ([asked] if asked else []) + accepted(header):
        found = match(offered, tag)
        if found is not None:
            return found
    return offered[0]


def accepted(header: str) -> list[str]:
    """Language tags of an Accept-Language header, best first; what cannot be read is left out."""
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(header[:MAX_HEADER].split(",")):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        quality = _quality(parameters)
        if tag and tag != "*" and quality > 0:
            ranked.append((-quality, position, tag))
    return [tag for _, _, tag in sorted(ranked)]


def match(offered: Sequence[str], tag: str) -> str | None:
    """The offered language for a tag: itself, without its region (de-AT → de), or another region (en → en-GB)."""
    tag = tag.replace("_", "-").lower()
    primary = tag.partition("-")[0]
    by_tag = {language.lower(): language for language in reversed(offered)}
    by_primary = {language.lower().partition("-")[0]: language for language in reversed(offered)}
    return by_tag.get(tag) or by_tag.get(primary) or by_primary.get(primary)


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
