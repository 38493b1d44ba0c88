"""Libraries that are large and seldom needed: loaded when something of them is used for the first time.

A worker that serves reads no feeds and turns no pictures; what it never uses takes no memory. Loading takes a moment:
only for what runs in a thread (importers do), or outside of an event loop.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for a module. Every attribute is the module's."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # who looks at all modules must not load this one
        return getattr(import_module(self.__name__), name)


def lazily(name: str) -> Any:
    """The module with this name (`shapely.geometry`), which is not loaded before it is used.

    if TYPE_CHECKING:
        import shapely
    else:
        shapely = lazily("shapely")
    """
    return Later(name)


def bare(name: str) -> None:
    """Have this package without what it imports by itself; its modules are loaded by their names.

    For packages that import all of their modules, of which one is needed.
    """
    if name in sys.modules or (spec := find_spec(name)) is None:
        return
    module = sys.modules[name] = module_from_spec(spec)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
