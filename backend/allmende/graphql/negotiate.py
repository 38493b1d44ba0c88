"""Which of the media types that the server can write a client wants (RFC 9110 § 12.5.1)."""

from __future__ import annotations

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
HTML = "text/html"


def negotiate(accept: str, offered: tuple[str, ...]) -> str | None:
    """The best of the offered types, which come in the server's order; None where the client wants none of them."""
    wanted = _ranges(accept)
    if not wanted:
        return offered[0]
    ranked = []
    for position, media_type in enumerate(offered):
        quality, exactness = _rate(media_type, wanted)
        if quality > 0:
            ranked.append((-quality, -exactness, position, media_type))
    return min(ranked)[3] if ranked else None


def _rate(media_type: str, wanted: list[tuple[str, float]]) -> tuple[float, int]:
    """The quality by the most exact range that matches, and how exact that was."""
    best = (0.0, -1)
    for exactness, pattern in enumerate(("*/*", media_type.partition("/")[0] + "/*", media_type)):
        for name, quality in wanted:
            if name == pattern:
                best = (quality, exactness)
    return best


def _ranges(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for part in accept[:1000].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = min(max(float(parameter[2:]), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if name:
            ranges.append((name, quality))
    return ranges
