"""The seeded data set in the plugins' own tables and in the peer's: 25 cities, the same content in both.

Ours is made by the real migrations and belongs to an ordinary role, so scoping and row-level security are on.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from allmende.cli.db import upgrade_all
from allmende.db.table import Base
from allmende.db.url import migrating_url
from allmende.registry import load_registry
from allmende.settings import Settings
from sqlalchemy import create_engine, insert, text

from .postgresql import Server
from .scratch import BENCH, ROOT, SCRATCH, Missing, say

Rows = Iterator[tuple[str, dict[str, Any]]]
"""Table and row."""
FETCHED = datetime(2026, 11, 1, tzinfo=UTC)
CHUNK = 5_000
DAYS = {"mo": "Mo", "di": "Tu", "mi": "We", "do": "Th", "fr": "Fr"}
FRACTIONS = ("residual", "bio", "paper", "packaging")
PLACES = (
    *("parking", "pharmacy", "school", "kindergarten", "playground", "museum", "toilet", "wifi", "ev_charging"),
    *("recycling", "townhall", "library", "sports", "culture", "doctor"),
)
REPORTS = """contact = "no"
anonymous_per_hour = 10000
moderation = "after"

[[categories]]
id = "road"
name = "road"

[[routing]]
department = "road works"
deadline_hours = 120
"""
PEER_TABLES = ("cities", "venues", "categories", "events", "news", "media", "pois", "waste_streets", "waste_pickups")


def files() -> Path:
    """The data set as CSV, generated once; Missing where its generator is not beside the repository."""
    generator, folder = BENCH / "data/generate.py", SCRATCH / "csv"
    if not generator.exists():
        raise Missing("the data set (../shared/bench/data/generate.py) is not here, so there is nothing to measure")
    if not (folder / "waste_pickups.csv").exists():
        subprocess.run([sys.executable, str(generator), str(folder)], check=True)
    return folder


def city_folders() -> Path:
    """cities/ with 25 fictional cities that have every module on."""
    folder = SCRATCH / "cities"
    centres = _centres()
    for id_, slug, name in _read("cities"):
        city, number = folder / slug, int(id_)
        (city / "plugins").mkdir(parents=True, exist_ok=True)
        lat, lon = centres[id_]
        (city / "city.toml").write_text(
            f'name = "{name}"\nags = "05999{number:03d}"\nars = "059990999{number:03d}"\nfictional = true\n'
            f"[area]\nlat = {lat}\nlon = {lon}\n"
            f"[area.bbox]\nsouth = {lat - 0.1}\nwest = {lon - 0.1}\nnorth = {lat + 0.1}\neast = {lon + 0.1}\n"
        )
        (city / "plugins/news.toml").write_text("keep_days = 0\n")
        (city / "plugins/events.toml").write_text("past_days = 366\n")
        (city / "plugins/waste.toml").write_text("".join(f'[fractions.{f}]\nname = "{f}"\n' for f in FRACTIONS))
        (city / "plugins/reports.toml").write_text(REPORTS)
        (city / "plugins/places.toml").write_text(
            "".join(f'[[categories]]\nid = "{c.replace("_", "-")}"\nname = "{c}"\n' for c in PLACES)
        )
    return folder


def load_peer(server: Server) -> None:
    """The peer's tables, as its own study loads them."""
    if "bench" in server.databases():
        return
    say("loading the peer's tables")
    server.execute("CREATE DATABASE bench")
    with psycopg.connect(server.url("bench"), autocommit=True) as connection:
        connection.execute((BENCH / "data/schema.sql").read_text())
        for table in PEER_TABLES:
            with connection.cursor().copy(f"COPY app.{table} FROM STDIN (FORMAT csv)") as copy:
                copy.write((files() / f"{table}.csv").read_bytes())
        connection.execute((BENCH / "data/indexes.sql").read_text())


def load_postgresql(server: Server, settings: Settings) -> None:
    """Our tables, by our migrations, owned by an ordinary role; rows by the superuser, whom no row security stops."""
    if "allmende" in server.databases():
        _migrate(settings)
        return
    say("loading the plugins' tables (PostgreSQL)")
    server.execute("CREATE ROLE allmende LOGIN NOSUPERUSER NOBYPASSRLS")
    server.execute("CREATE DATABASE allmende OWNER allmende")
    try:
        _load(settings, server.url("allmende"))
    except BaseException:
        server.execute("DROP DATABASE allmende WITH (FORCE)")
        server.execute("DROP ROLE allmende")
        raise


def forget_reports(server: Server) -> None:
    """What earlier runs have filed, on both sides: where an hour's limit is nearly used up, each report counts it."""
    history = "ALTER TABLE case_event {} TRIGGER USER"
    emptied = "TRUNCATE case_case, case_event, case_text, once_key"
    server.execute(f"{history.format('DISABLE')}; {emptied}; {history.format('ENABLE')}", "allmende")
    if "bench" in server.databases():
        server.execute("TRUNCATE app.defect_reports", "bench")


def load_sqlite(settings: Settings) -> None:
    """The same rows in one SQLite file."""
    path = Path(settings.database.removeprefix("sqlite:///"))
    if path.exists():
        _migrate(settings)
        return
    say("loading the plugins' tables (SQLite)")
    try:
        _load(settings, settings.database)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _migrate(settings: Settings) -> None:
    done = upgrade_all(settings, load_registry(settings))
    if done.failed:
        raise Missing(f"the tables cannot be made: {dict(done.failed)}")


def _load(settings: Settings, url: str) -> None:
    _migrate(settings)
    engine = create_engine(migrating_url(url))
    waiting: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    with engine.begin() as connection:

        def write(table: str) -> None:
            if rows := waiting.pop(table, None):
                connection.execute(insert(Base.metadata.tables[table]), rows)

        for table, row in _rows():
            waiting[table].append(row)
            if len(waiting[table]) >= CHUNK:
                if table == "events_occurrence":
                    write("events_event")
                write(table)
        for table in sorted(waiting, key=lambda name: name == "events_occurrence"):
            write(table)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def event_id(number: int) -> str:
    """Our id of this event's date."""
    return _id("occurrence", number)


def street_id(number: int) -> str:
    return _id("street", number)


def city_of(table: str) -> dict[int, str]:
    """Number of a row of this table → slug of its city."""
    return {int(row[0]): f"city-{row[1]}" for row in _read(table)}


def events_of(city: int) -> Iterable[tuple[datetime, datetime]]:
    """Start and end of every event of this city."""
    return [(_when(row[4]), _when(row[5])) for row in _read("events") if int(row[1]) == city]


def _rows() -> Rows:
    yield from _news()
    yield from _events()
    yield from _places()
    yield from _waste()


def _news() -> Rows:
    pictures: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for _, item, _, url, caption in _read("media"):
        pictures[item].append({"url": url, "alt": caption, "caption": caption})
    for id_, city, title, teaser, body, published in _read("news"):
        yield (
            "news_item",
            _feed(
                city,
                "news",
                id_,
                title=title,
                summary=teaser,
                text=body,
                html=f"<p>{body}</p>",
                url=None,
                language="de",
                stated_at=_when(published),
                updated_at=None,
                expires_at=None,
                categories=[],
                images=pictures[id_],
            ),
        )


def _events() -> Rows:
    venues = {row[0]: row[2:] for row in _read("venues")}
    kinds = {row[0]: row[1] for row in _read("categories")}
    for id_, city, title, description, start, end, venue, kind, tags, image, organizer, price, url in _read("events"):
        name, street, lat, lon = venues[venue]
        categories = [kinds[kind], *json.loads(tags)]
        yield (
            "events_event",
            _feed(
                city,
                "event",
                id_,
                title=title,
                text=description,
                html=None,
                language="de",
                categories="\n" + "\n".join(categories) + "\n",
                free=price == "frei",
                price=price,
                organizer=organizer,
                url=url,
                image={"url": image, "alt": ""},
                venue_name=name,
                venue_address=street,
                lat=float(lat),
                lon=float(lon),
                last=_when(end),
            ),
        )
        yield (
            "events_occurrence",
            _feed(
                city,
                "occurrence",
                id_,
                parent=_id("event", id_),
                start=_when(start),
                end=_when(end),
                until=_when(end),
                all_day=False,
                status="scheduled",
                moved_from=None,
            ),
        )


def _places() -> Rows:
    from plugins.places.tables import unit_vector

    for id_, city, name, lat, lon, category, address, hours in _read("pois"):
        x, y, z = unit_vector(float(lat), float(lon))
        opening = "; ".join(f"{DAYS[day]} {span}" for day, (span,) in json.loads(hours).items())
        yield (
            "places_place",
            _feed(
                city,
                "place",
                id_,
                name=name,
                category=category.replace("_", "-"),
                words=category,
                text="",
                address=address,
                lat=float(lat),
                lon=float(lon),
                x=x,
                y=y,
                z=z,
                opening_hours=opening,
                phone="",
                website="",
                wheelchair="unknown",
                tags={},
                facts=[],
                image={},
                language="de",
            ),
        )


def _waste() -> Rows:
    from plugins.waste.names import fold

    cities = {}
    for id_, city, name in _read("waste_streets"):
        cities[id_] = city
        yield "waste_street", _feed(city, "street", id_, name=name, place="", folded=fold(name))
        yield (
            "waste_range",
            _feed(city, "range", id_, parent=_id("street", id_), numbers="", spans="", districts=[f"street {id_}"]),
        )
    for id_, street, day, fraction in _read("waste_pickups"):
        yield (
            "waste_pickup",
            _feed(
                cities[street],
                "pickup",
                id_,
                district=f"street {street}",
                date=date.fromisoformat(day),
                fraction=fraction,
                note="",
                shifted_from=None,
            ),
        )


def _feed(city: str, kind: str, key: object, **values: Any) -> dict[str, Any]:
    """A row of a feed table, with what all of them have."""
    return {
        "city": f"city-{city}",
        "id": _id(kind, key),
        "source": "bench",
        "key": str(key),
        "digest": "",
        "fetched_at": FETCHED,
        **values,
    }


def _id(kind: str, number: object) -> str:
    """32 digits in which the peer's number can be seen, so that answers can be compared."""
    return f"{sum(kind.encode()):08x}{int(str(number)):024x}"


def _read(table: str) -> Iterator[list[str]]:
    with (files() / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        yield from csv.reader(file)


def _when(value: str) -> datetime:
    return datetime.fromisoformat(value)


def centre(city: int) -> tuple[float, float]:
    """Latitude and longitude of the middle of a city."""
    return _centres()[str(city)]


@cache
def _centres() -> dict[str, tuple[float, float]]:
    """City → the middle of its places."""
    points: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for _, city, _, lat, lon, *_ in _read("pois"):
        points[city].append((float(lat), float(lon)))
    return {
        city: (round(sum(lat for lat, _ in of) / len(of), 4), round(sum(lon for _, lon in of) / len(of), 4))
        for city, of in points.items()
    }


def settings_for(database: str) -> dict[str, str]:
    """The environment of a server (and of the commands) on this database."""
    return {
        "ALLMENDE_DATABASE": database,
        "ALLMENDE_CITIES": str(SCRATCH / "cities"),
        "ALLMENDE_PLUGINS": str(ROOT / "plugins"),
        "ALLMENDE_KEY": "a key for measuring that protects nothing",
        "ALLMENDE_FILES": str(SCRATCH / "files"),
    }
