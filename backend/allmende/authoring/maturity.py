"""The scale of maturity: named rules in three steps, checked by machine wherever a machine can tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from allmende.authoring.checks.life import Life
from allmende.authoring.subject import Subject
from allmende.city.walk import unknown
from allmende.errors import Problem

Level = Literal["bronze", "silver", "gold"]
LEVELS: tuple[Level, ...] = ("bronze", "silver", "gold")
MOST_STATEMENTS = 5
"""Of the Home operation with this plugin alone; one of them is the core's."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What the checks have found, for the rules to judge."""

    subject: Subject
    problems: tuple[Problem, ...]
    life: Life | None

    def free_of(self, *files: str) -> bool:
        return not any(name in problem.file for problem in self.problems for name in files)

    def in_tests(self, pattern: str) -> bool:
        return any(re.search(pattern, path.read_text(encoding="utf-8")) for path in self.subject.test_files())


class Rule(Struct, frozen=True, kw_only=True):
    """`holds` says whether a plugin keeps the rule; a rule without it is a promise that people check in review."""

    name: str
    level: Level
    text: str
    holds: Callable[[Evidence], bool] | None = None


def _has(field: str) -> Callable[[Evidence], bool]:
    return lambda evidence: bool(getattr(evidence.subject.plugin, field, None))


def _no(message: str) -> Callable[[Evidence], bool]:
    return lambda evidence: not any(message in problem.message for problem in evidence.problems)


def _users(evidence: Evidence) -> int:
    cities = evidence.subject.cities.by_slug.values()
    return sum(evidence.subject.name in city.plugins and not city.fictional for city in cities)


def _few_statements(evidence: Evidence) -> bool:
    return evidence.life is not None and (evidence.life.statements or 0) <= MOST_STATEMENTS


RULES = (
    Rule(
        name="tests",
        level="bronze",
        text="It has tests of its own in tests/plugins/<name>.",
        holds=lambda evidence: evidence.in_tests(r"def test_"),
    ),
    Rule(
        name="texts-complete",
        level="bronze",
        text="What citizens read is there in German and in English.",
        holds=lambda evidence: evidence.free_of("/texts/"),
    ),
    Rule(
        name="described",
        level="bronze",
        text="Every type, field and argument says what it is.",
        holds=_no("has no description"),
    ),
    Rule(
        name="migration-reversible",
        level="bronze",
        text="Its tables come and go by migrations, without a trace.",
        holds=lambda evidence: evidence.free_of("/migrations"),
    ),
    Rule(
        name="personal-data-declared",
        level="bronze",
        text="What it stores of people is declared, with purpose, legal basis and retention.",
        holds=_no("could be about a person"),
    ),
    Rule(name="home", level="silver", text="It is on the home screen.", holds=_has("home")),
    Rule(
        name="preview",
        level="silver",
        text="It has a preview.html of its own that renders.",
        holds=lambda e: (e.subject.folder / "preview.html").is_file() and e.free_of("preview.html"),
    ),
    Rule(
        name="both-databases",
        level="silver",
        text="Its tests run on SQLite and on PostgreSQL.",
        holds=lambda evidence: evidence.in_tests(r"\b(town|database|make_town|make_ctx)\b"),
    ),
    Rule(
        name="real-feed-tested",
        level="silver",
        text="Captured payloads of real feeds are replayed in its tests.",
        holds=lambda evidence: evidence.in_tests(r"payloads|PAYLOADS|\bdata: Path"),
    ),
    Rule(
        name="bad-feed-tested",
        level="silver",
        text="Its tests show what becomes of a damaged feed.",
        holds=lambda evidence: evidence.in_tests(r"refus|FeedError|failed"),
    ),
    Rule(
        name="bounded-sql",
        level="silver",
        text=f"The home screen costs at most {MOST_STATEMENTS} statements, however many rows there are.",
        holds=_few_statements,
    ),
    Rule(name="search", level="gold", text="Its content is found by the city's search.", holds=_has("search")),
    Rule(name="map", level="gold", text="What has a place is on the city's map.", holds=_has("map")),
    Rule(name="feed", level="gold", text="What is new appears in the city's feed.", holds=_has("feed")),
    Rule(
        name="export",
        level="gold",
        text="Citizens can take the data along, in a standard format.",
        holds=_has("routes"),
    ),
    Rule(
        name="used-by-two-cities",
        level="gold",
        text="At least two real cities have it on.",
        holds=lambda evidence: _users(evidence) >= 2,
    ),
    Rule(name="accessible", level="gold", text="Its preview was read with a screen reader, and by keyboard alone."),
)
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


def maturity(evidence: Evidence) -> Iterator[Problem]:
    """Rules that do not exist, and rules that are said to be kept and are not."""
    subject = evidence.subject
    for name, state in _stated(subject.facts).items():
        rule = BY_NAME.get(name)
        if rule is None:
            yield subject.in_manifest(("maturity", name), *unknown("rule", name, BY_NAME))
        elif state == "done" and rule.holds is not None and not rule.holds(evidence):
            expected = f'what it says ("{rule.text}"), or "todo", or {{ exempt = "reason" }}'
            yield subject.in_manifest(("maturity", name), "is said to be done and is not", expected)


def level(stated: Mapping[str, Any]) -> Level | None:
    """The highest step of which, as of all below it, every rule is done or exempt; by what plugin.toml says."""
    reached: Level | None = None
    for step in LEVELS:
        if any(stated.get(rule.name, "todo") == "todo" for rule in RULES if rule.level == step):
            break
        reached = step
    return reached


def _stated(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    stated = facts.get("maturity")
    return stated if isinstance(stated, Mapping) else {}
