"""How hard a German text is to read: first Wiener Sachtextformel, and Flesch's formula with Amstad's weights.

Bamberger/Vanecek, "Lesen – Verstehen – Lernen – Schreiben" (1984): WSTF 1 = 0.1935 MS + 0.1672 SL + 0.1297 IW
- 0.0327 ES - 0.875, a school year from 4 (very easy) to 15 (very hard).
Amstad, "Wie verständlich sind unsere Zeitungen?" (1978): FRE = 180 - ASL - 58.5 ASW, from 0 (very hard) to 100.
"""

from __future__ import annotations

import re

from msgspec import Struct

ENOUGH = 20
"""Words below which the formulas say nothing."""
LONG_SENTENCE = 20
"""Words: longer sentences are shown to the editor. (Leichte Sprache asks for far fewer, newspapers write more.)"""
LONG_WORD = 18
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_SENTENCE = re.compile(r"(?<=[a-zäöüß)“”»]{2}[.!?:])\s+|\n+|(?<=[!?])\s+")
_VOWELS = re.compile(r"aa|ai|au|ay|äu|ee|ei|eu|ey|ie(?!n$)|oo|oi|[aeiouyäöü]")


class Readability(Struct, frozen=True, kw_only=True):
    """What the formulas say of a text, and what makes it hard."""

    words: int
    grade: float
    """School year by the first Wiener Sachtextformel."""
    flesch: float
    level: str
    """easy (up to grade 8), medium (up to 11) or hard."""
    sentences: tuple[str, ...]
    """The longest sentences of more than LONG_SENTENCE words, at most three."""
    long_words: tuple[str, ...]
    """The longest words of at least LONG_WORD letters without a hyphen, at most five."""


def readability(text: str) -> Readability | None:
    """None for a text of fewer than ENOUGH words."""
    sentences = [words for part in _SENTENCE.split(text) if (words := _WORD.findall(part))]
    words = [word for sentence in sentences for word in sentence]
    if len(words) < ENOUGH:
        return None
    count, syllables = len(words), [_syllables(word) for word in words]
    length = count / len(sentences)
    grade = (
        0.1935 * 100 * sum(number >= 3 for number in syllables) / count
        + 0.1672 * length
        + 0.1297 * 100 * sum(len(word) > 6 for word in words) / count
        - 0.0327 * 100 * sum(number == 1 for number in syllables) / count
        - 0.875
    )
    flesch = 180 - length - 58.5 * sum(syllables) / count
    too_long = sorted((s for s in sentences if len(s) > LONG_SENTENCE), key=len, reverse=True)[:3]
    heavy = sorted({w for w in words if max(map(len, w.split("-"))) >= LONG_WORD}, key=lambda w: (-len(w), w))
    return Readability(
        words=count,
        grade=round(grade, 1),
        flesch=round(min(100.0, max(0.0, flesch)), 1),
        level="easy" if grade <= 8 else "medium" if grade <= 11 else "hard",
        sentences=tuple(" ".join(sentence) for sentence in too_long),
        long_words=tuple(heavy[:5]),
    )


def _syllables(word: str) -> int:
    return max(1, len(_VOWELS.findall(word.lower())))
