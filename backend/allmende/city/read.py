"""Reads one TOML file so that whatever is wrong with it becomes a Problem with a place, never an exception."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from msgspec import Struct

from allmende.errors import Problem

LARGEST = 1_000_000
"""Bytes; a configuration file beyond that is a mistake."""
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

Raw = dict[str, Any]


class Layer(Struct, frozen=True):
    """What one file (or the environment) says, before it is merged with the others."""

    name: str
    """The file's path as it is shown, or `environment`."""
    raw: Raw
    text: str = ""
    """The file's text, from which places are found when they are needed."""
    variables: str = ""
    """How the names of the variables begin where it is the environment: `ALLMENDE_CITY__ALTDORF__WASTE`."""


def read_bytes(path: Path) -> bytes | Problem:
    """The content of a file that is not absurdly large."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read() if size <= LARGEST else b""
    except FileNotFoundError:
        return Problem(file=str(path), message="the file is missing")
    except OSError as error:
        return Problem(file=str(path), message=f"cannot be read ({error.strerror})")
    if size > LARGEST:
        return Problem(file=str(path), message="is too large", expected=f"at most {LARGEST:,} bytes")
    return content


def parse(content: bytes, name: str) -> Layer | Problem:
    """Text to values. A byte order mark, which some editors write, is passed over."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        return Problem(
            file=name, line=line, column=column, message="is not UTF-8 text", expected="a file saved as UTF-8"
        )
    try:
        return Layer(name, tomllib.loads(text), text)
    except RecursionError:
        return Problem(file=name, message="is nested too deeply", expected="at most a few levels")
    except (tomllib.TOMLDecodeError, ValueError) as error:
        message = str(error)
        place = _AT.search(message)
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
        if place and place[1]:
            line, column = int(place[1]), int(place[2])
        wrong = _AT.sub("", message)
        return Problem(
            file=name,
            line=line,
            column=column,
            message=f"is not valid TOML: {wrong}",
            expected='lines like key = "value"',
        )


def read_toml(path: Path) -> Layer | Problem:
    content = read_bytes(path)
    return content if isinstance(content, Problem) else parse(content, str(path))
