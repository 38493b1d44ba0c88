"""plugin.toml: every key, and what types cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from allmende.authoring.names import name_fault
from allmende.authoring.scaffold import JOINT
from allmende.authoring.subject import Subject
from allmende.city.walk import unknown, walk
from allmende.errors import Problem
from allmende.plugin import API, Manifest

SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
LICENCES = frozenset(
    {"EUPL-1.2", "AGPL-3.0-only", "AGPL-3.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "GPL-2.0-or-later"}
    | {"LGPL-3.0-only", "LGPL-3.0-or-later", "LGPL-2.1-or-later", "MPL-2.0", "Apache-2.0", "MIT", "ISC", "0BSD"}
    | {"BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "Unlicense"}
)
"""SPDX identifiers of licences under which cities can share code with each other."""


def manifest(subject: Subject) -> Iterator[Problem]:
    if isinstance(subject.manifest, Problem):
        yield subject.manifest
        return
    facts = subject.facts
    for finding in walk(facts, Manifest):
        yield subject.in_manifest(finding.path, finding.message, finding.expected)
    for key in ("title", "summary"):
        text = facts.get(key)
        lacking = [lang for lang in ("de", "en") if not isinstance(text, dict) or not str(text.get(lang, "")).strip()]
        if text is not None and lacking:
            yield subject.in_manifest((key,), f"lacks {' and '.join(lacking)}", '{ de = "…", en = "…" }')
    if (owner := facts.get("owner")) is not None and owner not in (JOINT, *subject.cities.entries):
        yield subject.in_manifest(("owner",), *unknown("city", str(owner), (JOINT, *subject.cities.entries)))
    if (licence := facts.get("licence")) is not None and licence not in LICENCES:
        message, expected = unknown("licence", str(licence), LICENCES)
        yield subject.in_manifest(("licence",), message, f"the SPDX identifier of a free licence, {expected}")
    version = facts.get("version")
    if isinstance(version, str) and not SEMVER.fullmatch(version):
        yield subject.in_manifest(("version",), f'"{version}" is no version', "three numbers (semver.org): 1.0.0")
    if isinstance(facts.get("api"), int) and facts["api"] != API:
        yield subject.in_manifest(("api",), f"is {facts['api']}", f"{API}, which this core speaks")


def name(subject: Subject) -> Iterator[Problem]:
    fault = name_fault(subject.name, cities=subject.cities.entries)
    if fault:
        yield subject.at("plugin.toml", f"the name {subject.name!r}: {fault[0]}", fault[1], key="name")
