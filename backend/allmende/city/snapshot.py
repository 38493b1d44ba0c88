"""What reading the folders gave, kept in a file: with very many cities, a start reads only what has changed since.

Nothing depends on the file. It is left out of use when it is damaged, when the code that reads cities (or a plugin's
config) is another, or when `_shared/` has changed; a city is read anew when anything in its folder has changed. Only
cities without any problem, secret or environment variable are kept in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from sys import intern
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from allmende.city.folder import Entry, Reader
from allmende.city.model import City, Config
from allmende.city.secrets import PREFIX

FILE = "cities.msgpack"
_DIGEST = 16


class _Kept(Struct, frozen=True, array_like=True):
    stamp: bytes
    city: City
    """Without its plugins, which are shared between cities."""
    plugins: dict[str, int]


class _Content(Struct, frozen=True, array_like=True):
    fingerprint: bytes
    configs: list[Raw]
    cities: dict[str, _Kept]


class Snapshot:
    """`read` each city through it, then `save` what came of it."""

    def __init__(self, folder: Path, reader: Reader) -> None:
        self.path = folder / FILE
        self.reader = reader
        self.fingerprint = _fingerprint(reader)
        self.content = self._open()
        self.stamps: dict[str, bytes] = {}
        self.fresh = 0
        """How many cities were read from their folders."""
        self._decoded: dict[int, Config] = {}
        self._equal: dict[Any, Any] = {}

    def _open(self) -> _Content:
        empty = _Content(self.fingerprint, [], {})
        try:
            raw = self.path.read_bytes()
            if _digest(raw[_DIGEST:]) != raw[:_DIGEST]:
                return empty
            content = msgspec.msgpack.decode(memoryview(raw)[_DIGEST:], type=_Content)
        except (OSError, msgspec.DecodeError):
            return empty
        return content if content.fingerprint == self.fingerprint else empty

    def read(self, slug: str) -> Entry:
        """The city as it was read last time, or anew from its folder."""
        stamp = self.stamps[slug] = _stamp(self.reader.folder / slug)
        kept = self.content.cities.get(slug)
        if kept is not None and stamp and kept.stamp == stamp and slug not in self.reader.variables:
            with suppress(msgspec.DecodeError):
                return Entry(city=self._restored(kept))
        self.fresh += 1
        return self.reader.read(slug)

    def _restored(self, kept: _Kept) -> City:
        city = kept.city
        return structs.replace(
            city,
            languages=self._equal.setdefault(city.languages, city.languages),
            brand=self._equal.setdefault(city.brand, city.brand),
            land=intern(city.land),
            kreis=intern(city.kreis),
            timezone=intern(city.timezone),
            subdivision=intern(city.subdivision),
            plugins={intern(name): self._config(name, index) for name, index in kept.plugins.items()},
        )

    def _config(self, name: str, index: int) -> Config:
        if index not in self._decoded:
            raw = self.content.configs[index]
            self._decoded[index] = msgspec.msgpack.decode(raw, type=self.reader.configs[name])
        return self._decoded[index]

    def save(self, entries: Mapping[str, Entry]) -> None:
        """Write it, if anything was read anew. A folder that cannot be written to costs time at the next start only."""
        if not self.fresh and entries.keys() == self.content.cities.keys():
            return
        configs = _Configs()
        cities = {}
        for slug, entry in entries.items():
            city = entry.city
            if city is None or entry.problems or entry.unavailable or slug in self.reader.variables:
                continue
            plugins = {name: configs.index(config) for name, config in city.plugins.items()}
            if self.stamps.get(slug) and None not in plugins.values():
                cities[slug] = (self.stamps[slug], structs.replace(city, plugins={}), plugins)
        content = msgspec.msgpack.encode((self.fingerprint, configs.encoded, cities), enc_hook=dict)
        temporary = self.path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_digest(content) + content)
            temporary.replace(self.path)


class _Configs:
    """Configs in the order in which they are met, each object once; None for one that the file cannot hold."""

    def __init__(self) -> None:
        self.encoded: list[Raw] = []
        self._indexes: dict[int, tuple[Config, int | None]] = {}

    def index(self, config: Config) -> int | None:
        if id(config) not in self._indexes:
            self._indexes[id(config)] = config, self._add(config)
        return self._indexes[id(config)][1]

    def _add(self, config: Config) -> int | None:
        try:
            raw = msgspec.msgpack.encode(config)
            same = msgspec.msgpack.decode(raw, type=type(config)) == config
        except Exception:  # whatever a plugin's type does: its cities are read anew each time
            return None
        if not same or PREFIX.encode() in raw:
            return None
        self.encoded.append(Raw(raw))
        return len(self.encoded) - 1


def _digest(content: bytes | memoryview) -> bytes:
    return blake2b(content, digest_size=_DIGEST).digest()


def _stamp(folder: Path | str) -> bytes:
    """Name, size, inode and times of everything below; empty where that would not tell every change."""
    try:
        return _digest(repr(list(_walk(str(folder)))).encode())
    except (OSError, ValueError):
        return b""


def _walk(folder: str) -> Iterator[tuple[Any, ...]]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            if entry.is_symlink():
                raise ValueError("what a link leads to may change unseen")
            yield entry.name, *_walk(entry.path)
        else:
            stat = entry.stat()
            yield entry.name, stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns


def _fingerprint(reader: Reader) -> bytes:
    """Everything but a city's own folder that what is read from it depends on."""
    packages = {"allmende.city", *(_package(config) for config in reader.configs.values())}
    code = []
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and any(name == package or name.startswith(f"{package}.") for package in packages):
            stat = Path(path).stat()
            code.append((name, path, stat.st_size, stat.st_mtime_ns))
    shared = _stamp(reader.shared.folder) if reader.shared.folder.is_dir() else b"none"
    place = (str(reader.folder), str(reader.folder.resolve()))
    known = (sorted(reader.configs), sorted(reader.known), {name: sorted(keys) for name, keys in reader.texts.items()})
    return _digest(repr((sys.version, msgspec.__version__, place, known, shared, code)).encode())


def _package(config: type[Config]) -> str:
    """The plugin's package (`plugins.benches` of `plugins.benches.config`), or the module where it is a single one."""
    module = sys.modules.get(config.__module__)
    return getattr(module, "__package__", "") or config.__module__
