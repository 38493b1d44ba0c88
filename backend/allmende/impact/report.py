"""The comparison as text that somebody reviewing a change can read, by finding and by city."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from allmende.impact.compare import Impact
from allmende.impact.picture import LEVELS, Finding

NAMED = 12
"""Cities named beside a finding at most."""
_HEADINGS = {
    "breaking": "Breaking: cannot be merged like this",
    "dangerous": "Dangerous: look at it together",
    "safe": "Safe",
}
_WAY_OUT = 'put it back, mark it `@deprecated(reason: "… until YYYY-MM-DD")`, and take it away when that day is over'
"""For whoever sees their change refused for the first time."""


def report(impact: Impact, *, markdown: bool = False) -> str:
    """Plain text, or Markdown for a pull request."""
    return "\n".join(_lines(impact, markdown)) + "\n"


def _lines(impact: Impact, markdown: bool) -> Iterator[str]:
    heading, item = ("## ", "- ") if markdown else ("", "  ")
    cities, plugins = len(impact.after.cities), len(impact.after.plugins)
    yield f"{heading}Impact against {impact.base[:12]}: {cities} cities, {plugins} plugins"
    for failure in impact.before.failures:
        yield f"{item}not compared, since at the base {failure}"
    if not impact.findings:
        yield "nothing changes for any city or app"
        return
    for level in LEVELS:
        found = [finding for finding in impact.findings if finding.level == level]
        if found:
            yield ""
            yield f"{'### ' if markdown else ''}{_HEADINGS[level]} ({len(found)})"
            yield from (item + _line(impact, finding) for finding in found)
            if level == "breaking":
                yield f"{item}→ {_WAY_OUT}"
    yield ""
    yield f"{'### ' if markdown else ''}By city"
    if markdown:
        yield ""
        yield "| cities | breaking | dangerous | safe |"
        yield "|---|---|---|---|"
    for slugs, counts in _by_city(impact):
        numbers = [str(counts.get(level, 0)) for level in LEVELS]
        if markdown:
            yield f"| {named(slugs)} | {' | '.join(numbers)} |"
        else:
            yield f"{item}{named(slugs)}: " + ", ".join(
                f"{n} {level}" for n, level in zip(numbers, LEVELS, strict=True)
            )


def _line(impact: Impact, finding: Finding) -> str:
    owner = impact.after.owner(finding.plugin) or impact.before.owner(finding.plugin)
    where = f"{finding.plugin} (owner: {owner})" if finding.plugin else "core"
    if finding.about == "city":
        return f"{named(finding.cities)}: {finding.text}"
    return f"{finding.about}, {where}: {finding.text} [{named(finding.cities)}]"


def named(slugs: Sequence[str]) -> str:
    if not slugs:
        return "no city"
    more = f" and {len(slugs) - NAMED} more" if len(slugs) > NAMED else ""
    return ", ".join(slugs[:NAMED]) + more


def _by_city(impact: Impact) -> Iterator[tuple[list[str], dict[str, int]]]:
    """Cities with the same findings, told together."""
    concerned: dict[str, list[int]] = defaultdict(list)
    for number, finding in enumerate(impact.findings):
        for slug in finding.cities:
            concerned[slug].append(number)
    groups: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for slug in sorted({*impact.before.cities, *impact.after.cities}):
        groups[tuple(concerned[slug])].append(slug)
    for numbers, slugs in groups.items():
        counts: dict[str, int] = defaultdict(int)
        for number in numbers:
            counts[impact.findings[number].level] += 1
        yield slugs, counts
