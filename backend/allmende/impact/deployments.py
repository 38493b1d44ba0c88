"""Plugins that come, go or cannot be loaded, and cities that cannot be served any more."""

from __future__ import annotations

from collections.abc import Iterator

from allmende.impact.picture import Finding, Picture


def plugin_findings(before: Picture, after: Picture) -> Iterator[Finding]:
    for name in sorted(before.plugins.keys() | after.plugins.keys()):
        old, new = before.plugins.get(name), after.plugins.get(name)
        users = before.using(name)
        if new is None:
            yield Finding(level="breaking", about="plugin", text=f"{name} is removed", plugin=name, cities=users)
        elif new.broken and (old is None or not old.broken):
            text = f"{name} cannot be loaded any more: {new.broken}"
            cities = tuple(dict.fromkeys((*users, *after.using(name))))
            yield Finding(level="breaking", about="plugin", text=text, plugin=name, cities=cities)
        elif old is None:
            yield Finding(level="safe", about="plugin", text=f"{name} is new", plugin=name, cities=after.using(name))
        elif old.broken and not new.broken:
            text = f"{name} can be loaded again"
            yield Finding(level="safe", about="plugin", text=text, plugin=name, cities=after.using(name))
        elif old.owner != new.owner:
            text = f"{name} is owned by {new.owner}, was by {old.owner}"
            yield Finding(level="safe", about="plugin", text=text, plugin=name, cities=after.using(name))


def city_findings(before: Picture, after: Picture) -> Iterator[Finding]:
    for slug in sorted(before.cities.keys() | after.cities.keys()):
        old, new = before.cities.get(slug), after.cities.get(slug)
        if new is None:
            yield Finding(level="dangerous", about="city", text="the city's folder is removed", cities=(slug,))
        elif old is None:
            yield Finding(level="safe", about="city", text="the city is new", cities=(slug,))
        elif old.loaded and not new.loaded:
            text = "the city cannot be served any more: " + "; ".join(new.problems)
            yield Finding(level="breaking", about="city", text=text, cities=(slug,))
        else:
            for problem in new.problems:
                if problem not in old.problems:
                    yield Finding(level="dangerous", about="city", text=f"a new problem: {problem}", cities=(slug,))
            for plugin in sorted(old.settings.keys() ^ new.settings.keys()):
                if plugin in before.plugins and plugin in after.plugins and old.loaded and new.loaded:
                    text = f"{plugin} is switched {'on' if plugin in new.settings else 'off'}"
                    yield Finding(level="safe", about="city", text=text, plugin=plugin, cities=(slug,))
