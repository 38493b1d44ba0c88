"""Plugins that show one city's rows to another, each in a way of its own. The suite must catch every one of them.

They reach what no plugin is given (`dig`), do what the contract forbids, or carry rows from reader to reader.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

from allmende import Context, Plugin
from allmende.plugin import Manifest
from allmende.registry import Installed, Registry

MANIFEST = Manifest(title="Leaky", summary="Leaks.", owner="us", licence="EUPL-1.2", api=1, version="1")


def dig(ctx: Context[Any]) -> Any:
    """The core's own database, dug out from below whatever the plugin was given instead."""
    database: Any = ctx.database
    while not hasattr(database, "system"):
        database = database._database
    return database


def install(*plugins: Plugin) -> Registry:
    """A registry of these plugins, as if they had been found and had passed."""
    made = {
        one.name: Installed(plugin=one, manifest=MANIFEST, folder=Path(__file__).parent, texts={}) for one in plugins
    }
    return Registry(plugins=MappingProxyType(made))
