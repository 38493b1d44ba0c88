"""The kill switch: a module that is off for a reason, for everybody or for some releases of the app."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping

from msgspec import structs

from allmende.city.load import Cities
from allmende.city.model import City, Switch

_COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_PART = re.compile(r"(<=|>=|<|>|=)\s*([0-9.]+)")


def switch_of(city: City, plugin: str, app_version: str = "") -> Switch | None:
    """The switch by which the module is off for this release of the app; None where none is."""
    switch = city.modules.get(plugin)
    if switch is None or not switch.off:
        return None
    return switch if not switch.app_versions or is_within(app_version, switch.app_versions) else None


def is_off(city: City, plugin: str, app_version: str = "") -> bool:
    return switch_of(city, plugin, app_version) is not None


def is_within(version: str, versions: str) -> bool:
    """Whether a release such as `2.2.1` is one of `>=2.0, <2.3`. Who does not say which release it is, is none."""
    number = _number(version)
    return bool(number) and all(_COMPARE[sign](number, _number(bound)) for sign, bound in _PART.findall(versions))


def _number(version: str) -> tuple[int, ...]:
    """`2.3`, `2.3.0` and `2.3.0-beta+7` are the same number; () where it is none."""
    match = re.match(r"\d{1,9}(\.\d{1,9}){0,3}", version.strip()[:50])
    if match is None:
        return ()
    parts = [int(part) for part in match[0].split(".")]
    while parts and parts[-1] == 0 and len(parts) > 1:
        parts.pop()
    return tuple(parts)


Switches = Mapping[str, Mapping[str, Switch]]
"""City → plugin → its switch."""


def switched_off(cities: Cities, switches: Switches) -> Cities:
    """The cities with these modules off besides those that their files switch off."""
    laid = {
        slug: structs.replace(
            cities.by_slug[slug],
            plugins={name: config for name, config in cities.by_slug[slug].plugins.items() if name not in found},
            modules={**cities.by_slug[slug].modules, **found},
        )
        for slug, found in switches.items()
        if slug in cities.by_slug and found
    }
    if not laid:
        return cities
    hosts = {host: laid.get(city.slug, city) for host, city in cities.by_host.items()}
    return structs.replace(cities, by_slug={**cities.by_slug, **laid}, by_host=hosts)
