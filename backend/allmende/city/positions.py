"""Where each key of a TOML file stands. tomllib reads values without places, and no maintained reader gives both.

The scanner walks text that tomllib has already accepted, so it need not check syntax: it only has to find its way.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of a file: `("sources", 0, "kind")`."""
Place = tuple[int, int]
"""Line and column, both counted from 1."""

_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}' r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\]}#]+")


def positions(text: str) -> dict[Path, Place]:
    """The place of every key (and list item) of a valid TOML document; for tables, that of their header's last key."""
    return _Scanner(text.replace("\r\n", "\n")).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}
        """Arrays of tables → number of their tables so far."""

    def scan(self) -> dict[Path, Place]:
        here: Path = ()
        while self.skip():
            if self.text.startswith("[[", self.at):
                here = self.header(2)
            elif self.text[self.at] == "[":
                here = self.header(1)
            else:
                self.pair(here)
        starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        lines = {path: bisect_right(starts, offset) for path, offset in self.found.items()}
        return {path: (line, self.found[path] - starts[line - 1] + 1) for path, line in lines.items()}

    def skip(self) -> bool:
        """Pass blanks, line ends and comments; False at the end of the text."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at < len(self.text)

    def header(self, brackets: int) -> Path:
        self.at += brackets
        *parents, (last, offset) = self.key()
        self.at += brackets
        path: Path = ()
        for part, start in parents:
            path = self.inside((*path, part))
            self.found.setdefault(path, start)
        path = (*path, last)
        self.found.setdefault(path, offset)
        if brackets == 2:
            self.tables[path] = self.tables.get(path, 0) + 1
            path = self.inside(path)
            self.found[path] = offset
        return path

    def inside(self, path: Path) -> Path:
        """The path itself, or that of the newest table where it names an array of tables."""
        return (*path, self.tables[path] - 1) if path in self.tables else path

    def key(self) -> list[tuple[str, int]]:
        """A dotted key: its parts, each with its offset. Ends behind the key and its blanks."""
        parts = []
        while True:
            self.skip()
            start = self.at
            quoted = self.text[start] in "\"'"
            match = (_STRING if quoted else _BARE).match(self.text, start)
            if match is None:
                raise ValueError(f"no key at offset {start}")
            part = match.group()
            parts.append((tomllib.loads(f"x = {part}")["x"] if quoted else part, start))
            self.at = match.end()
            self.skip()
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def pair(self, here: Path) -> None:
        path = here
        for part, start in self.key():
            path = (*path, part)
            self.found.setdefault(path, start)
        self.at += 1  # the equals sign
        self.value(path)

    def value(self, path: Path) -> None:
        self.skip()
        if self.text[self.at] == "[":
            self.at += 1
            for index in self.items("]"):
                self.found[(*path, index)] = self.at
                self.value((*path, index))
        elif self.text[self.at] == "{":
            self.at += 1
            for _ in self.items("}"):
                self.pair(path)
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            if match is None:
                raise ValueError(f"no value at offset {self.at}")
            self.at = match.end()

    def items(self, end: str) -> Iterator[int]:
        """Step through the items of a list or inline table; the caller reads each of them."""
        index = 0
        while self.skip() and self.text[self.at] != end:
            if self.text[self.at] == ",":
                self.at += 1
                continue
            yield index
            index += 1
        self.at += 1
