"""All cities of an instance: loaded at start, again on change; one folder's mistake stays that folder's matter."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct, structs

from allmende.city.folder import ENVIRONMENT, Entry, Reader
from allmende.city.layers import PREFIX
from allmende.city.model import City, Config
from allmende.city.origin import Origin, origin, origins
from allmende.city.positions import positions
from allmende.city.read import read_toml
from allmende.city.shared import SHARED
from allmende.city.snapshot import Snapshot
from allmende.city.walk import unknown
from allmende.errors import Problem

SECRETS = Path("/run/secrets")
MANY = 500
"""Cities from which on a snapshot is kept; fewer are read in no time."""

COARSE = 1.0
"""Seconds by which the times that file systems note may lie behind the clock."""


class Cities(Struct, frozen=True, kw_only=True):
    """The cities that can be served, and everything that is wrong with the folder they came from."""

    folder: Path
    by_slug: Mapping[str, City]
    by_host: Mapping[str, City]
    problems: Mapping[str, tuple[Problem, ...]] = MappingProxyType({})
    """Slug (or `_shared/<key>`, or `environment`) → what is wrong. A city that is in `by_slug` too still serves."""
    kept: frozenset[str] = frozenset()
    """Cities that serve their last good version, because what the folder says now cannot be used."""
    unavailable: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Slug → plugins that the city has switched on and this instance could not load: they are off, with a note."""
    configs: Mapping[str, type[Config]]
    known: frozenset[str]
    environ: Mapping[str, str]
    secrets: Path
    texts: Mapping[str, Collection[str]] = MappingProxyType({})
    entries: Mapping[str, Entry]

    def all_problems(self) -> list[Problem]:
        """Every problem of every file, once each, by file and line."""
        unique = {str(problem): problem for found in self.problems.values() for problem in found}
        return sorted(unique.values(), key=lambda p: (p.file, p.line, p.column, p.key))

    def reload(self, changed: Collection[str] | None = None) -> Cities:
        """The cities after a change in these folders (slugs, or `_shared/…`); None looks at all of them.

        A city that cannot be used any more keeps its last good version, and so do all if the shared defaults cannot.
        """
        reader = self._reader()
        if changed is not None and any(name.split("/")[0] == SHARED for name in changed):
            changed = None
        if changed is None or self.kept == self.by_slug.keys():
            broken = _shared_problems(reader)
            if broken:
                return structs.replace(self, problems={**self.problems, **broken}, kept=frozenset(self.by_slug))
        there = set(reader.slugs()) if changed is None else {s for s in changed if (self.folder / s).is_dir()}
        fresh = {slug: reader.read(slug) for slug in sorted(there) if not slug.startswith(("_", "."))}
        if changed is not None and fresh.keys() == set(changed) and all(_keeps_claims(self, *e) for e in fresh.items()):
            return _with(self, fresh)
        entries = {s: e for s, e in self.entries.items() if changed is not None and s not in changed}
        return _assemble(reader, entries | fresh, self)

    def origin(self, slug: str, key: str) -> Origin:
        """Where an effective value comes from: `waste.reminder_hour`, `area.lat`, `brand.primary`."""
        return origin(self._reader(), self.by_slug[slug], key)

    def origins(self, slug: str) -> list[Origin]:
        """All effective values of a city, each with its origin."""
        return origins(self._reader(), self.by_slug[slug])

    def _reader(self) -> Reader:
        return Reader(
            self.folder,
            self.configs,
            environ=self.environ,
            known=self.known,
            secrets=self.secrets,
            texts=self.texts,
        )


def load_cities(
    folder: Path,
    configs: Mapping[str, type[Config]],
    *,
    environ: Mapping[str, str] | None = None,
    known: Collection[str] = (),
    secrets: Path = SECRETS,
    texts: Mapping[str, Collection[str]] = MappingProxyType({}),
    previous: Cities | None = None,
    cache: Path | None = None,
) -> Cities:
    """Read every city. Never raises for a city: what is wrong is in `problems`, and the others are there.

    `configs` are the loaded plugins' Config types by name; `texts` the keys of their texts, to check wording by.
    `known` names further plugins that exist but could not be loaded: their files are not checked. `previous` gives last
    good versions, when the plugins have changed. `cache` is a folder for a snapshot, by which very many cities load
    faster the next time.
    """
    environ = os.environ if environ is None else environ
    reader = Reader(folder, configs, environ=environ, known=known, secrets=secrets, texts=texts)
    slugs = reader.slugs()
    if cache is None or len(slugs) < MANY:
        return _assemble(reader, {slug: reader.read(slug) for slug in slugs}, previous)
    snapshot = Snapshot(cache, reader)
    entries = {slug: snapshot.read(slug) for slug in slugs}
    snapshot.save(entries)
    return _assemble(reader, entries, previous)


def changed_since(folder: Path, moment: float) -> bool:
    """Whether anything below this folder was written, added, renamed or taken away since then (in seconds)."""
    newest, folders = moment - COARSE, [str(folder)]
    with suppress(OSError):
        if folder.stat().st_ctime > newest:
            return True
    while folders:
        with (
            suppress(OSError),
            os.scandir(folders.pop()) as found,
        ):  # what is gone has changed the folder that it was in
            for entry in found:
                if entry.stat(follow_symlinks=False).st_ctime > newest:
                    return True
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.is_symlink() and entry.stat().st_ctime > newest:
                    return True
    return False


def _shared_problems(reader: Reader) -> dict[str, tuple[Problem, ...]]:
    return {f"{SHARED}/{d.key}": d.problems for d in reader.shared.all() if d.problems}


def _keeps_claims(before: Cities, slug: str, entry: Entry) -> bool:
    """The usual edit: a city that serves what its folder says is changed in something that is its own affair."""
    now, then = entry.city, before.by_slug.get(slug)
    if now is None or then is None or slug in before.kept:
        return False
    return set(_claims(now)) == set(_claims(then))


def _with(before: Cities, fresh: Mapping[str, Entry]) -> Cities:
    """The cities with these ones replaced, which claim what they claimed before; no other is looked at."""
    cities = {slug: entry.city for slug, entry in fresh.items() if entry.city is not None}
    problems = {slug: found for slug, found in before.problems.items() if slug not in fresh}
    unavailable = {slug: names for slug, names in before.unavailable.items() if slug not in fresh}
    return structs.replace(
        before,
        by_slug={**before.by_slug, **cities},
        by_host={**before.by_host, **{host: city for city in cities.values() for host in city.hosts}},
        problems=problems | {slug: entry.problems for slug, entry in fresh.items() if entry.problems},
        unavailable=unavailable | {slug: entry.unavailable for slug, entry in fresh.items() if entry.unavailable},
        entries={**before.entries, **fresh},
    )


def _assemble(reader: Reader, entries: dict[str, Entry], previous: Cities | None) -> Cities:
    """Put the entries together: who has a key or host keeps it, and who claims it later is told."""
    before: Mapping[str, City] = previous.by_slug if previous else {}
    taken: dict[str, City] = {}
    cities: dict[str, City] = {}
    wrong = {slug: list(entry.problems) for slug, entry in entries.items() if entry.problems}
    kept = set()
    for slug in sorted(entries, key=lambda slug: (slug not in before, slug)):
        for city in (entries[slug].city, before.get(slug)):
            if city is None:
                continue
            clashes = [(claim, taken[claim]) for claim in _claims(city) if claim in taken]
            if not clashes:
                cities[slug] = city
                taken |= dict.fromkeys(_claims(city), city)
                if city is not entries[slug].city:
                    kept.add(slug)
                break
            if city is entries[slug].city:
                wrong.setdefault(slug, []).extend(_clash(city, claim, other) for claim, other in clashes)
    problems = {slug: tuple(found) for slug, found in sorted(wrong.items())} | _shared_problems(reader)
    strays = tuple(reader.shared.strays())
    strangers = tuple(_strangers(reader, entries))
    return Cities(
        folder=reader.folder,
        by_slug={slug: cities[slug] for slug in sorted(cities)},
        by_host={host: city for city in cities.values() for host in city.hosts},
        problems=problems | {name: found for name, found in ((SHARED, strays), (ENVIRONMENT, strangers)) if found},
        kept=frozenset(kept),
        unavailable={slug: entry.unavailable for slug, entry in sorted(entries.items()) if entry.unavailable},
        configs=reader.configs,
        known=reader.known,
        environ=reader.environ,
        secrets=reader.secrets,
        texts=reader.texts,
        entries=entries,
    )


def _claims(city: City) -> Iterator[str]:
    """What only one city can have."""
    yield f"ags {city.ags}"
    yield f"ars {city.ars}"
    for host in dict.fromkeys(city.hosts):
        yield f"hosts {host}"


def _clash(city: City, claim: str, other: City) -> Problem:
    key, _, value = claim.partition(" ")
    path = Path(city.folder) / "city.toml"
    layer = read_toml(path)
    line, column = (1, 1) if isinstance(layer, Problem) else positions(layer.text).get((key,), (1, 1))
    return Problem(
        file=str(path),
        line=line,
        column=column,
        key=key,
        message=f'"{value}" belongs to the city {other.slug} already ({other.folder}/city.toml)',
        expected="a value that no other city has",
    )


def _strangers(reader: Reader, entries: Mapping[str, Entry]) -> Iterator[Problem]:
    for slug in sorted(reader.variables.keys() - entries.keys()):
        message, expected = unknown("city", slug, entries)
        yield Problem(
            file=ENVIRONMENT, key=f"{PREFIX}{slug.upper().replace('-', '_')}__…", message=message, expected=expected
        )
