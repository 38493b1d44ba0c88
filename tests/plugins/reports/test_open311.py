"""The Open311 endpoint, held against the tables of GeoReport v2: each document, in JSON and XML; each error."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

import httpx2
import pytest
from allmende import cases
from allmende.documents import document_routes
from allmende.reader import Reader
from allmende.testing import Town
from defusedxml.ElementTree import fromstring
from litestar import Litestar

from tests.server import Server

SERVICE = {
    "service_code": str, "service_name": str, "description": str, "metadata": bool, "type": str, "keywords": str,
    "group": str,
}  # fmt: skip
ATTRIBUTE = {
    "variable": bool, "code": str, "datatype": str, "required": bool, "datatype_description": str, "order": int,
    "description": str,
}  # fmt: skip
REQUEST = {
    "service_request_id": str, "status": str, "status_notes": str, "service_name": str, "service_code": str,
    "description": str, "agency_responsible": str, "service_notice": str, "requested_datetime": str,
    "updated_datetime": str, "expected_datetime": str, "address": str, "address_id": str, "zipcode": str, "lat": float,
    "long": float, "media_url": str,
}  # fmt: skip
OPTIONAL = {"service_notice", "expected_datetime", "address_id", "zipcode", "media_url"}
"""Fields that are null (an empty element) where there is nothing to say."""


def check(row: dict[str, Any], table: dict[str, type], more: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """The fields of the standard's table, all of them, of its types, in no other spelling."""
    assert set(row) == set(table) | more
    for name, kind in table.items():
        value = row[name]
        assert (value is None and name in OPTIONAL) or type(value) is kind, (name, value)
    for name in row:
        if name.endswith("_datetime") and row[name]:
            assert datetime.fromisoformat(row[name]).tzinfo is not None


def plain(element: Element) -> Any:
    """What the XML says, as the JSON would: elements with one name are a list, texts are texts."""
    if not len(element):
        return element.text
    names = [child.tag for child in element]
    if len(set(names)) == 1 and names[0] + "s" == element.tag.removeprefix("service_"):
        return [plain(child) for child in element]
    return {child.tag: plain(child) for child in element}


def said(value: Any) -> Any:
    """JSON with its numbers, booleans and empty texts as XML writes them."""
    if isinstance(value, dict):
        return {name: said(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [said(inner) for inner in value] or None
    if value is None or value == "":
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


class Endpoint:
    """Asks the endpoint of a city, in both formats; they must say the same."""

    def __init__(self, client: httpx2.AsyncClient, slug: str) -> None:
        self.client, self.base = client, f"/{slug}/reports/open311/v2"

    async def get(self, path: str, **query: str) -> Any:
        answer = await self.client.get(f"{self.base}/{path}.json", params=query)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
        other = await self.client.get(f"{self.base}/{path}.xml", params=query)
        assert (other.status_code, other.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        assert other.content.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
        assert plain(fromstring(other.content)) == said(answer.json())
        return answer.json()

    async def refused(self, path: str, method: str = "GET", data: Any = None, **query: str) -> tuple[int, str]:
        found = []
        for format in ("json", "xml"):
            answer = await self.client.request(method, f"{self.base}/{path}.{format}", params=query, data=data)
            (error,) = answer.json() if format == "json" else plain(fromstring(answer.content))
            assert (str(error["code"]), set(error)) == (str(answer.status_code), {"code", "description"})
            found.append((answer.status_code, str(error["description"])))
        assert found[0] == found[1]
        return found[0]

    async def post(self, format: str = "json", **data: str) -> httpx2.Response:
        given = {"service_code": "light", "lat": "51.96", "long": "7.63", "description": "Die Laterne ist aus."}
        return await self.client.post(f"{self.base}/requests.{format}", data=given | data)


@pytest.fixture
async def client(town: Town) -> AsyncIterator[httpx2.AsyncClient]:
    app = Litestar([*document_routes(town.instance.services)], openapi_config=None)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://city.example") as client:
        yield client


@pytest.fixture
def endpoint(desk: Any, client: httpx2.AsyncClient) -> Endpoint:
    desk.open(more='open311 = "open"')
    return Endpoint(client, desk.town.slug)


async def test_discovery_names_the_endpoint_its_formats_and_how_to_get_a_key(endpoint: Endpoint) -> None:
    answer = await endpoint.client.get(f"{endpoint.base}/discovery.json")
    row = answer.json()
    assert set(row) == {"changeset", "contact", "key_service", "endpoints"}
    assert row["endpoints"] == [
        {
            "specification": "http://wiki.open311.org/GeoReport_v2", "url": "/teststadt/reports/open311/v2",
            "changeset": row["changeset"], "type": "test", "formats": ["text/xml", "application/json"],
        }
    ]  # fmt: skip
    other = fromstring((await endpoint.client.get(f"{endpoint.base}/discovery.xml")).content)
    assert [one.text for one in other.findall("endpoints/endpoint/formats/format")] == ["text/xml", "application/json"]


async def test_services_and_definitions_have_the_fields_of_the_standard(endpoint: Endpoint) -> None:
    services = await endpoint.get("services", jurisdiction_id="teststadt")
    for row in services:
        check(row, SERVICE)
    assert [(row["service_code"], row["type"], row["metadata"]) for row in services] == [
        ("light", "realtime", True), ("waste", "realtime", True),
    ]  # fmt: skip
    definition = (await endpoint.client.get(f"{endpoint.base}/services/light.json")).json()
    assert definition["service_code"] == "light"
    for row in definition["attributes"]:
        check(row, ATTRIBUTE, {"values"} if row["datatype"] == "singlevaluelist" else set())
    assert [(row["code"], row["datatype"], row["order"]) for row in definition["attributes"]] == [
        ("mast", "string", 1), ("what", "singlevaluelist", 2), ("height", "number", 3),
        ("danger", "singlevaluelist", 4),
    ]  # fmt: skip
    assert definition["attributes"][1]["values"][0] == {"key": "off", "name": "ist aus"}
    tree = fromstring((await endpoint.client.get(f"{endpoint.base}/services/light.xml")).content)
    assert [one.findtext("key") for one in tree.findall("attributes/attribute[2]/values/value")] == ["off", "day"]


async def test_a_posted_request_is_a_report_and_can_be_read(desk: Any, endpoint: Endpoint) -> None:
    fields = {"attribute[mast]": "L-1", "attribute[what]": "off", "email": "jemand@example.org", "first_name": "Ohne"}
    posted = await endpoint.post(**fields, address_string="Domplatz", media_url="https://example.org/bild.jpg")
    (answer,) = posted.json()
    assert (posted.status_code, set(answer)) == (201, {"service_request_id", "service_notice", "account_id"})
    (row,) = await endpoint.get(f"requests/{answer['service_request_id']}")
    check(row, REQUEST)
    assert (row["status"], row["status_notes"], row["address"]) == ("open", "eingegangen", "Domplatz")
    assert "jemand" not in json.dumps(row), "contact is for the town hall only"
    in_xml = plain(fromstring((await endpoint.post("xml")).content))
    assert set(in_xml[0]) == {"service_request_id", "service_notice", "account_id"}
    ctx = desk.town.context("reports")
    async with ctx.session() as session:
        case = await cases.find(session, number=answer["service_request_id"])
    assert case is not None
    assert (case.private["email"], case.private["name"], case.private["media_url"]) == (
        "jemand@example.org", "Ohne", "https://example.org/bild.jpg",
    )  # fmt: skip


async def test_requests_are_filtered_and_bounded(desk: Any, endpoint: Endpoint) -> None:
    first = await desk.file()
    await desk.work(first["report"], cases.transition, "done")
    desk.town.wait(days=60)
    second = await desk.file(category="waste", answers=[{"field": "seen", "value": "niemand"}])
    desk.town.wait(days=40)
    third = await desk.file()
    one, two, three = (filed["number"] for filed in (first, second, third))

    async def found(**query: str) -> list[str]:
        return [row["service_request_id"] for row in await endpoint.get("requests", **query)]

    assert await found() == [three, two], "the last ninety days"
    assert await found(status="closed") == []
    assert await found(service_request_id=f"{one},{three}", status="closed") == [three], (
        "closed long ago: no longer shown"
    )
    assert await found(service_code="waste") == [two]
    assert await found(start_date="2026-11-20T00:00:00Z", end_date="2027-01-25T00:00:00+01:00") == [two]
    assert await found(start_date="2027-01-25T00:00:00Z") == [three]
    assert (await found(page_size="1"), await found(page_size="1", page="2")) == ([three], [two])
    (row, _) = await endpoint.get("requests", extensions="true")
    assert row["extended_attributes"] == {"status": "received", "followers": 0}


async def test_states_are_open_or_closed_and_hidden_ones_are_not_there(desk: Any, endpoint: Endpoint) -> None:
    states = {}
    for state in ("received", "in_progress", "done", "elsewhere", "rejected"):
        filed = await desk.file(desk.device)
        if state != "received":
            await desk.work(filed["report"], cases.transition, state)
        states[filed["number"]] = state
    rows = await endpoint.get("requests")
    assert {states[row["service_request_id"]]: row["status"] for row in rows} == {
        "received": "open", "in_progress": "open", "done": "closed", "elsewhere": "closed",
    }  # fmt: skip


async def test_a_moderating_city_gives_a_token_that_becomes_an_id(desk: Any, endpoint: Endpoint) -> None:
    desk.open("before", more='open311 = "open"')
    assert [row["type"] for row in await endpoint.get("services")] == ["batch", "batch"]
    (answer,) = (await endpoint.post()).json()
    assert (set(answer), await endpoint.get("requests")) == ({"token", "service_notice", "account_id"}, [])
    (row,) = await endpoint.get(f"tokens/{answer['token']}")
    assert row == {"service_request_id": None, "token": answer["token"]}
    await desk.work(answer["token"], cases.publish)
    (row,) = await endpoint.get(f"tokens/{answer['token']}")
    (shown,) = await endpoint.get(f"requests/{row['service_request_id']}")
    assert shown["service_request_id"] == row["service_request_id"]


@pytest.mark.parametrize(
    ("path", "query", "status", "description"),
    [
        ("services", {"jurisdiction_id": "anderswo"}, 404, "jurisdiction_id: 'anderswo' was not found; here it is"),
        ("services/ufo", {}, 404, "service_code: 'ufo' was not found"),
        ("requests/TES-2026-000000", {}, 404, "service_request_id: 'TES-2026-000000' was not found"),
        ("tokens/nobody", {}, 404, "token: 'nobody' was not found"),
        ("requests", {"service_code": "ufo"}, 404, "service_code: 'ufo' was not found"),
        ("requests", {"status": "pending"}, 400, "status: 'pending' is neither open nor closed"),
        ("requests", {"start_date": "yesterday"}, 400, "start_date: 'yesterday' is no time such as"),
        (
            "requests",
            {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-04-02T00:00:00Z"},
            400,
            "start_date, end",
        ),
        (
            "requests",
            {"start_date": "2026-04-02T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"},
            400,
            "start_date, end",
        ),
        ("requests", {"page_size": "1001"}, 400, "page_size: '1001' is no number from 1 to 1000"),
        ("requests", {"end_date": "0001-01-01T00:00:00+23:00"}, 400, "end_date"),
    ],
)
async def test_what_cannot_be_asked_is_an_error_of_the_standard(
    endpoint: Endpoint, path: str, query: dict[str, str], status: int, description: str
) -> None:
    refused = await endpoint.refused(path, **query)
    assert (refused[0], refused[1][: len(description)]) == (status, description)


@pytest.mark.parametrize(
    ("data", "status", "description"),
    [
        ({}, 400, "service_code: was not provided"),
        ({"service_code": "ufo"}, 404, "service_code: 'ufo' was not found"),
        ({"service_code": "light"}, 400, "lat, long: both are needed; an address alone is not looked up"),
        ({"service_code": "light", "lat": "x", "long": "7"}, 400, "lat: 'x' is no number of degrees"),
        ({"service_code": "light", "lat": "nan", "long": "7.63"}, 400, "lat: nan is not between -90 and 90 degrees"),
        (
            {"service_code": "light", "lat": "54", "long": "7.63", "description": "x"},
            400,
            "lat, lon: 54.0, 7.63 is not",
        ),
        ({"service_code": "light", "lat": "51.96", "long": "7.63"}, 400, "text: is empty; say what is wrong"),
        ({"service_code": "waste", "lat": "51.96", "long": "7.63", "description": "x"}, 400, "fields.seen: is needed"),
        (
            {"service_code": "light", "lat": "51.96", "long": "7.63", "description": "x", "media_url": "file:///etc"},
            400,
            "media_url: is no web address",
        ),
    ],
)
async def test_what_cannot_be_posted_is_an_error_of_the_standard(
    desk: Any, endpoint: Endpoint, data: dict[str, str], status: int, description: str
) -> None:
    refused = await endpoint.refused("requests", "POST", data)
    assert (refused[0], refused[1][: len(description)], await desk.count()) == (status, description, 0)


async def test_posting_needs_a_service_token_unless_the_city_is_open(desk: Any, endpoint: Endpoint) -> None:
    from allmende.accounts.machines import add_service

    desk.open(more='open311 = "key"')
    data = {"service_code": "light", "lat": "51.96", "long": "7.63", "description": "x"}
    for given in (data, data | {"api_key": "teststadt.wrong"}, data | {"api_key": "nirgends.wrong"}):
        assert (await endpoint.refused("requests", "POST", given))[0] == 403
    accounts = desk.town.instance.services.accounts
    admin = Reader(kind="staff", id="a" * 32, city=desk.town.slug, name="Leitung")
    weak = await add_service(accounts, desk.town.slug, "Lesen", ["cases.read"], by=admin)
    right = await add_service(accounts, desk.town.slug, "Callcenter", ["reports.post"], by=admin)
    assert (await endpoint.refused("requests", "POST", data | {"api_key": weak}))[0] == 403
    assert (await endpoint.post(api_key=right)).status_code == 201
    desk.open(more='open311 = "read"')
    assert (await endpoint.refused("requests", "POST", data | {"api_key": right}))[0] == 403
    assert len(await endpoint.get("requests")) == 1
    desk.open(more='open311 = "off"')
    assert (await endpoint.refused("services"))[0] == 404


async def test_a_key_of_another_city_and_anothers_number_open_nothing(desk: Any, endpoint: Endpoint) -> None:
    from allmende.accounts.machines import add_service

    filed = await desk.file()
    neighbour = type(desk)(desk.town.neighbour()).open(more='open311 = "key"')
    admin = Reader(kind="staff", id="a" * 32, city=neighbour.town.slug, name="Leitung")
    key = await add_service(desk.town.instance.services.accounts, desk.town.slug, "Hier", ["reports.post"], by=admin)
    there = Endpoint(endpoint.client, neighbour.town.slug)
    assert (await there.post(api_key=key)).status_code == 403
    assert (await there.refused(f"requests/{filed['number']}"))[0] == 404
    assert (await there.refused(f"tokens/{filed['report']}"))[0] == 404


def test_the_open311_client_three_speaks_with_it(served: Server) -> None:
    """On a real server. The client is of the time of Python 2: it asks for a function that is a builtin by now."""
    itertools.ifilter = filter  # type: ignore[attr-defined]
    from three import Three

    city = Three(f"{served.url}/musterstadt/reports/open311/v2", jurisdiction="musterstadt")
    assert city.discovery()["endpoints"][0]["specification"] == "http://wiki.open311.org/GeoReport_v2"
    codes = [one["service_code"] for one in city.services()]
    assert codes == ["light", "street", "waste", "green"]
    assert city.services("street")["attributes"][0]["code"] == "depth"
    place = {"lat": "51.35", "long": "8.2", "address": "Hauptstraße 1", "name": "Ohne Namen"}
    (posted,) = city.post("street", description="Ein Schlagloch", **place, **{"attribute[depth]": "12"})
    number = posted["service_request_id"]
    (read,) = city.request(number)
    assert (read["service_code"], read["description"], read["status"]) == ("street", "Ein Schlagloch", "open")
    assert number in [one["service_request_id"] for one in city.requests("street", count=10)]
    (wrong,) = city.post("ufo", description="x", **place)
    assert wrong == {"code": 404, "description": "service_code: 'ufo' was not found"}
