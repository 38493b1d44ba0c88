"""Schemas composed once for all tests of a process: each takes a second of the processor's time, and holds no state."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from allmende.graphql.compose import Composed, compose
from allmende.registry import load_registry
from allmende.settings import Settings

ROOT = Path(__file__).parents[1]


@cache
def composed(plugins: Path = ROOT / "plugins") -> Composed:
    """The schema of all plugins in a folder. Called at import: then the fixture `database` has their tables."""
    return compose(load_registry(Settings(plugins=plugins)))
