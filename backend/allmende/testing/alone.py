"""A pytest plugin for `allmende plugin test`: one plugin alone, and no network but this machine's own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from allmende.registry import Registry, load_registry
from allmende.settings import load_settings

if TYPE_CHECKING:
    import pytest

LOCAL = frozenset({"127.0.0.1", "::1", "localhost", "", None})
WATCHED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"})


class NetworkBlocked(RuntimeError):
    """Something wanted to reach the outside in a test. No OSError, so that nothing takes it for a bad connection."""


class SecretDependency(ImportError):
    """A plugin imports another plugin."""


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook, which nothing in this process can switch off again."""
    if event not in WATCHED:
        return
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        family, address = arguments[0].family, arguments[-1]
        if family == socket.AF_UNIX or address is None:
            return
        host = address[0]
    name = host.decode() if isinstance(host, bytes) else host
    if name not in LOCAL:
        raise NetworkBlocked(
            f"a test wanted to reach {name!r}: tests run without a network. Put what the server answers into a file "
            "under payloads/ and replay it (docs/plugins.md, Tests)"
        )


class Strangers(MetaPathFinder):
    """Refuses to import other plugins."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        if package == "plugins" and rest and rest.partition(".")[0] != self.name:
            raise SecretDependency(
                f"{self.name} (or its test) imports {fullname}: plugins never import each other; what two of them need "
                "belongs into the core"
            )
        return None


def only(registry: Registry, name: str) -> Registry:
    """The registry with nothing in it but this plugin."""
    return Registry(
        plugins=MappingProxyType({key: found for key, found in registry.plugins.items() if key == name}),
        broken=MappingProxyType({key: found for key, found in registry.broken.items() if key == name}),
        outside=registry.outside,
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--allmende-plugin", help="the plugin that is tested, alone")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--allmende-plugin")
    if not name:
        return
    sys.addaudithook(refuse)
    sys.meta_path.insert(0, Strangers(name))
    registry = only(load_registry(load_settings()), name)
    if broken := registry.broken.get(name):
        import pytest  # not at the top: the image has no pytest, and its commands need `only`

        raise pytest.UsageError(f"{name} cannot be loaded: {broken.reason}")
