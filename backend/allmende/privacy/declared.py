"""What the rooms of the core and the plugins declare, in one place: notice, record, export and erasure start here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module

from allmende.city.model import City
from allmende.db.branches import CORE_TABLES
from allmende.personal import PersonalData
from allmende.plugin import Manifest
from allmende.privacy.holdings import Holding, holdings
from allmende.privacy.notice import Declared
from allmende.privacy.rooms import ROOMS


def declared(manifests: Mapping[str, Manifest], city: City | None = None) -> Declared:
    """All declarations; with a city, of those plugins that it has on."""
    plugins = {
        name: (city.wording(f"{name}.title", manifest.title) if city else manifest.title, manifest.personal_data)
        for name, manifest in manifests.items()
        if manifest.personal_data and (city is None or city.config(name) is not None)
    }
    return {**plugins, **ROOMS}


def held(manifests: Mapping[str, Manifest]) -> list[Holding]:
    """Where the data of an instance lies, whether or not a city has the module on at the moment."""
    for module in CORE_TABLES:  # a room may hold data of people in a process that does not use the room
        import_module(module)
    data: dict[str, Iterable[PersonalData]] = {name: one[1] for name, one in declared(manifests).items()}
    return holdings(data)
