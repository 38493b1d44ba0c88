"""Texts that readers see: complete in all languages, with the same placeholders, and there where they are used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from allmende.authoring.subject import Subject
from allmende.city.positions import positions
from allmende.city.read import Layer, read_toml
from allmende.errors import Problem
from allmende.registry import flatten

NEEDED = ("de", "en")
KEY = re.compile(r"[a-z][a-z0-9_:]*(\.[a-z0-9_:]+)*")
IN_CODE = re.compile(r"""\.text\(\s*["']([\w.]+)["']\s*[,)]""")
IN_PREVIEW = re.compile(r"""\bt\(\s*["']([\w.]+)["']\s*[,)]""")


def texts(subject: Subject) -> Iterator[Problem]:
    folder = subject.folder / "texts"
    used = dict(_used(subject))
    if not folder.is_dir() and not used:
        return
    layers: dict[str, Layer] = {}
    for language in sorted({*NEEDED, *(path.stem for path in folder.glob("*.toml"))}):
        layer = read_toml(folder / f"{language}.toml")
        if isinstance(layer, Problem):
            yield layer
        else:
            layers[language] = layer
    words = {language: flatten(layer.raw) for language, layer in layers.items()}
    keys = {key for table in words.values() for key in table}
    for language, table in words.items():
        others = ", ".join(other for other in words if other != language)
        for key in sorted(keys - table.keys()):
            yield subject.at(f"texts/{language}.toml", "is missing", f"a text, as in {others}", key=key)
        for key, text in table.items():
            yield from _one(subject, language, key, text, words[next(iter(words))].get(key), layers[language])
    for key, (file, line) in used.items():
        if words and key not in keys:
            yield subject.at(file, f'no text has the key "{key}"', "a key of texts/*.toml", key=key, line=line)


def _one(subject: Subject, language: str, key: str, text: str, first: str | None, layer: Layer) -> Iterator[Problem]:
    line, _ = positions(layer.text).get(tuple(key.split(".")), (1, 1))
    file = f"texts/{language}.toml"
    if not KEY.fullmatch(key):
        yield subject.at(
            file, "has the wrong form", "small letters, digits, _ and :, as in empty_list", key=key, line=line
        )
    if not text.strip():
        yield subject.at(file, "is empty", "a text", key=key, line=line)
    mine, theirs = _holes(text), _holes(first) if first is not None else None
    if mine is None:
        yield subject.at(file, "has a brace without its partner", "{name}, or {{ for a brace", key=key, line=line)
    elif theirs is not None and mine != theirs:
        want = ", ".join(sorted(theirs)) or "none"
        got = ", ".join(sorted(mine)) or "none"
        yield subject.at(
            file, f"has the placeholders {got}", f"those of the other languages: {want}", key=key, line=line
        )


def _holes(text: str) -> set[str] | None:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return None


def _used(subject: Subject) -> Iterator[tuple[str, tuple[str, int]]]:
    for kind in subject.plugin.cases if subject.plugin else ():
        for key in (kind.text, *(status.text for status in kind.statuses)):
            yield key, ("__init__.py", 1)
    for file, number, line in subject.lines(".py", ".html"):
        pattern = IN_CODE if file.suffix == ".py" else IN_PREVIEW
        for match in pattern.finditer(line):
            yield match[1], (str(file), number)
