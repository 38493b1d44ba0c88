"""House numbers and their ranges, as waste calendars write them: `1-27 ungerade`, `ab 30`, `12a-12f, 14`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

from msgspec import Struct

Parity = Literal["all", "odd", "even"]
LAST = 99_999
"""Stands for the end of the street."""

_NUMBER = re.compile(r"^(\d{1,5})\s*([a-z]?)$")
_ODD = re.compile(r"\b(?:ungerade\w*|ung\b\.?|odd|u)(?!\w)")
_EVEN = re.compile(r"\b(?:gerade\w*|ger\b\.?|even|g)(?!\w)")
_NOISE = re.compile(
    r"\b(?:hausnummern?|haus-nr|hausnr|nrn?|nummern?|seite|nur|einschl|einschliesslich|aufwärts)\b\.?|[():]"
)
_ON = re.compile(r"(?<=\d)\s*ff\b\.?")
_WHOLE = {"", "alle", "all", "ganz", "ganze strasse", "gesamt", "komplett", "-"}
_END = re.compile(r"\b(?:ende|schluss|end)\b")


class Span(Struct, frozen=True, order=True):
    """Consecutive house numbers. Without a suffix at its end, `27` includes 27a, 27b, …"""

    low: int = 0
    low_suffix: str = ""
    high: int = LAST
    high_suffix: str = ""
    parity: Parity = "all"

    def __contains__(self, number: tuple[int, str]) -> bool:
        if self.parity != "all" and (number[0] % 2 == 1) != (self.parity == "odd"):
            return False
        return (self.low, self.low_suffix) <= number <= (self.high, self.high_suffix or "~")

    @property
    def width(self) -> tuple[int, int]:
        """How much it takes in; of several that contain a number, the narrowest is meant."""
        low = ord(self.low_suffix) if self.low_suffix else ord("a") - 1
        letters = (ord(self.high_suffix) if self.high_suffix else ord("z") + 1) - low
        return ((self.high - self.low) * (2 if self.parity == "all" else 1), letters)

    def __str__(self) -> str:
        return f"{self.low}{self.low_suffix}-{self.high}{self.high_suffix}:{self.parity}"


def parse_number(text: str) -> tuple[int, str]:
    """`12 A` → `(12, "a")`; of `12-14` the first counts. ValueError says what is expected."""
    match = _NUMBER.match(re.split(r"[-–/+]", text.casefold().strip())[0].strip())
    if match is None:
        raise ValueError(f"{text!r} is not a house number such as 12 or 12a")
    return int(match[1]), match[2]


def parse_parity(text: str) -> Parity:
    """Odd, even or all, from whatever a column says."""
    plain = text.casefold()
    if _ODD.search(plain):
        return "odd"
    return "even" if _EVEN.search(plain) else "all"


def parse_spans(text: str) -> list[Span]:
    """The spans that a text means; the whole street when it is empty. ValueError names what cannot be read."""
    plain = _ON.sub("-", _NOISE.sub(" ", text.casefold().replace("–", "-").replace(" bis ", "-")))
    spans: list[Span] = []
    for part in re.split(r"[,;+/]|\bund\b|\band\b", plain):
        parity = parse_parity(part)
        bare = _EVEN.sub(" ", _ODD.sub(" ", part)).strip(" .")
        if not bare and not part.strip():
            continue
        try:
            spans.append(_span(bare, parity))
        except ValueError:
            raise ValueError(
                f"house numbers {text!r} cannot be read; expected for instance '1-27 ungerade' or 'ab 30'"
            ) from None
    parities = {span.parity for span in spans}
    if len(spans) > 1 and spans[-1].parity != "all" and parities == {"all", spans[-1].parity}:
        return [Span(s.low, s.low_suffix, s.high, s.high_suffix, spans[-1].parity) for s in spans]
    return spans or [Span()]


def _span(text: str, parity: Parity) -> Span:
    """One part, freed of its parity: `1-27`, `12a`, `ab 30`, `bis 15`, `30-ende`, `alle`, or nothing."""
    if text in _WHOLE:
        return Span(parity=parity)
    if text.startswith(("ab ", "from ", "von ")) and "-" not in text:
        low = parse_number(text.split(" ", 1)[1])
        return Span(low[0], low[1], LAST, "", parity)
    if text.startswith(("bis ", "to ", "-")):
        high = parse_number(text.removeprefix("bis ").removeprefix("to ").removeprefix("-"))
        return Span(0, "", high[0], high[1], parity)
    first, dash, last = text.removeprefix("von ").partition("-")
    low = parse_number(first)
    if dash and (not last.strip() or _END.search(last)):
        return Span(low[0], low[1], LAST, "", parity)
    if re.fullmatch(r"\s*[a-z]\s*", last) and low[1]:
        last = f"{low[0]}{last.strip()}"  # 12a-f
    high = parse_number(last) if dash else low
    if (high[0], high[1] or "~") < low:
        raise ValueError("ends before it begins")
    return Span(low[0], low[1], high[0], high[1], parity)


def dump(spans: Iterable[Span]) -> str:
    return ",".join(str(span) for span in spans)


def load(text: str) -> list[Span]:
    """The inverse of `dump`."""
    spans = []
    for part in filter(None, text.split(",")):
        span, _, parity = part.partition(":")
        low, _, high = span.partition("-")
        spans.append(Span(*parse_number(low), *parse_number(high), next(p for p in get_args(Parity) if p == parity)))
    return spans or [Span()]
