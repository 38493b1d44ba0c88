"""Reports go to the town hall's own Open311 server once, whatever breaks; its states come back. Over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from allmende import FeedError, cases
from sqlalchemy import select

from plugins.reports.georeport.reading import read
from plugins.reports.tables import Passed


class TownHall:
    """An Open311 server that keeps what it is sent, and can be made to break in the ways that servers break."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.states: dict[str, tuple[str, str]] = {}
        self.asked: list[str] = []
        self.breaks = ""
        """`answer`: the connection ends after the request was stored; `busy`: 503; `refuses`: 400; `token`."""
        hall = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: Any) -> None: ...

            def do_GET(self) -> None:
                hall.get(self)

            def do_POST(self) -> None:
                hall.post(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"])).decode()
        if self.breaks == "refuses":
            return self.say(request, 400, [{"code": 400, "description": "lat is needed"}])
        self.requests.append(dict(parse_qsl(body)))
        number = str(len(self.requests))
        self.states[number] = ("open", "")
        if self.breaks == "answer":
            request.close_connection = True
            return request.connection.close()
        if self.breaks == "busy":
            return self.say(request, 503, "busy")
        return self.say(
            request, 201, [{"token": f"t{number}"} if self.breaks == "token" else {"service_request_id": number}]
        )

    def get(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        self.asked.append(request.path)
        if url.path.startswith("/v2/tokens/t"):
            number = url.path.removeprefix("/v2/tokens/t").partition(".")[0]
            return self.say(request, 200, [{"service_request_id": number, "token": f"t{number}"}])
        wanted = parse_qs(url.query).get("service_request_id", [""])[0]
        rows = [
            {
                "service_request_id": number,
                "status": status,
                "status_notes": notes,
                "description": self.requests[int(number) - 1]["description"],
            }
            for number, (status, notes) in self.states.items()
            if not wanted or number in wanted.split(",")
        ]
        return self.say(request, 200, rows)

    def say(self, request: BaseHTTPRequestHandler, status: int, data: Any) -> None:
        body = json.dumps(data).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def hall() -> Iterator[TownHall]:
    hall = TownHall()
    yield hall
    hall.server.shutdown()
    hall.server.server_close()


@pytest.fixture
def linked(desk: Any, hall: TownHall) -> Any:
    """A city whose reports go to this town hall."""
    desk.town.reach("127.0.0.1", hall.port)
    forward = f'\n[forward]\nurl = "http://127.0.0.1:{hall.port}/v2"\ncategories = ["light"]\n'
    desk.open(further=forward)
    return desk


async def rows(desk: Any) -> list[Passed]:
    async with desk.town.context("reports").session() as session:
        return list(await session.scalars(select(Passed).order_by(Passed.case_id)))


async def work(desk: Any, times: int = 1) -> None:
    for _ in range(times):
        await desk.town.work("reports", "pass_on")
        desk.town.wait(hours=25)


async def notes(desk: Any, report: str) -> list[str]:
    ctx = desk.town.context("reports")
    async with ctx.session() as session:
        case = await cases.find(session, id=report)
        assert case is not None
        return [text or "" for event, text in await cases.events(session, case) if event.what == "note"]


async def test_a_report_is_passed_on_once_without_names_and_its_states_come_back(linked: Any, hall: TownHall) -> None:
    filed = await linked.file(answers=[{"field": "mast", "value": "L-1"}], email="jemand@example.org", name="Ohne")
    await linked.file(category="waste", answers=[{"field": "seen", "value": "x"}])
    await work(linked, 3)
    assert hall.requests == [
        {
            "service_code": "light", "lat": "51.96", "long": "7.63", "attribute[mast]": "L-1",
            "description": f"Die Laterne ist aus.\n\n[{filed['number']}]",
        }
    ]  # fmt: skip
    assert [(row.state, row.remote_id) for row in await rows(linked)] == [("sent", "1")]
    assert await notes(linked, filed["report"]) == ["Weitergegeben an das Meldesystem der Stadtverwaltung, dort 1."]
    states = []
    for state in (("open", ""), ("open", "Firma beauftragt"), ("closed", "Lampe getauscht"), ("open", "Doch nicht")):
        hall.states["1"] = state
        await work(linked)
        states += [report["status"]["id"] for report in await linked.listed() if report["id"] == filed["report"]]
    assert states == ["received", "in_progress", "done", "in_progress"]
    updates = f'reports {{ updates(report: "{filed["report"]}") {{ text }} }}'
    texts = [one["text"] for one in (await linked.town.ask(updates))["reports"]["updates"]]
    assert texts == ["", "Firma beauftragt", "Lampe getauscht", "Doch nicht"]


async def test_a_report_whose_answer_never_came_is_found_and_not_sent_again(linked: Any, hall: TownHall) -> None:
    hall.breaks = "answer"
    await linked.file()
    await work(linked)
    assert [(row.state, row.remote_id) for row in await rows(linked)] == [("sending", "")]
    hall.breaks = ""
    await work(linked, 3)
    assert ([(row.state, row.remote_id) for row in await rows(linked)], len(hall.requests)) == ([("sent", "1")], 1)


async def test_what_is_never_found_is_told_to_staff_and_not_sent_again(linked: Any, hall: TownHall) -> None:
    hall.breaks = "busy"
    filed = await linked.file()
    await work(linked)
    hall.breaks, hall.states = "", {}
    await work(linked, 12)
    assert ([row.state for row in await rows(linked)], len(hall.requests)) == (["given_up"], 1)
    (note,) = await notes(linked, filed["report"])
    assert note.startswith("Es ist nicht bekannt, ob die Meldung")


async def test_a_server_that_is_away_or_refuses_is_tried_again(linked: Any, hall: TownHall) -> None:
    hall.breaks = "refuses"
    filed = await linked.file()
    await work(linked)
    (row,) = await rows(linked)
    assert (row.state, row.reason) == ("waiting", "400: lat is needed")
    linked.town.reach("127.0.0.1", 1)
    await work(linked)
    (row,) = await rows(linked)
    assert (row.state, "is not on the public internet" in row.reason) == ("waiting", True), "the guard holds"
    linked.town.reach("127.0.0.1", hall.port)
    hall.breaks = ""
    await work(linked, 2)
    assert ([row.state for row in await rows(linked)], len(hall.requests)) == (["sent"], 1)
    assert len(await notes(linked, filed["report"])) == 1


async def test_a_token_becomes_an_id(linked: Any, hall: TownHall) -> None:
    hall.breaks = "token"
    await linked.file()
    await work(linked, 2)
    assert [(row.state, row.token, row.remote_id) for row in await rows(linked)] == [("sent", "t1", "1")]


async def test_a_report_that_another_city_goes_on_with_is_not_mirrored_any_more_and_stops_nothing(
    linked: Any, hall: TownHall
) -> None:
    moved, stays = await linked.file(), await linked.file()
    await work(linked)
    await linked.work(moved["report"], cases.hand_over, city="nachbardorf")
    hall.states = dict.fromkeys(hall.states, ("closed", "Erledigt"))
    await work(linked)
    states = {row.case_id: row.state for row in await rows(linked)}
    assert (states[moved["report"]], states[stays["report"]]) == ("closed", "sent")
    found = {report["id"]: report["status"]["id"] for report in await linked.listed()}
    assert found[stays["report"]] == "done"


async def test_a_report_that_is_not_filed_is_not_passed_on(linked: Any, hall: TownHall) -> None:
    await linked.refused(photos=["f" * 32])
    await work(linked)
    assert (await rows(linked), hall.requests) == ([], [])


READ = {
    "cfa_get_service_request_not_found.xml": ("errors", 1),
    "cfa_request_id_from_token.xml": ("requests", 1),
    "cfa_service_definition.xml": ("definition", 1),
    "cfa_service_requests.xml": ("requests", 2),
    "cfa_services.xml": ("services", 36),
    "ngsi_service_requests_example-normalized.json": ("requests", 1),
    "ngsi_service_requests_example.json": ("requests", 1),
    "ngsi_services_example-normalized.json": ("services", 1),
    "ngsi_services_example.json": ("services", 1),
    "requests_many.xml": ("requests", 2),
    "requests_single.xml": ("requests", 1),
    "service_list.json": ("services", 3),
    "service_requests.json": ("requests", 2),
    "services_giessen.xml": ("services", 8),
}
REFUSED = {
    "ngsi_IssueReporting_example-normalized.json": "[0]: type 'IssueReporting' is none of the standard's",
    "ngsi_IssueReporting_example.json": "[0]: type 'IssueReporting' is none of the standard's",
}


def test_every_real_file_is_read_or_refused_with_its_place(data: Path) -> None:
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for path in sorted((data / "open311").iterdir()):
        try:
            document = read(path.read_bytes())
        except FeedError as error:
            refused[path.name] = error.message
        else:
            assert not document.refused
            found[path.name] = (document.kind, len(document.items))
    assert (found, refused) == (READ, REFUSED)
    (entity,) = read((data / "open311/ngsi_service_requests_example-normalized.json").read_bytes()).items
    assert (entity["status"], entity["lat"], entity["address"]) == (
        "closed",
        40.62785133667262,
        "Calle San Juan Bautista, 2",
    )
    definition = read((data / "open311/cfa_service_definition.xml").read_bytes()).items[0]
    assert definition["attributes"][0]["values"] == [{"key": "123", "name": "Ford"}, {"key": "124", "name": "Chrysler"}]
    assert read((data / "open311/services_giessen.xml").read_bytes()).items[0]["service_code"] == "015"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the document: is neither XML nor JSON"),
        (b"<html><body>503</body></html>", "the root element: <html> is none of services, service_definition"),
        (b"<services><service>", "the document: is no XML that can be read"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><services>&b;</services>', "the document: is no XML that can be read"),
        (b"[1]", "the document: holds what is no object"),
        (b'[{"service_code": "1", "service_name": "A"}, {"token": "1"}]', "the document: holds services and requests"),
        (b"[" * 100_000, "the document: is neither XML nor JSON"),
    ],
)
def test_what_is_none_of_the_standards_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(FeedError) as refused:
        read(content)
    assert refused.value.message.startswith(message)


def test_items_that_cannot_be_used_are_refused_with_their_place() -> None:
    content = b'[{"service_request_id": "1", "status": "pending"}, {"service_request_id": ""}, {"token": "2"}]'
    document = read(content)
    assert [(one.place, one.reason) for one in document.refused] == [
        ("requests[0]", "status 'pending' is neither open nor closed"),
        ("requests[1]", "has no service_request_id and no token"),
    ]
    assert [item["token"] for item in document.items] == ["2"]
