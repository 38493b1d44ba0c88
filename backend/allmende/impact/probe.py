"""Run by itself (`python probe.py <file>`) on another version of the repository, to say what that version amounts to.

It uses no more of the other version than it must, and what that does not have is named in `failures`, not raised.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def main(target: Path) -> None:
    """Write the picture as JSON."""
    picture: dict[str, Any] = {"failures": []}
    with _noted(picture, "the plugins could not be loaded"):
        _plugins(picture)
    target.write_text(json.dumps(picture, default=_plain))


@contextmanager
def _noted(picture: dict[str, Any], what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        picture["failures"].append(f"{what}: {type(error).__name__}: {error}")


def _plugins(picture: dict[str, Any]) -> None:
    from allmende.registry import load_registry
    from allmende.settings import Settings

    registry = load_registry(Settings())
    with _noted(picture, "the schema could not be composed"):
        from allmende.graphql.compose import compose

        composed = compose(registry)
        registry = composed.registry
        picture |= {"schema": composed.sdl, "types": dict(composed.ownership.types)}
    picture["plugins"] = {name: {"owner": one.manifest.owner} for name, one in registry.plugins.items()} | {
        name: {"owner": one.owner, "broken": one.reason} for name, one in registry.broken.items()
    }
    configs = registry.configs
    with _noted(picture, "the settings could not be described"):
        _settings(picture, configs)
    with _noted(picture, "the cities could not be loaded"):
        picture["cities"] = dict(_cities(configs, registry.broken))


def _settings(picture: dict[str, Any], configs: Mapping[str, type]) -> None:
    from msgspec.json import schema

    from allmende.city.files import CityFile

    picture["settings"] = {}
    for name, config in {"city": CityFile, **configs}.items():
        with _noted(picture, f"the settings of {name} could not be described"):
            picture["settings"][name] = schema(config)


def _cities(configs: Mapping[str, type], broken: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    from allmende.city.load import load_cities

    cities = load_cities(Path("cities"), configs, environ={}, known=list(broken))
    plain = _encoder()
    for slug in cities.entries:
        city = cities.by_slug.get(slug)
        # A secret that is not on this machine is no fault of the change.
        problems = [str(found) for found in cities.problems.get(slug, ()) if "the secret " not in found.message]
        settings: dict[str, Any] = {}
        if city is not None:
            facts = plain(city)
            settings = {name: plain(config) for name, config in city.plugins.items()}
            settings |= {name: {} for name in cities.unavailable.get(slug, ())}
            settings["city"] = {key: facts[key] for key in facts if key not in ("plugins", "folder")}
        yield slug, {"loaded": city is not None, "problems": problems, "settings": settings}


def _encoder() -> Callable[[Any], Any]:
    from msgspec import to_builtins

    return lambda value: to_builtins(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
