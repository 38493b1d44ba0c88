"""The files of the folder: README, imports, and no city in a plugin that the city does not own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import allmende
from allmende.authoring.subject import CODE, Subject
from allmende.city.walk import unknown
from allmende.errors import Problem

PARTS = {
    r"\A# \S": "a heading with the name of the module",
    r"\A# .*\n+(?![#`])\S": "what citizens get, right below the heading",
    r"^## Personal data$": "a part `## Personal data`: what is stored of people, or None",
    r"^```toml$": "an example of the settings in a ```toml block",
}


def readme(subject: Subject) -> Iterator[Problem]:
    path = subject.folder / "README.md"
    if not path.is_file():
        yield subject.at("README.md", "is missing", "what citizens get, and how a city configures it")
        return
    text = path.read_text(encoding="utf-8")
    switch = rf"cities/<slug>/plugins/{subject.name}\.toml"
    for pattern, part in {**PARTS, switch: f"`cities/<slug>/plugins/{subject.name}.toml`, the switch"}.items():
        if not re.search(pattern, text, re.M):
            yield subject.at("README.md", "a part is missing", part)
    for key in subject.plugin.config.__struct_fields__ if subject.plugin else ():
        if not re.search(rf"\b{key}\b", text):
            yield subject.at("README.md", f"the setting {key!r} is not explained", "what it does", key=key)


def imports(subject: Subject) -> Iterator[Problem]:
    """Only the facade, allmende.testing in tests, libraries, and the plugin's own modules by relative imports."""
    for path in subject.files(".py"):
        file = path.relative_to(subject.folder)
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            yield subject.at(str(file), f"is no Python: {error.msg}", line=error.lineno or 1)
            continue
        for node in ast.walk(tree):
            for module, name in _imported(node):
                if wrong := _wrong(module, name):
                    yield subject.at(str(file), wrong[0], wrong[1], key=module, line=getattr(node, "lineno", 1))


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield from ((node.module, alias.name) for alias in node.names)


def _wrong(module: str, name: str) -> tuple[str, str] | None:
    if module == "plugins" or module.startswith("plugins."):
        return "plugins never import each other", "a relative import of its own modules: from .tables import …"
    if module.startswith("allmende."):
        home = [public for public, where in allmende._WHERE.items() if where == module]
        instead = f"from allmende import {name}" if name in home else "from allmende import …, the only public module"
        return "is inside the core", instead
    if module == "allmende" and name and name not in allmende.__all__:
        message, expected = unknown("name", name, allmende.__all__)
        return f"allmende has no {name!r}: {message}", expected
    return None


def cities(subject: Subject) -> Iterator[Problem]:
    """No city's name or key, except the owner's."""
    words: dict[str, str] = {}
    for slug in subject.cities.entries:
        if slug != subject.facts.get("owner"):
            city = subject.cities.by_slug.get(slug)
            names = (slug, city.name, city.ags, city.ars) if city else (slug,)
            words |= dict.fromkeys((word.casefold() for word in names if word), slug)
    if not words:
        return
    pattern = re.compile(
        r"(?<!\w)(" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + r")(?!\w)", re.I
    )
    for file, number, line in subject.lines(*CODE):
        for match in pattern.finditer(line):
            message = f"names the city {words[match[1].casefold()]!r}, which does not own this plugin"
            yield subject.at(str(file), message, "a setting in the city's own folder", key=match[1], line=number)
