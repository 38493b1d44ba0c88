"""Tells where each effective value of a city was set. Files are read again when asked, so nothing is kept for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from allmende.city.folder import ENVIRONMENT, Reader
from allmende.city.layers import has_ids, locate, merge_all, translate, variable
from allmende.city.model import City, Config
from allmende.city.positions import Path as Keys
from allmende.city.read import Layer, Raw, read_toml
from allmende.city.report import dotted
from allmende.city.secrets import PREFIX, is_secret_field
from allmende.city.walk import unknown
from allmende.errors import NotFound, Problem

_OUTSIDE = ("slug", "folder", "plugins", "brand", "texts")


class Origin(Struct, frozen=True, kw_only=True):
    """One effective value and the place that set it."""

    key: str
    value: Any
    file: str = ""
    """Empty for a default, `environment` for a variable."""
    line: int = 0
    source: str
    """The place in words: `cities/x/city.toml:3`, `plugin default`, `environment variable X`."""

    @property
    def default(self) -> bool:
        """Whether nobody set it."""
        return not self.file


def origin(reader: Reader, city: City, key: str) -> Origin:
    """The origin of one value; a table or list gives what was written there as a whole."""
    section, name = _section(city, key)
    head, _, rest = key.partition(".")
    if head in reader.known and head not in city.plugins:
        raise NotFound(f"{city.slug}: the module {head} is off")
    for known, value, layers, default in _sections(reader, city):
        if known == section:
            merged = merge_all(layers)
            for path, item in _all(value):
                if name in (dotted(path), _by_id(path, value)):
                    return _origin(city, section, path, item, layers, merged, default)
            names = [_full(section, _by_id(p, value)) for p, _ in _all(value)]
            message, _ = unknown(
                "key", key, [*names, *(f"{plugin}.{rest}" for plugin in city.plugins if rest and section == "city")]
            )
            raise NotFound(f"{city.slug}: {message}")
    raise NotFound(f"{city.slug}: {unknown('key', key, [*city.plugins, *city.__struct_fields__])[0]}")


def origins(reader: Reader, city: City) -> list[Origin]:
    found = []
    for section, value, layers, default in _sections(reader, city):
        merged = merge_all(layers)
        for path, item in _all(value):
            if not _has_parts(item):
                found.append(_origin(city, section, path, item, layers, merged, default))
    return found


def _section(city: City, key: str) -> tuple[str, str]:
    head, _, rest = key.partition(".")
    if head == "texts":
        language, _, rest = rest.partition(".")
        return f"texts.{language}", rest
    if head == "city":
        return "city", rest
    return (head, rest) if head in city.plugins or head == "brand" else ("city", key)


def _full(section: str, name: str) -> str:
    return name if section == "city" else f"{section}.{name}".rstrip(".")


def _sections(reader: Reader, city: City) -> Iterator[tuple[str, Any, list[Layer], str]]:
    """Each file of the city: section, effective values, layers, and the name of a value that no layer says."""
    folder = Path(city.folder)
    own = _layer(folder / "city.toml")
    chain = reader.shared.chain(own.raw.get("ars"))
    variables = reader.variables.get(city.slug, {})

    def layers(section: str, shared: list[Layer], layer: Layer) -> list[Layer]:
        return [*shared, layer, *([Layer(ENVIRONMENT, variables[section])] if section in variables else [])]

    values = {k: v for k, v in _plain(city).items() if k not in _OUTSIDE}
    yield "city", values, layers("city", [d.city for d in chain if d.city], own), "default"
    yield "brand", _plain(city.brand), [_layer(folder / "brand" / "theme.toml")], "default"
    for language in city.texts:
        layer = _layer(folder / "texts" / f"{language}.toml")
        yield f"texts.{language}", layer.raw, [layer], "default"
    for plugin, config in city.plugins.items():
        shared = [d.plugins[plugin] for d in chain if plugin in d.plugins]
        layer = _layer(folder / "plugins" / f"{plugin}.toml")
        yield plugin, _plain(config), layers(plugin, shared, layer), "plugin default"


def _layer(path: Path) -> Layer:
    layer = read_toml(path)
    return Layer(str(path), {}) if isinstance(layer, Problem) else layer


def _plain(value: City | Config | Struct) -> Raw:
    plain = msgspec.to_builtins(value, enc_hook=lambda item: dict(item) if isinstance(item, Mapping) else str(item))
    return dict(plain)


def _has_parts(value: Any) -> bool:
    """A table, or a list of tables: what stands in it is told one by one."""
    return bool(value) and (
        isinstance(value, dict) or (isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value))
    )


def _all(value: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every value with its path: tables and lists of tables as a whole and in their parts."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _all(item, (*path, key))
    elif _has_parts(value):
        for index, item in enumerate(value):
            yield from _all(item, (*path, index))


def _by_id(path: Keys, value: Any) -> str:
    """The path with ids in place of indexes: `sources[abfall].file`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{value[step]['id'] if has_ids(value) else step}]"
        else:
            text += f".{step}"
        value = value[step]
    return text.lstrip(".")


def _origin(city: City, section: str, path: Keys, value: Any, layers: list[Layer], merged: Raw, default: str) -> Origin:
    if path and isinstance(value, str) and is_secret_field(str(path[-1])) and value and not value.startswith(PREFIX):
        value = "(hidden)"
    key = _full(section, dotted(path))
    if not any(translate(merged, layer.raw, path) is not None for layer in layers):
        return Origin(key=key, value=value, source=default)
    layer, (line, _) = locate(layers, merged, path)
    if layer.name == ENVIRONMENT:
        return Origin(
            key=key, value=value, file=ENVIRONMENT, source=f"environment variable {variable(city.slug, section, path)}"
        )
    return Origin(key=key, value=value, file=layer.name, line=line, source=f"{layer.name}:{line}")
