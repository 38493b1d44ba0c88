"""Loads libraries without their docstrings, which a server shows to nobody: 4 MB of what workers are forked from.

Only those that say most, and make nothing of it; plugins may. Python's own switch for that (`-OO`) is for everything,
drops assertions, too, and wants each module compiled once more.
"""

from __future__ import annotations

import sys
from dis import hasconst, opmap
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from inspect import CO_OPTIMIZED
from types import CodeType

LIBRARIES = {"sqlalchemy", "graphql", "litestar", "icalendar", "holidays", "babel", "jinja2"}
NOTHING = " "
"""Instead: where there is none at all, `dataclass` makes one, and SQLAlchemy wonders."""


class Terse(SourceFileLoader):
    """Of a module, what its functions and classes say about themselves is left out."""

    def get_code(self, fullname: str) -> CodeType | None:
        code = super().get_code(fullname)
        return code if code is None or fullname.partition(".")[0] not in LIBRARIES else terse(code)


def be_terse() -> None:
    """From now on, in this process."""
    loaders: list[tuple[type, list[str]]] = [
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (Terse, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    ]
    sys.path_hooks.insert(0, FileFinder.path_hook(*loaders))
    sys.path_importer_cache.clear()


def terse(code: CodeType) -> CodeType:
    """The code of a module, with all that is defined in it."""
    return code.replace(co_consts=tuple([_inner(const) for const in code.co_consts]))


def _inner(const: object) -> object:
    if not isinstance(const, CodeType):
        return const
    code = terse(const)
    consts = code.co_consts
    if code.co_flags & CO_OPTIMIZED:  # a function: its docstring is the first constant, and seldom anything else
        if consts and isinstance(consts[0], str) and not _loads(code, 0):
            return code.replace(co_consts=(NOTHING, *consts[1:]))
    elif "__doc__" in code.co_names:
        # A class: its docstring is among the first constants, behind its name and (from Python 3.13 on) its line.
        stored = bytes((opmap["STORE_NAME"], code.co_names.index("__doc__")))
        for number, const in enumerate(consts[:4]):
            told = bytes((opmap["LOAD_CONST"], number)) + stored
            if isinstance(const, str) and told in code.co_code and _loads(code, number) == 1:
                return code.replace(co_consts=(*consts[:number], NOTHING, *consts[number + 1 :]))
    return code


def _loads(code: CodeType, number: int) -> int:
    """How often the constant is used, or something looks as if it were."""
    return sum(code.co_code.count(bytes((instruction, number))) for instruction in hasconst)
