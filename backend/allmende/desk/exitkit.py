"""The exit kit: everything of one city (data, configuration, pictures) as one archive, and a place filled from it.

A zip with `manifest.json`, `data/<table>.jsonl` (a row per line), `config/` (the city's folder), `shared/` (the
defaults of its Land and Kreis that it builds on) and `files/`. Whatever the databases, exporting what was imported
gives the same again. What is sealed (second factors) opens only where the same ALLMENDE_KEY is set.
"""

from __future__ import annotations

import json
import tomllib
import zipfile
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date, datetime, time
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from msgspec import Struct
from sqlalchemy import LargeBinary, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.shared import SHARED
from allmende.db.branches import CORE_BRANCH, CORE_TABLES, Branch
from allmende.db.engine import Database
from allmende.db.table import Base, UtcDateTime, is_city_table
from allmende.errors import InputError
from allmende.files.store import Store
from allmende.files.tables import FileUpload
from allmende.registry import Registry

FORMAT = 1
CHUNK = 500
Counts = Mapping[str, int]
"""Table → rows."""


class Moved(Struct, frozen=True, kw_only=True):
    """What was imported."""

    city: str
    counts: Counts
    different: tuple[str, ...] = ()
    """Shared defaults that are there already and say something else; they were left as they are."""


def revisions(registry: Registry) -> dict[str, str | None]:
    """The newest revision of every branch; from now on all tables are known."""
    for module in CORE_TABLES:
        import_module(module)
    branches = [CORE_BRANCH, *(Branch(*one) for one in registry.migrations.items())]
    return {branch.name: branch.newest() for branch in branches}


def tables() -> list[Table]:
    """All city tables, what others refer to first."""
    return [table for table in Base.metadata.sorted_tables if is_city_table(table)]


async def export_city(
    database: Database,
    store: Store,
    city: str,
    folder: Path,
    revisions: Mapping[str, str | None],
    target: Path | IO[bytes],
) -> Counts:
    """Write the archive; one consistent state of all tables. It blocks now and then: not for the loop that serves."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        async with database.session(city) as session:
            if not database.is_sqlite:
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            for table in tables():
                counts[table.name] = await _write(archive, session, table)
            pictures = (await session.execute(select(FileUpload.id, FileUpload.sizes).where(FileUpload.ready))).all()
        for id_, sizes in pictures:
            for size in sizes:
                archive.writestr(_file(f"files/{id_}/{size}"), await store.get(city, id_, size))
        for name, content in _configuration(folder):
            archive.writestr(_file(f"config/{name}"), content)
        for path in _shared(folder):
            name = path.relative_to(folder.parent / SHARED).as_posix()
            archive.writestr(_file(f"shared/{name}"), path.read_bytes())
        manifest = {"format": FORMAT, "city": city, "revisions": dict(revisions), "tables": counts}
        archive.writestr(_file("manifest.json"), json.dumps(manifest, indent=2, sort_keys=True))
    return counts


async def import_city(
    database: Database, store: Store, cities: Path, revisions: Mapping[str, str | None], source: Path
) -> Moved:
    """Fill an instance that has nothing of this city yet.

    InputError, and nothing written, where the city is there already, or the versions do not fit.
    """
    try:
        archive = zipfile.ZipFile(source)
        manifest = json.loads(archive.read("manifest.json"))
        city, counts = str(manifest["city"]), dict(manifest["tables"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{source} is not an archive of a city") from error
    with archive:
        _check(manifest, counts, revisions)
        folder = cities / city
        if folder.exists():
            raise InputError(f"{folder} is there already: import into an instance without this city")
        async with database.transaction(city) as session:
            for table in tables():
                if await session.scalar(select(func.count()).select_from(table)):
                    raise InputError(f"there are rows of {city} in {table.name} already")
            for table in tables():
                if counts.get(table.name):
                    await _read(archive, session, table)
            for name in (name for name in archive.namelist() if name.startswith("files/")):
                _, id_, size = name.split("/")
                await store.put(city, id_, {size: archive.read(name)})
        for name in (name for name in archive.namelist() if name.startswith("config/")):
            path = (folder / name.removeprefix("config/")).resolve()
            if path.is_relative_to(folder.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
        different = _share(archive, cities / SHARED)
    return Moved(city=city, counts=counts, different=different)


def _share(archive: zipfile.ZipFile, shared: Path) -> tuple[str, ...]:
    """Write the shared defaults that are not there yet. Those that are belong to others, too, and stay."""
    different = []
    for name in (name for name in archive.namelist() if name.startswith("shared/")):
        path, content = (shared / name.removeprefix("shared/")).resolve(), archive.read(name)
        if not path.is_relative_to(shared.resolve()):
            continue
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        elif path.read_bytes() != content:
            different.append(f"{SHARED}/{name.removeprefix('shared/')}")
    return tuple(different)


def _configuration(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of the city's folder, by their path below it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _shared(folder: Path) -> Iterator[Path]:
    """The files of defaults that apply to the city, the widest area first."""
    key = str(tomllib.loads((folder / "city.toml").read_text(encoding="utf-8")).get("ars", ""))
    for below in (folder.parent / SHARED / key[:n] for n in range(len(key) + 1)):
        yield from (path for path in (below / "city.toml", *sorted(below.glob("plugins/*.toml"))) if path.is_file())


def _check(manifest: Mapping[str, Any], counts: Counts, revisions: Mapping[str, str | None]) -> None:
    if manifest.get("format") != FORMAT:
        raise InputError(f"this archive has the format {manifest.get('format')}, and this version reads {FORMAT}")
    known = {table.name for table in tables()}
    if missing := sorted(name for name, rows in counts.items() if rows and name not in known):
        raise InputError(f"no plugin here has the tables {', '.join(missing)}: install the plugins they belong to")
    for branch, revision in manifest["revisions"].items():
        if branch in revisions and revisions[branch] != revision:
            raise InputError(f"the tables of {branch} are at {revision} there and at {revisions[branch]} here")


async def _write(archive: zipfile.ZipFile, session: AsyncSession, table: Table) -> int:
    rows = 0
    with archive.open(_file(f"data/{table.name}.jsonl"), "w") as file:
        async for row in _rows(session, table):
            file.write(json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n")
            rows += 1
    return rows


async def _rows(session: AsyncSession, table: Table) -> AsyncIterator[dict[str, Any]]:
    statement = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=CHUNK)
    result = await session.stream(statement)
    async for row in result.mappings():
        yield {column.name: _plain(row[column.name]) for column in table.columns if column.computed is None}


async def _read(archive: zipfile.ZipFile, session: AsyncSession, table: Table) -> None:
    columns = {column.name: column.type for column in table.columns}
    chunk: list[dict[str, Any]] = []
    with archive.open(f"data/{table.name}.jsonl") as file:
        for line in file:
            row = json.loads(line)
            if unknown := row.keys() - columns.keys():
                raise InputError(f"{table.name} has no column {', '.join(sorted(unknown))} here")
            chunk.append({name: _typed(value, columns[name]) for name, value in row.items()})
            if len(chunk) == CHUNK:
                await session.execute(insert(table), chunk)
                chunk = []
    if chunk:
        await session.execute(insert(table), chunk)


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _typed(value: Any, kind: Any) -> Any:
    """The value as the column takes it; JSON columns take it as it is."""
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return b64decode(value)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    python = getattr(kind, "python_type", None)
    return python.fromisoformat(value) if python in (date, time, datetime) else value


def _file(name: str) -> zipfile.ZipInfo:
    """Without the moment of writing, so that equal cities give equal archives."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
