"""`allmende plugin check`: everything that is wrong with a plugin, all at once, each with file, line, key and fix."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from allmende.authoring.checks import data, files, manifest, shape, texts
from allmende.authoring.checks.life import Life, live
from allmende.authoring.maturity import Evidence, maturity
from allmende.authoring.subject import Subject
from allmende.city.load import Cities
from allmende.errors import Problem
from allmende.graphql.compose import compose
from allmende.registry import Registry
from allmende.testing.alone import only

WRITTEN = (manifest.manifest, manifest.name, texts.texts, data.sources, data.personal, files.readme, files.imports)
"""Checks of what is written; they work also where the plugin cannot be loaded."""
SHAPE = (shape.declaration, shape.described, shape.bounded)


def check(name: str, registry: Registry, cities: Cities, tests: Path) -> list[Problem]:
    """All problems of one plugin, by file and line. It is tried alone, on a scratch database."""
    subject = Subject(name, registry, cities, tests)
    composed = compose(only(registry, name))
    problems = list(chain.from_iterable(part(subject) for part in (*WRITTEN, files.cities)))
    problems += chain.from_iterable(part(subject, composed) for part in SHAPE)
    life: Life | None = None
    if subject.installed and name in composed.registry.plugins:
        life = live(subject, composed)
        problems += life.problems
    problems += maturity(Evidence(subject=subject, problems=tuple(problems), life=life))
    unique = {str(problem): problem for problem in problems}
    return sorted(unique.values(), key=lambda p: (p.file, p.line, p.column, p.key))
