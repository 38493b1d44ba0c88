"""Libraries that are large and seldom needed: loaded when something of them is used for the first time.

A worker that serves reads no feeds and turns no pictures; what it never uses takes no memory. Loading takes a moment:
only for what runs in a thread (importers do), or outside of an event loop.
"""

from __future__ import annotations

from importlib import import_module
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
