"""What attackers and broken clients send, to a real server: a clear refusal in JSON each time, and never a 500."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
import structlog
from allmende.app import create_app
from allmende.settings import Settings
from litestar.routes import HTTPRoute

from tests.server import Server

GRAPHQL = "application/graphql-response+json"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["errors"][0]["extensions"]["code"])


def ask(server: Server, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers={"accept": GRAPHQL, **named})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def post(server: Server, body: bytes, **headers: str) -> Answer:
    return ask(server, "POST", "/graphql", body, content_type="application/json", **headers)


def event(variable: bytes) -> bytes:
    """The query of one event, with this as its id."""
    query = b'query($x: ID!) { city(slug: \\"musterstadt\\") { events { event(id: $x) { id } } } }'
    return b'{"query": "' + query + b'", "variables": {"x": ' + variable + b"}}"


def query(text: str) -> bytes:
    return json.dumps({"query": text}).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000
DOUBLED = "".join(f"fragment F{n} on City {{...F{n + 1} ...F{n + 1}}} " for n in range(24))
BODIES = {
    "null": (b"null", 400, "BAD_REQUEST"),
    "number": (b"5", 400, "BAD_REQUEST"),
    "text": (b'"x"', 400, "BAD_REQUEST"),
    "list": (b'[{"query": "{ __typename }"}]', 400, "BAD_REQUEST"),
    "nothing": (b"", 400, "BAD_REQUEST"),
    "half": (b'{"query": "{ __ty', 400, "BAD_REQUEST"),
    "byte order mark": (b'\xef\xbb\xbf{"query": "{ __typename }"}', 400, "BAD_REQUEST"),
    "not UTF-8": (b'{"query": "\xff"}', 400, "BAD_REQUEST"),
    "100,000 lists in lists": (event(DEEP), 400, "BAD_REQUEST"),
    "100,000 lists in extensions": (
        b'{"query": "{ __typename }", "extensions": {"x": ' + DEEP + b"}}",
        400,
        "BAD_REQUEST",
    ),
    "5,000 digits": (event(b"1" * 5_000), 400, "BAD_REQUEST"),
    "400 digits": (event(b"1" * 400), 400, "LIMIT_VALUE_DIGITS"),
    "1e999": (event(b"1e999"), 400, "BAD_REQUEST"),
    "NaN": (event(b"NaN"), 400, "BAD_REQUEST"),
    "-Infinity": (event(b"-Infinity"), 400, "BAD_REQUEST"),
    "NUL byte": (b'{"query": "\x00"}', 400, "BAD_REQUEST"),
    "NUL in a text": (event(b'"\\u0000"'), 400, "BAD_REQUEST"),
    "NUL in the document": (query('{ city(slug: "\\u0000") { name } }'), 400, "BAD_REQUEST"),
    "half a surrogate pair": (event(b'"\\ud800"'), 400, "BAD_REQUEST"),
    "100,000 elements": (event(b"[" + b"1," * 100_000 + b"1]"), 400, "LIMIT_VALUES"),
    "300 kilobytes": (event(b'"' + b"a" * 300_000 + b'"'), 413, "LIMIT_BODY"),
    "variables as a list": (b'{"query": "{ __typename }", "variables": [1]}', 400, "BAD_REQUEST"),
    "query as a number": (b'{"query": 5}', 400, "BAD_REQUEST"),
    "operationName as an object": (b'{"query": "query A { __typename }", "operationName": {}}', 400, "BAD_REQUEST"),
    "operationName of 100 kilobytes": (
        b'{"query": "query A { __typename }", "operationName": "' + b"B" * 100_000 + b'"}',
        400,
        "BAD_OPERATION_NAME",
    ),
    "operationName of a fragment": (
        b'{"query": "fragment A on Query { __typename }", "operationName": "A"}',
        400,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "two operations of one name": (
        query("query A { __typename } query A { __typename }"),
        400,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "hash of the wrong kind": (
        b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": ["x"]}}}',
        400,
        "PERSISTED_QUERY_NOT_SUPPORTED",
    ),
    "page of -1": (query('{ city(slug: "beckum") { news { latest(first: -1) { id } } } }'), 400, "BAD_FIRST"),
    "page of 5910205": (query('{ city(slug: "beckum") { news { latest(first: 5910205) { id } } } }'), 400, "BAD_FIRST"),
    "page of 5,000 digits": (
        query("{ cities(first: " + "9" * 5_000 + ") { totalCount } }"),
        400,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "all cities with everything": (
        query("{ cities(first: 100) { nodes { events { upcoming(first: 100) { id } } } } }"),
        400,
        "LIMIT_COST",
    ),
    "doubled fragments": (
        query('{ city(slug: "beckum") { ...F0 } } ' + DOUBLED + "fragment F24 on City { name }"),
        400,
        "LIMIT_FIELDS",
    ),
    "1,000 aliases": (query("{" + " ".join(f"a{n}: __typename" for n in range(1_000)) + "}"), 400, "LIMIT_ALIASES"),
    "field 3,000 times": (query("{" + "a " * 3_000 + "}"), 400, "LIMIT_FIELDS"),
    "200 levels": (query("{a" * 200 + "}" * 200), 400, "LIMIT_DEPTH"),
    "10,000 tokens": (query("{" + "a " * 10_000 + "}"), 400, "LIMIT_TOKENS"),
    "100 kilobytes of comments": (query("{ a } #" + "x" * 100_000), 400, "LIMIT_CHARACTERS"),
    "introspection in production": (query("{ __schema { types { name } } }"), 400, "GRAPHQL_VALIDATION_FAILED"),
    "year 9999": (
        query('{ city(slug: "beckum") { events { on(date: "9999-12-31") { id } } } }'),
        400,
        "BAD_INPUT",
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_hostile_body_is_refused_with_a_code(served: Server, name: str) -> None:
    body, status, code = BODIES[name]
    answer = post(served, body)
    assert (answer.status, answer.headers["content-type"].split(";")[0], answer.code) == (status, GRAPHQL, code)
    assert len(answer.body) < 30_000


def test_of_two_keys_of_one_name_the_last_counts(served: Server) -> None:
    answer = post(served, b'{"query": "{ nosuch }", "query": "{ __typename }"}')
    assert (answer.status, json.loads(answer.body)) == (200, {"data": {"__typename": "Query"}})


def test_refusal_names_the_limit_and_what_was_found_and_suggests_nothing(served: Server) -> None:
    error = json.loads(post(served, BODIES["1,000 aliases"][0]).body)["errors"][0]
    assert error == {
        "message": "1000 aliases, 60 are allowed",
        "extensions": {"code": "LIMIT_ALIASES", "limit": 60, "actual": 1_000},
    }
    unknown = json.loads(post(served, query('{ city(slug: "beckum") { nam } }')).body)["errors"][0]
    assert unknown["message"] == "Cannot query field 'nam' on type 'City'."


ADDRESSES = {
    "20 kilobytes": ("/graphql?query=" + "a" * 20_000, 414, "LIMIT_URL"),
    "broken percent encoding": ("/graphql?query=%zz%ff%", 400, "GRAPHQL_PARSE_FAILED"),
    "not UTF-8": ("/graphql?%ff=%ff", 400, "BAD_REQUEST"),
    "NUL": ("/graphql?query=%00", 400, "GRAPHQL_PARSE_FAILED"),
    "half a surrogate pair": ("/graphql?query=%ed%a0%80", 400, "GRAPHQL_PARSE_FAILED"),
    "half a list as variables": ("/graphql?query=%7B__typename%7D&variables=%5B", 400, "BAD_REQUEST"),
    "3,000 parameters": ("/graphql?" + "a=1&" * 3_000, 400, "BAD_REQUEST"),
    "nothing": ("/graphql", 400, "BAD_REQUEST"),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_hostile_address_is_refused_with_a_code(served: Server, name: str) -> None:
    path, status, code = ADDRESSES[name]
    answer = ask(served, "GET", path)
    assert (answer.status, answer.code) == (status, code)


def test_address_of_a_megabyte_and_a_huge_header_are_refused_by_the_server_itself(served: Server) -> None:
    address = ask(served, "GET", "/graphql?query=" + "a" * 1_000_000)
    header = ask(served, "GET", "/graphql", x_big="a" * 1_000_000)
    assert {(answer.status, answer.code) for answer in (address, header)} == {(431, "LIMIT_HEADER")}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_what_a_foreign_page_can_send_without_asking_is_refused(served: Server, kind: str) -> None:
    """These are the types of CORS-simple requests: a browser sends them across sites without a preflight."""
    headers = {"content_type": kind} if kind else {}
    answer = ask(served, "POST", "/graphql", query("{ __typename }"), origin="https://evil.example", **headers)
    assert (answer.status, answer.code) == (415, "BAD_REQUEST")
    assert "access-control-allow-origin" not in answer.headers


def test_get_never_changes_anything(served: Server) -> None:
    answer = ask(served, "GET", "/graphql?query=" + quote("subscription { x }"))
    assert answer.status in (400, 405)
    for method in ("PUT", "DELETE", "PATCH"):
        assert ask(served, method, "/graphql").status == 405


HOSTILE = ("%00", "%0d%0ax", "%FF", "%F0%9F%92%A5", "..%2Fx", "a" * 3_000, "9" * 25, "musterstadt")
QUERY = "?" + "&".join(
    f"{name}=%00" for name in ("q", "since", "after", "key", "until", "state", "page", "service_code")
)
FORMS = {
    "multipart/form-data": b"",
    "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: a; name="',
    "": b"\xff",
}


def test_nothing_in_an_address_or_a_form_is_a_fault_of_ours(served: Server, tmp_path: Path) -> None:
    """Each parameter of each route there is, the desk's and those of plugins' documents included."""
    database = f"sqlite:///{tmp_path / 'none.sqlite'}"
    logging = structlog.get_config()
    front: Any = create_app(Settings(database=database, key_file=tmp_path / "key", files=str(tmp_path))).app
    structlog.configure(**logging)
    faults = set()
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    routes = [route for route in front.app.routes if isinstance(route, HTTPRoute)]
    assert len(routes) > 50
    for route in routes:
        parts = re.findall(r"\{[^}]*\}", route.path)
        for value, place in product(HOSTILE if parts else ("",), range(max(1, len(parts)))):
            path = route.path
            for number, part in enumerate(parts):
                path = path.replace(part, value if number == place else "x" if number else "musterstadt", 1)
            for kind, body in (("GET", None), *FORMS.items()):
                method = "POST" if body is not None else kind
                if method in route.methods:
                    connection.request(method, path + QUERY, body, {} if body is None else {"content-type": kind})
                    response = connection.getresponse()
                    response.read()
                    if response.status >= 500:
                        faults.add((method, route.path, value[:10], kind))
    connection.close()
    assert faults == set()


@pytest.mark.parametrize(
    "path", ["/", "/musterstadt", "/nosuch", "/graphql", "/schema.graphql", "/static/allmende.css", "/a/b/c"]
)
def test_every_answer_carries_security_headers(served: Server, path: str) -> None:
    headers = ask(served, "GET", path, accept="text/html").headers
    assert headers["x-content-type-options"] == "nosniff"
    if path != "/graphql":
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "referrer-policy" in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:80", "[::2]", "a" * 300, "x@localhost"]
)
def test_foreign_host_is_refused_and_never_echoed(served: Server, host: str) -> None:
    for path in ("/", "/graphql?query={__typename}"):
        answer = ask(served, "GET", path, host=host)
        assert (answer.status, answer.code) == (421, "UNKNOWN_HOST")
        assert host.encode() not in answer.body + str(answer.headers).encode()


@pytest.mark.parametrize(
    "host", ["api.example", "API.example:8080", "app.musterstadt.example", "localhost", "[::1]:80"]
)
def test_known_host_is_answered(served: Server, host: str) -> None:
    assert ask(served, "GET", "/graphql?query={__typename}", host=host).status == 200


def raw(server: Server, *parts: bytes, pause: float = 0.0, seconds: float = 120.0) -> tuple[bytes, float]:
    """Send bytes as they are; what comes back until the server closes the connection, and after how long."""
    address, port = server.url.removeprefix("http://").split(":")
    began = time.monotonic()
    with socket.create_connection((address, int(port)), timeout=seconds) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        answer = b""
        while received := connection.recv(65_536):
            answer += received
    return answer, time.monotonic() - began


HEAD = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
NONSENSE = {
    "no host": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"400"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", b"400"),
    "chunks of nonsense": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc", b"400"),
    "two lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", b"400"),
    "negative length": (HEAD + b"Content-Length: -1\r\n\r\n", b"400"),
    "200 headers": (HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n", b"431"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_is_no_http_is_refused_and_the_connection_closed(served: Server, name: str) -> None:
    sent, status = NONSENSE[name]
    answer, _ = raw(served, sent)
    assert answer.split(b" ")[:2] == [b"HTTP/1.1", status]


def test_body_that_never_comes_is_given_up_and_others_are_answered_meanwhile(served: Server) -> None:
    with ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(raw, served, HEAD + b'Content-Length: 100\r\n\r\n{"query"') for _ in range(19)]
        time.sleep(0.5)
        assert post(served, query("{ __typename }")).status == 200
        ended = [one.result() for one in slow]
    assert {answer.split(b"\r\n")[0] for answer, _ in ended} == {b"HTTP/1.1 408 Request Timeout"}
    assert all(9 < seconds < 60 for _, seconds in ended)


def test_client_that_asks_too_often_is_told_when_to_come_again(served: Server) -> None:
    """By the address that the trusted proxy names; what clients put before it does not help them."""
    heavy = query('{ cities(first: 100, search: "nowhere") { nodes { events { upcoming(first: 80) { id } } } } }')
    codes: list[Any] = []
    for number in range(400):
        answer = post(served, heavy, x_forwarded_for=f"10.9.{number // 200}.{number % 200}, 203.0.113.7")
        codes.append(answer.status)
        if answer.status == 429:
            break
    assert codes[0] == 200
    assert (codes[-1], answer.code) == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert post(served, query("{ __typename }"), x_forwarded_for="203.0.113.8").status == 200


def test_after_all_of_this_nothing_unmasked_is_in_the_log_but_what_was_masked_is(served: Server) -> None:
    log = served.log.read_text()
    assert "Traceback" not in log
    assert "evil.example" not in log
