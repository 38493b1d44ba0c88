"""Forms and protocols of plugins: what reaches a POST route, with what limits, and how its protocol tells errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from allmende import PUBLIC, Context, Denied, InputError, NotFound, Plugin, Reply, Route, staff
from allmende.declaration import declaration_faults
from allmende.documents import MAX_FIELDS, MAX_FORM, document_routes
from allmende.errors import AllmendeError
from allmende.graphql.request import Services
from allmende.testing import NoDatabase, make_city
from litestar import Litestar
from litestar.testing import TestClient

from .graphql.gazette import install

ERRORS: dict[str, Exception] = {
    "input": InputError("lat: is missing"),
    "nobody": Denied("send a token", code="UNAUTHENTICATED"),
    "denied": Denied("not yours"),
    "missing": NotFound("no such thing"),
    "often": AllmendeError("at most 30", code="RATE_LIMITED"),
    "again": AllmendeError("another request", code="IDEMPOTENCY_MISMATCH"),
    "bug": RuntimeError("secret /etc/passwd"),
}


async def read(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    return Reply(content="read", media_type="text/plain")


async def write(ctx: Context[Any], path: Mapping[str, str], fields: Mapping[str, str]) -> Reply:
    if "fail" in fields:
        raise ERRORS[fields["fail"]]
    told = ";".join(f"{name}={value}" for name, value in sorted(fields.items()))
    return Reply(content=f"{path['format']}: {told}", media_type="text/plain", status=201)


def told(path: Mapping[str, str], status: int, message: str) -> Reply:
    return Reply(content=f"<{path['format']}>{status} {message}", media_type="text/xml")


PLUGIN = Plugin(
    name="forms",
    routes=(
        Route(path="things.{format}", handle=read, visible=PUBLIC),
        Route(path="things.{format}", handle=write, visible=PUBLIC, method="POST", fault=told),
        Route(path="plain.{format}", handle=write, visible=PUBLIC, method="POST"),
        Route(path="closed.{format}", handle=read, visible=staff("forms.read"), fault=told),
    ),
)


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    database: Any = NoDatabase()
    cities = MappingProxyType({"oben": make_city("oben", plugins={"forms": PLUGIN.config()})})

    class Cities:
        by_slug, by_host = cities, MappingProxyType({})

    services = Services(install(PLUGIN), database, lambda: Cities())  # type: ignore[arg-type, return-value]  # two of its fields
    with TestClient(Litestar(document_routes(services), openapi_config=None)) as client:
        yield client


def test_a_form_and_the_query_reach_the_route_that_is_posted_to(client: TestClient[Litestar]) -> None:
    answer = client.post("/oben/forms/things.xml?a=1&b=2", data={"b": "ü ö", "attribute[X]": "", "c": "<b>"})
    assert (answer.status_code, answer.text) == (201, "xml: a=1;attribute[X]=;b=ü ö;c=<b>")
    assert answer.headers["cache-control"] == "no-store"
    fetched = client.get("/oben/forms/things.xml")
    assert (fetched.status_code, fetched.text, "etag" in fetched.headers) == (200, "read", True)
    tag = fetched.headers["etag"]
    for known, status in ((tag, 304), (f'"other", W/{tag}', 304), ('"other"', 200)):
        again = client.get(fetched.request.url, headers={"If-None-Match": known})
        assert (again.status_code, again.headers["etag"]) == (status, tag)
    assert client.get("/oben/forms/plain.xml").status_code == 404, "nothing is fetched where only forms are taken"


@pytest.mark.parametrize(
    ("name", "status"),
    [("input", 400), ("nobody", 401), ("denied", 403), ("missing", 404), ("often", 429), ("again", 409), ("bug", 503)],
)
def test_errors_have_their_status_and_are_told_in_the_routes_protocol(
    client: TestClient[Litestar], name: str, status: int
) -> None:
    answer = client.post("/oben/forms/things.xml", data={"fail": name})
    assert (answer.status_code, answer.text.startswith(f"<xml>{status} ")) == (status, True)
    assert (answer.headers["content-type"], "secret" in answer.text) == ("text/xml; charset=utf-8", False)
    plain = client.post("/oben/forms/plain.xml", data={"fail": name})
    assert (plain.status_code, set(plain.json()["error"])) == (status, {"code", "message"})


def test_who_may_not_fetch_it_is_told_in_the_routes_protocol(client: TestClient[Litestar]) -> None:
    answer = client.get("/oben/forms/closed.xml")
    assert (answer.status_code, answer.text) == (
        401,
        "<xml>401 send a token of this city (Authorization: Bearer …)",
    )


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=" + b"x" * MAX_FORM, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"f%d=1" % number for number in range(MAX_FIELDS + 1)), "application/x-www-form-urlencoded", 400),
        (b"a=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
        (b'{"a": 1}', "application/json", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
    ],
)
def test_what_is_no_form_is_refused_before_the_route_sees_it(
    client: TestClient[Litestar], body: bytes, kind: str, status: int
) -> None:
    answer = client.post("/oben/forms/things.xml", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.text.startswith(f"<xml>{status} ")) == (status, True)


def test_two_methods_share_an_address_but_not_two_routes_of_one_method() -> None:
    open_only = Plugin(name="forms", routes=PLUGIN.routes[:3])
    assert declaration_faults("forms", open_only) == []
    twice = Plugin(name="forms", routes=(PLUGIN.routes[1], PLUGIN.routes[1]))
    assert declaration_faults("forms", twice) == ["two routes at 'POST things.{format}'"]
