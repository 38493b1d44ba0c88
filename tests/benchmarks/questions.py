"""The same five questions in both dialects, with the same variables, and the files that wrk sends them from.

A moment for `from` is chosen at which no event of the city is running, because ours counts running ones as upcoming
and the peer does not: so both answer with the same events.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from . import dataset
from .scratch import SCRATCH

ROWS = 200
"""Different variables of each question."""
_PEER_EVENT = (
    "id title description start end tags imageUrl organizer price url venue { id name lat lon } category { id name }"
)
_OUR_EVENT = (
    "id title text start end categories image { url } organizer price url venue { name address position { lat lon } } "
    "category"
)


class Question(Struct, frozen=True):
    """One question as each of the two is asked it; variables by row."""

    name: str
    peer: str
    ours: str

    @property
    def hash(self) -> str:
        return sha256(self.ours.encode()).hexdigest()


QUESTIONS = (
    Question(
        "home (Q1)",
        "query Home($city: Int!, $from: String!) { city(id: $city) { name news(first: 5) { id title teaser publishedAt "
        "media { url caption } } events(first: 10, from: $from) { id title start venue { name lat lon } } } }",
        "query Home($city: String!, $from: DateTime!) { city(slug: $city) { name news { latest(first: 5) { id title "
        "summary publishedAt images { url caption } } } events { upcoming(first: 10, from: $from) { id title start "
        "venue { name position { lat lon } } } } } }",
    ),
    Question(
        "100 events with venue (Q2)",
        "query Events($city: Int!, $from: String!) { events(cityId: $city, from: $from, first: 100) { "
        + _PEER_EVENT
        + " } }",
        "query Events($city: String!, $from: DateTime!) { city(slug: $city) { events { upcoming(first: 100, "
        "from: $from) { " + _OUR_EVENT + " } } } }",
    ),
    Question(
        "500 places (Q3)",
        "query Pois($city: Int!) { pois(cityId: $city, first: 500) { id name lat lon category } }",
        "query Places($city: String!) { city(slug: $city) { places { in(bbox: {south: 40, west: 0, north: 60, "
        "east: 20}, first: 500) { id name position { lat lon } category } } } }",
    ),
    Question(
        "one street's pickups (Q4)",
        "query Waste($street: Int!, $from: String!, $to: String!) { wastePickups(streetId: $street, from: $from, "
        "to: $to) { date fraction } }",
        "query Waste($city: String!, $street: ID!, $from: Date!) { city(slug: $city) { waste { pickups("
        "streetId: $street, from: $from, days: 61) { date fraction { id } } } } }",
    ),
    Question(
        "one event (Q5)",
        "query Event($id: Int!) { event(id: $id) { " + _PEER_EVENT + " } }",
        "query Event($city: String!, $id: ID!) { city(slug: $city) { events { event(id: $id) { "
        + _OUR_EVENT
        + " } } } }",
    ),
)
HOME = QUESTIONS[0]
REPORT = Question(
    "a report filed (M1)",
    "mutation Report($input: DefectInput!) { createDefectReport(input: $input) { id status } }",
    "mutation Report($input: ReportsCreateInput!) { reportsCreate(input: $input) { number receipt } }",
)
"""Ours carries a key by which it is filed once however often it is sent; each request gets another (`requests.lua`)."""
Variables = tuple[dict[str, Any], dict[str, Any]]
"""The peer's, and ours."""


def variables(question: Question) -> list[Variables]:
    """What each of the 200 rows asks for."""
    return [_variables(question, row) for row in _drawn()]


def write() -> None:
    """Request files for wrk, and our operations as a registered client."""
    clients = SCRATCH / "clients/benchmark/1"
    clients.mkdir(parents=True, exist_ok=True)
    for question in (*QUESTIONS, REPORT):
        asked = variables(question)
        (clients / f"{_short(question)}.graphql").write_text(question.ours)
        post(question, "peer").write_text(_lines(_body(question.peer, theirs) for theirs, _ in asked))
        post(question, "ours").write_text(_lines(_body(question.ours, mine) for _, mine in asked))


def post(question: Question, who: str) -> Path:
    """The file with the bodies of this question."""
    return SCRATCH / f"{who}-{_short(question)}.post"


def _short(question: Question) -> str:
    """Q1 … Q5, M1."""
    return question.name[-3:-1]


def address(question: Question, ours: Mapping[str, Any]) -> str:
    """Path of the question by its hash, for GET."""
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": question.hash}}
    values = {"extensions": json.dumps(extensions), "variables": json.dumps(ours)}
    return "/graphql?" + urlencode(values)


def leaves(value: Any) -> list[str]:
    """The values of an answer in one dialect: numbers of rows instead of ids, instants as UTC seconds; sorted."""
    return sorted(_leaves(value))


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    if isinstance(value, str) and len(value) == 32 and value.startswith("00000"):
        return [str(int(value[8:], 16))]
    if isinstance(value, str) and len(value) > 19 and value[4] == value[7] == "-" and value[10] == "T":
        return [str(int(datetime.fromisoformat(value).timestamp()))]
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    return [str(value)]


def _lines(lines: Any) -> str:
    return "\n".join(lines) + "\n"


def _body(query: str, values: Mapping[str, Any]) -> str:
    return json.dumps({"query": query, "variables": values}, ensure_ascii=False, separators=(",", ":"))


def _variables(question: Question, row: dict[str, Any]) -> Variables:
    city, moment = row["city"], row["from"].isoformat()
    short = _short(question)
    if short == "Q3":
        return {"city": city}, {"city": f"city-{city}"}
    if short == "Q4":
        day, last = row["from"].date(), row["from"].date() + timedelta(days=60)
        theirs = {"street": row["street"], "from": day.isoformat(), "to": last.isoformat()}
        ours = {"street": dataset.street_id(row["street"]), "from": day.isoformat()}
        return theirs, {"city": _cities("waste_streets")[row["street"]], **ours}
    if short == "Q5":
        return {"id": row["event"]}, {"city": _cities("events")[row["event"]], "id": dataset.event_id(row["event"])}
    if short == "M1":
        lat, lon = dataset.centre(city)
        said = {"lat": lat + row["north"], "lon": lon + row["east"], "category": "road"}
        text = "Tiefes Schlagloch auf der Fahrbahn, bitte prüfen. " * 4
        theirs = {"cityId": city, "title": "Schlagloch", "description": text, **said}
        return {"input": theirs}, {"input": {"city": f"city-{city}", "idempotencyKey": "@KEY@", "text": text, **said}}
    return {"city": city, "from": moment}, {"city": f"city-{city}", "from": moment}


@cache
def _cities(table: str) -> dict[int, str]:
    return dataset.city_of(table)


@cache
def _drawn() -> list[dict[str, Any]]:
    draw = random.Random(7)
    rows = []
    for _ in range(ROWS):
        city = draw.randint(1, 25)
        day = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=draw.randint(0, 60))
        rows.append(
            {
                "city": city,
                "from": _quiet(city, day),
                "street": draw.randint(1, 750),
                "event": draw.randint(1, 50_000),
                "north": round(draw.uniform(-0.09, 0.09), 5),
                "east": round(draw.uniform(-0.09, 0.09), 5),
            }
        )
    return rows


def _quiet(city: int, moment: datetime) -> datetime:
    """The next quarter of an hour at which nothing is running."""
    running = _events(city)
    while any(start < moment < end for start, end in running):
        moment += timedelta(minutes=15)
    return moment


@cache
def _events(city: int) -> list[tuple[datetime, datetime]]:
    return list(dataset.events_of(city))
