"""Which settings mean something else than before, and whose effective values change although their files do not."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from allmende.impact.picture import CITY, Finding, Level, Picture

Keys = Mapping[str, Mapping[str, Any]]
"""Key (`sources[kind=ical].every`) → what JSON Schema says of it, `required` included."""
_WORDS = ("title", "description", "$defs", "properties", "required", "examples")
_WORDS_OF_CITY = ("slug", "brand", "texts")
"""Parts of a city that no setting of city.toml stands for."""


def settings_findings(before: Picture, after: Picture, untouched: Callable[[str, str], bool]) -> Iterator[Finding]:
    """`untouched(city, plugin)` tells whether the city's own files for it are the same as before."""
    for plugin in sorted(before.settings.keys() & after.settings.keys()):
        old, new = keys(before.settings[plugin]), keys(after.settings[plugin])
        cities = after.using(plugin)
        for key in sorted(old.keys() | new.keys()):
            found = _change(old.get(key), new.get(key))
            if found is not None:
                level, text = found
                owner = "" if plugin == CITY else plugin
                yield Finding(level=level, about="settings", text=f"{plugin}.{key} {text}", plugin=owner, cities=cities)
    yield from _values(before, after, untouched)


def _change(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[Level, str] | None:
    if old is None and new is not None:
        if new.get("required"):
            return "dangerous", "is a new key that must be given"
        return "safe", "is a new key"
    if new is None:
        return "dangerous", "is no key any more; a file that says it is refused"
    if old is None or old == new:
        return None
    changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    parts = [f"{name} {_shown(old.get(name))} → {_shown(new.get(name))}" for name in changed]
    return "dangerous", "means something else: " + ", ".join(parts)


def _shown(value: Any) -> str:
    return "–" if value is None else json.dumps(value, ensure_ascii=False)


def keys(schema: Mapping[str, Any]) -> Keys:
    """A JSON Schema flattened: every key that a file may hold, with what is expected of its value."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    found: dict[str, dict[str, Any]] = {}

    def table(node: Mapping[str, Any], path: str, above: tuple[str, ...]) -> None:
        required = node.get("required", ())
        for name, field in node.get("properties", {}).items():
            key = f"{path}.{name}" if path else name
            found[key] = {**_facts(field), **({"required": True} if name in required else {})}
            value(field, key, above)

    def value(node: Mapping[str, Any], path: str, above: tuple[str, ...]) -> None:
        reference = node.get("$ref", "").rpartition("/")[2]
        if reference:
            if reference not in above:
                table(definitions.get(reference, {}), path, (*above, reference))
            return
        for option in node.get("anyOf", ()):
            tag = _tag(definitions.get(option.get("$ref", "").rpartition("/")[2], {}), node)
            value(option, f"{path}[{tag}]" if tag else path, above)
        items = node.get("items")
        if isinstance(items, Mapping):
            value(items, path if "anyOf" in items else f"{path}[]", above)
        if isinstance(node.get("additionalProperties"), Mapping):
            value(node["additionalProperties"], f"{path}.*", above)

    value(schema, "", ())
    return found


def _tag(table: Mapping[str, Any], union: Mapping[str, Any]) -> str:
    """What tells the tables of a union apart: `kind=ical`."""
    name = union.get("discriminator", {}).get("propertyName", "")
    options = table.get("properties", {}).get(name, {}).get("enum", ())
    return f"{name}={options[0]}" if name and options else ""


def _facts(field: Mapping[str, Any]) -> dict[str, Any]:
    """What is expected of the value itself; tables inside are told by their own keys."""
    facts = {name: value for name, value in field.items() if name not in (*_WORDS, "$ref", "discriminator")}
    for inner in ("items", "additionalProperties"):
        if isinstance(facts.get(inner), Mapping):
            facts[inner] = _facts(facts[inner])
    if "anyOf" in facts:
        options = [_facts(option) for option in facts["anyOf"] if "$ref" not in option]
        facts["anyOf"] = sorted(options, key=lambda option: json.dumps(option, sort_keys=True))
    return facts


def _values(before: Picture, after: Picture, untouched: Callable[[str, str], bool]) -> Iterator[Finding]:
    """Effective values that another's edit changes; cities with the same change are told together."""
    changes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for slug in before.cities.keys() & after.cities.keys():
        old, new = before.cities[slug].settings, after.cities[slug].settings
        for plugin in sorted(old.keys() & new.keys()):
            if old[plugin] == new[plugin] or not untouched(slug, plugin):
                continue
            a, b = dict(_leaves(old[plugin])), dict(_leaves(new[plugin]))
            for key in sorted(a.keys() & b.keys()):
                if a[key] != b[key] and not (plugin == CITY and key.split(".")[0] in _WORDS_OF_CITY):
                    text = (
                        f"{plugin}.{key} is {_shown(b[key])}, was {_shown(a[key])}, though no file of the city changed"
                    )
                    changes[plugin, text].append(slug)
    for (plugin, text), slugs in sorted(changes.items()):
        owner = "" if plugin == CITY else plugin
        yield Finding(level="dangerous", about="settings", text=text, plugin=owner, cities=tuple(sorted(slugs)))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            name = item.get("id", index) if isinstance(item, dict) else index
            yield from _leaves(item, f"{path}[{name}]")
    else:
        yield path, value
