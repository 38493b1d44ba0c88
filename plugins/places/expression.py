"""Opening hours made ready for opening-hours-py, which knows the national holidays only and no school holidays.

Holidays of the Land are written out as dates; and what that library takes otherwise than people mean it is put right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib import import_module
from typing import Literal

import holidays
from allmende import bare
from opening_hours import OpeningHours, validate

bare("holidays.countries")  # it loads all of the 250
import_module("holidays.countries.germany")  # else loaded in the middle of a citizen's request
Kind = Literal["PH", "SH"]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RULES = re.compile(r'\s*(;|\|\|)\s*(?=(?:[^"]*"[^"]*")*[^"]*$)')
_DAY = r"(?:(?:Mo|Tu|We|Th|Fr|Sa|Su)(?:\[[-\d,]+\])?|PH|SH)"
_DAYS = re.compile(rf"(?<!\w){_DAY}(?:\s*[-,]\s*{_DAY})*(?=\s|$)")
_OFFSET = re.compile(r"\s*[+-]\s*\d+ days?\b")
_ALSO_OFF = re.compile(r",\s*((?:PH|SH)(?:\s*,\s*(?:PH|SH))*\s+(?:off|closed)\b)")
_DATES = re.compile(rf"\b({'|'.join(_MONTHS)}) (\d{{1,2}}(?:,\d{{1,2}})+)(?![\d:])")
_HOLDS = re.compile(r"\d:\d|24/7|\b(?:open|closed|off|unknown|sunrise|sunset|dawn|dusk)\b")


def tidy(text: str) -> str:
    """The same in words that the library understands.

    `Mo-Fr 8:00-16:00, PH off` closes on holidays; `Dec 24,31` are two days; and a rule that is a mere comment, such as
    `"nach Vereinbarung"`, says that nobody knows, not that it is open; behind `||`, for all other times, it goes.
    """
    text = _DATES.sub(lambda match: ",".join(f"{match[1]} {day}" for day in match[2].split(",")), text)
    rules, *separated = _RULES.split(_ALSO_OFF.sub(r"; \1", text))
    rules = _known(rules)
    for separator, rule in zip(separated[::2], map(_known, separated[1::2]), strict=True):
        if separator == ";" or not rule.startswith("unknown"):
            rules += f"{separator} {rule}" if separator == ";" else f" {separator} {rule}"
    return rules


def _known(rule: str) -> str:
    head, quote, comment = rule.partition('"')
    return f"{head}unknown {quote}{comment}" if quote and not _HOLDS.search(head) else rule


def with_holidays(text: str, country: str, land: str, year: int) -> str | None:
    """The expression with PH and SH as the dates of the Land, from last year to next year.

    `May-Sep Su,PH 10:00-12:00` becomes two rules. None where it speaks of school holidays that are not known.
    """
    if "PH" not in text and "SH" not in text:
        return text
    parts = _RULES.split(text)
    for n in range(0, len(parts), 2):
        rules = list(_dated(parts[n], country, land, year))
        if None in rules:
            return None
        parts[n] = "; ".join(filter(None, rules)) or "off"
    return "".join(part if n % 2 == 0 else f" {part} " for n, part in enumerate(parts))


def _dated(rule: str, country: str, land: str, year: int) -> Iterator[str | None]:
    """The rule for its weekdays, and one for each kind of holiday that it names."""
    head, quote, comment = rule.partition('"')
    for match in _DAYS.finditer(head):
        days = re.split(r"\s*,\s*", match[0])
        kinds: list[Kind] = [kind for kind in ("PH", "SH") if kind in days]
        rest = head[match.end() :] + quote + comment
        season = head[: match.start()].strip().removesuffix(":")
        if not kinds:
            continue
        if _OFFSET.match(rest) or (season and not validate(season)):
            break
        others = ",".join(day for day in days if day not in kinds)
        if others:
            yield f"{season} {others}{rest}".strip()
        for kind in kinds:
            free = _free(kind, country, land, year)
            if not free:
                yield None if kind == "SH" else f"{season} PH{rest}".strip()
            elif within := [day for day in free if not season or _in_season(season, day)]:
                yield f"{_listed(within)}{rest}"
        return
    yield rule


@lru_cache(maxsize=128)
def _free(kind: Kind, country: str, land: str, year: int) -> tuple[date, ...]:
    """The holidays of three years; empty where those of this year are not known."""
    category = "public" if kind == "PH" else "school"
    try:
        days = holidays.country_holidays(
            country, subdiv=land or None, years=range(year - 1, year + 2), categories=(category,)
        )
    except (NotImplementedError, ValueError):  # the library's words for a country, Land or category that it has not
        return ()
    return tuple(sorted(days)) if any(day.year == year for day in days) else ()


def _in_season(season: str, day: date) -> bool:
    return bool(OpeningHours(f"{season} 00:00-24:00").is_open(datetime.combine(day, time(12))))


def _listed(days: Sequence[date]) -> str:
    """`2026 Dec 23-2027 Jan 06,2027 Mar 22`: days on end as one."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1].append(day)
        else:
            spans.append([day])
    return ",".join("-".join(dict.fromkeys(map(_written, (span[0], span[-1])))) for span in spans)


def _written(day: date) -> str:
    return f"{day.year} {_MONTHS[day.month - 1]} {day.day:02}"
