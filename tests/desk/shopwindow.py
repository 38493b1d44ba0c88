"""A town hall at work, for pictures and for trying things out: reports of its citizens, some of them worked on.

Everything is fictional, and so is the city. Nobody has a name: accounts are called after what they do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from tests.server import Server
from tests.warm import allmende

CITY = "musterstadt"
TEAM: Mapping[str, tuple[str, ...]] = {
    "Pressestelle": ("editor",),
    "Redaktion": ("publisher",),
    "Fachbereich Tiefbau": ("case_worker",),
    "Digitalisierung": ("admin",),
}
"""Account → its roles."""
CREATE = "mutation($input: ReportsCreateInput!) { reportsCreate(input: $input) { report number } }"
REPORTS = (
    ("light", 51.3512, 8.2011, "Am Markt 4", "Die Laterne vor der Apotheke flackert seit Tagen.", "what=flickers", 0),
    ("light", 51.3514, 8.2016, "Am Markt 6", "Laterne flackert, abends ist es fast dunkel.", "what=flickers", 1),
    ("street", 51.3581, 8.1874, "Lindenweg 12", "Tiefes Schlagloch auf dem Radweg.", "depth=9 danger=true", 2),
    ("waste", 51.3402, 8.2177, "Parkplatz am Waldrand", "Fünf Autoreifen und ein Sofa liegen dort.", "", 9),
    ("green", 51.3468, 8.2302, "Spielplatz Mühlenteich", "Ein Ast hängt lose über der Schaukel.", "", 3),
    ("street", 51.3377, 8.1725, "Bahnhofstraße 31", "Gehwegplatten stehen hoch: Man stolpert.", "danger=true", 8),
    ("light", 51.3820, 8.1402, "Dorfstraße 3", "Laterne brennt den ganzen Tag.", "what=day", 4),
    ("waste", 51.3925, 8.2610, "Container am Nordring", "Daneben liegen Säcke mit Hausmüll.", "", 2),
    ("green", 51.3139, 8.2480, "Friedhof Süd", "Die Hecke wächst auf den Gehweg.", "", 12),
    ("street", 51.3045, 8.1180, "Talstraße 77", "Nach dem Regen ist der Kanaldeckel abgesackt.", "depth=4", 14),
    ("light", 51.3516, 8.2004, "Rathausplatz", "Drei Laternen hintereinander sind aus.", "what=off mast=R11", 15),
    ("waste", 51.4210, 8.0930, "Wanderparkplatz Eichenhöhe", "Bauschutt im Graben.", "", 20),
)
"""Category, latitude, longitude, address, text, answers, and how many days ago."""


def hire(server: Server, environ: Mapping[str, str], city: str = CITY) -> dict[str, str]:
    """Account → the link that signs it in once, as an operator makes it."""
    return {
        name: allmende(
            "user", "add", city, f"{name.split()[-1].lower()}@{city}.example", "--name", name,
            *(part for role in roles for part in ("--role", role)), "--base", server.url,
            environ=dict(environ), check=True,
        ).stdout.strip()
        for name, roles in TEAM.items()
    }  # fmt: skip


def report(server: Server, database: Path) -> list[str]:
    """File the reports as the app does, and let each have come in some days ago; their ids."""
    ids = []
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        for category, lat, lon, address, text, answers, _ in REPORTS:
            given: dict[str, Any] = {
                "city": CITY, "idempotencyKey": str(uuid4()), "category": category, "lat": lat, "lon": lon,
                "address": address, "text": text,
                "answers": [dict(zip(("field", "value"), one.split("="), strict=True)) for one in answers.split()],
            }  # fmt: skip
            answer = client.post("/graphql", json={"query": CREATE, "variables": {"input": given}}).json()
            assert "errors" not in answer, answer
            ids.append(answer["data"]["reportsCreate"]["report"])
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        (lock,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'case_case_opening'").fetchone()
        connection.execute("DROP TRIGGER case_case_opening")
        for id_, (*_, days) in zip(ids, REPORTS, strict=True):
            for column in ("created", "deadline"):
                moved = f"UPDATE case_case SET {column} = datetime({column}, ?) WHERE id = ?"
                connection.execute(moved, (f"-{days} days", id_))
        connection.execute(lock)
    return ids


def use(database: Path) -> None:
    """Usage of some weeks, as it is counted: so many requests and devices a day."""
    today = datetime.now(UTC).date()
    rows = []
    for back in range(60):
        day = today - timedelta(days=back)
        many = 260 + (back * 37) % 120 - (110 if day.weekday() > 4 else 0)
        rows += [("day", day, "request", "", many * 3), ("day", day, "device", "", many // 4)]
        rows += [
            ("day", day, "module", name, many * share // 10)
            for name, share in (("waste", 9), ("news", 6), ("events", 5), ("reports", 2), ("parking", 2))
        ]
        if day.weekday() == 0:
            rows += [("week", day, "request", "", many * 20), ("week", day, "device", "", many)]
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        connection.executemany(
            "INSERT INTO usage_count (city, span, begins, measure, name, number) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            [(CITY, span, str(day), measure, name, number) for span, day, measure, name, number in rows],
        )
