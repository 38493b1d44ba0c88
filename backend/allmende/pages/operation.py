"""The Home operation: what an app sends for a city's home screen, put together from the plugins' declarations."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from allmende.registry import Registry


class Operation(Struct, frozen=True, kw_only=True):
    """A GraphQL operation and the variables that a reader may choose, by the plugin that declared them."""

    text: str
    variables: Mapping[str, str]
    """Variable → plugin."""


def home_operation(registry: Registry) -> Operation:
    """The same operation for every city: modules that a city has off answer null, without an error."""
    declared: dict[str, str] = {"city": "String!", "language": "String"}
    owners: dict[str, str] = {}
    lines = []
    for name, installed in registry.plugins.items():
        home = installed.plugin.home
        if home is None:
            continue
        declared.update(home.variables)
        owners.update(dict.fromkeys(home.variables, name))
        lines.append(f"    {name} {{ {' '.join(home.selection.split())} }}")
    arguments = ", ".join(f"${variable}: {kind}" for variable, kind in declared.items())
    text = "\n".join(
        (
            f"query Home({arguments}) {{",
            "  city(slug: $city, language: $language) {",
            "    name",
            "    modules { name title icon status reason since }",
            *lines,
            "  }",
            "}",
        )
    )
    return Operation(text=text, variables=owners)
