"""The door: who may come in, how often, how many at once; and what becomes of those who do not wait."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from allmende.errors import ConfigError
from allmende.gate.buckets import Buckets
from allmende.gate.door import Door
from allmende.gate.hall import Hall
from allmende.gate.rules import Rules, Turned
from allmende.gate.visitor import LOCAL, Visitors
from allmende.testing import make_city

from tests.standstill import largest_stretch

CITY = make_city("altdorf", hosts=("app.altdorf.example",), cors=("https://www.altdorf.example",))
OTHER = make_city("neudorf", hosts=("neudorf.example",), cors=("https://neudorf.example", "https://news.example:8443"))
CITIES = SimpleNamespace(
    by_slug={"altdorf": CITY, "neudorf": OTHER}, by_host={"app.altdorf.example": CITY, "neudorf.example": OTHER}
)


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An application that echoes the body that it gets."""
    message = await receive() if scope["method"] == "POST" else {"body": b"ok"}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": message["body"]})


def door(app: Any = answer, **options: Any) -> Door:
    return Door(app, lambda: CITIES, production=True, hosts="api.example", **options)


async def ask(
    door: Door,
    method: str = "GET",
    *,
    path: str = "/graphql",
    peer: str = "203.0.113.7",
    body: tuple[Any, ...] = (),
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    end = {"type": "http.request", "body": b"", "more_body": False}
    queue = iter([*messages, end])

    async def receive() -> Any:
        message = next(queue, None)
        if message is None or message.get("body") is None:
            await asyncio.sleep(3600)
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"host": "api.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "client": (peer, 50_000),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    await door(scope, receive, send)
    start, content = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, content["body"]


def code(content: bytes) -> str:
    return str(json.loads(content)["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize(
    ("host", "peer", "status"),
    [
        ("api.example", "203.0.113.7", 200),
        ("NEUDORF.example:443", "203.0.113.7", 200),
        ("other.example", "203.0.113.7", 421),
        ("api.example:80@evil.example", "203.0.113.7", 421),
        ("api.example:evil.example", "203.0.113.7", 421),
        ("api.example:\u00b2", "203.0.113.7", 421),
        ("[::1].evil.example", "::1", 421),
        ("localhost", "203.0.113.7", 421),
        ("localhost:8000", "127.0.0.1", 200),
        ("[::1]:8000", "::1", 200),
    ],
)
async def test_host_is_one_of_a_city_or_of_the_instance(host: str, peer: str, status: int) -> None:
    assert (await ask(door(), host=host, peer=peer))[0] == status


@pytest.mark.parametrize("path", ["/static/\0", "/altdorf/login\r\n", "/\x85", "/a\x1bb"])
async def test_no_address_holds_control_characters(path: str) -> None:
    status, _, content = await ask(door(), path=path)
    assert (status, code(content)) == (400, "BAD_REQUEST")


async def test_in_development_local_names_are_known_from_everywhere() -> None:
    open_ = Door(answer, lambda: CITIES)
    assert (await ask(open_, host="localhost:8000"))[0] == 200
    assert (await ask(open_, host="evil.example"))[0] == 421


async def test_hosts_follow_the_cities_when_they_are_read_again() -> None:
    cities = [SimpleNamespace(by_slug={}, by_host={})]
    changing = Door(answer, lambda: cities[0], production=True)
    assert (await ask(changing, host="neudorf.example"))[0] == 421
    cities[0] = CITIES
    assert (await ask(changing, host="neudorf.example"))[0] == 200


async def test_what_is_known_of_a_head_counts_for_this_load_of_the_cities_and_for_who_asks_from_here() -> None:
    """The connection gives the same `known` to all requests with the same head."""

    class Kept:
        def at_once(self, scope: Any, headers: Any) -> Any:
            return 200, (), b"kept"

    cities = [CITIES]
    open_ = Door(Kept(), lambda: cities[0], production=True)  # type: ignore[arg-type] # it answers at once only
    heads: dict[str, dict[str, Any]] = {"localhost": {}, "neudorf.example": {}}

    def take(host: str, peer: str = "203.0.113.7") -> Any:
        named = {b"host": host.encode()}
        scope = {"type": "http", "method": "GET", "path": "/graphql", "query_string": b"", "client": (peer, 1)}
        known = {"headers": list(named.items()), "allmende.headers": named, "allmende.known": heads[host]}
        return open_.at_once(scope | known)

    for _ in range(2):
        assert take("localhost", "127.0.0.1") == (200, (), b"kept")
        assert take("localhost") is None, "this name is known to who asks from here only"
        assert take("neudorf.example") == (200, (), b"kept")
    cities[0] = SimpleNamespace(by_slug={}, by_host={})
    assert take("neudorf.example") is None
    cities[0] = CITIES
    assert take("neudorf.example") == (200, (), b"kept")


async def test_those_who_watch_over_the_instance_need_no_host_and_no_room() -> None:
    assert (await ask(door(rules=Rules(slots=0, queue=0)), path="/health", host="10.0.0.5"))[0] == 200


async def test_no_client_takes_the_places_of_all_others() -> None:
    here = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await here.wait()
        await answer(scope, receive, send)

    inside = door(slow)
    greedy = [asyncio.create_task(ask(inside, peer="198.51.100.1")) for _ in range(100)]
    await asyncio.sleep(0)
    other = asyncio.create_task(ask(inside, peer="203.0.113.7"))
    await asyncio.sleep(0)
    assert (inside.hall.inside, inside.hall.waiting) == (Rules().per_client + 1, 0)
    here.set()
    assert (await other)[0] == 200
    assert sorted(status for status, _, _ in await asyncio.gather(*greedy)) == [200] * 48 + [429] * 52


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("app.altdorf.example", "https://www.altdorf.example", True),
        ("app.altdorf.example", "https://neudorf.example", False),
        ("neudorf.example", "https://news.example:8443", True),
        ("neudorf.example", "https://news.example", False),
        ("api.example", "https://www.altdorf.example", True),
        ("api.example", "https://evil.example", False),
        ("api.example", "null", False),
    ],
)
async def test_pages_of_an_origin_may_ask_where_the_city_says_so(host: str, origin: str, allowed: bool) -> None:
    status, headers, _ = await ask(door(), host=host, origin=origin)
    assert (status, headers.get("access-control-allow-origin")) == (200, origin if allowed else None)
    # Whatever a CDN has kept for a phone, it must ask again for a page, which could not read that.
    for asking in ({}, {"origin": origin}):
        assert (await ask(door(), host=host, path="/schema.graphql", **asking))[1]["vary"] == "Origin"
    status, headers, content = await ask(
        door(), "OPTIONS", host=host, origin=origin, access_control_request_method="POST"
    )
    if allowed:
        assert (status, headers["access-control-allow-methods"]) == (204, "GET, POST, PUT, DELETE")
        assert "Content-Type" in headers["access-control-allow-headers"]
        assert headers["access-control-allow-origin"] == origin
    else:
        assert (status, code(content), "access-control-allow-origin" in headers) == (403, "ORIGIN", False)
    assert "access-control-allow-credentials" not in headers


async def test_refusals_can_be_read_by_the_pages_that_may_ask() -> None:
    full = door(rules=Rules(slots=0, queue=0))
    status, headers, content = await ask(full, origin="https://www.altdorf.example")
    assert (status, code(content), headers["retry-after"]) == (503, "OVERLOADED", "1")
    assert headers["access-control-allow-origin"] == "https://www.altdorf.example"


async def test_body_is_handed_on_whole_and_limited_by_what_really_comes() -> None:
    small = door(rules=Rules(body=10))
    assert (await ask(small, "POST", body=(b"12345", b"67890")))[2] == b"1234567890"
    for headers, body in (
        ({"content_length": "11"}, ()),
        ({}, (b"123456", b"78901")),
        ({"content_length": "2"}, (b"x" * 11,)),
    ):
        status, _, content = await ask(small, "POST", body=body, **headers)
        assert (status, code(content)) == (413, "LIMIT_BODY")
    assert small.vault.held == 0


async def test_all_bodies_together_are_limited_too() -> None:
    small = door(rules=Rules(body=100, bodies=150, body_seconds=0.2))
    slow = [asyncio.create_task(ask(small, "POST", body=(b"x" * 90, None))) for _ in range(2)]
    statuses = sorted([(await one)[0] for one in slow])
    assert (statuses, small.vault.held) == ([408, 503], 0)


async def test_client_may_come_again_after_the_time_that_it_is_told() -> None:
    now = [100.0]
    buckets = Buckets(Rules(rate=2, burst=3, clients=2), clock=lambda: now[0])
    for _ in range(3):
        buckets.take("a")
    with pytest.raises(Turned) as caught:
        buckets.take("a")
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
    now[0] += 0.5
    buckets.take("a")
    buckets.charge("a", 10_000)  # ten requests' worth: no more than a burst is owed
    with pytest.raises(Turned) as caught:
        buckets.take("a")
    assert caught.value.headers == {"Retry-After": "2"}
    for client in "bcd":
        buckets.take(client)
    assert len(buckets) == 2


async def test_rate_and_number_at_once_are_limited_per_client_and_not_on_this_machine() -> None:
    strict = door(rules=Rules(burst=2, rate=0.001))
    assert [(await ask(strict))[0] for _ in range(3)] == [200, 200, 429]
    assert [(await ask(strict, peer="203.0.113.8"))[0] for _ in range(3)] == [200, 200, 429]
    assert {(await ask(strict, peer="127.0.0.1"))[0] for _ in range(5)} == {200}
    waiting = asyncio.Event()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await waiting.wait()
        await answer(scope, receive, send)

    busy = door(wait, rules=Rules(per_client=2))
    first = [asyncio.create_task(ask(busy)) for _ in range(2)]
    await asyncio.sleep(0)
    status, _, content = await ask(busy)
    assert (status, code(content)) == (429, "RATE_LIMITED")
    waiting.set()
    assert [(await one)[0] for one in first] == [200, 200]
    assert (await ask(busy))[0] == 200
    assert busy.busy == {}


async def test_who_finds_no_room_waits_in_order_and_not_for_ever() -> None:
    served: list[str] = []
    turn = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        served.append(scope["client"][0])
        await turn.wait()
        await answer(scope, receive, send)

    small = door(slow, rules=Rules(slots=1, queue=2, patience=1.5))
    tasks = [asyncio.create_task(ask(small, peer=f"203.0.113.{n}")) for n in (1, 2, 3)]
    await asyncio.sleep(0.01)
    assert (small.hall.inside, small.hall.waiting, served) == (1, 2, ["203.0.113.1"])
    assert (await ask(small, peer="203.0.113.4"))[0] == 503
    tasks[1].cancel()
    assert (await tasks[2])[0] == 503
    turn.set()
    assert (await tasks[0])[0] == 200
    assert (small.hall.inside, small.hall.waiting) == (0, 0)


async def test_work_that_never_waits_leaves_turns_of_the_loop_to_others_however_much_there_is() -> None:
    """Of an embedded database: a thousand at once were one turn of the loop, and the watchdog ended the worker."""

    async def work(scope: Any, receive: Any, send: Any) -> None:
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        await answer(scope, receive, send)

    busy = door(work, rules=Rules(patience=60))
    asked = [ask(busy, peer=f"203.0.113.{n}") for n in range(100)]
    statuses: list[int] = []

    async def all_of_them() -> None:
        statuses.extend(status for status, _, _ in await asyncio.gather(*asked))

    assert await largest_stretch(all_of_them()) < 0.4
    assert set(statuses) == {200}
    assert (busy.hall.inside, busy.hall.waiting) == (0, 0)


async def test_who_gives_up_just_when_it_is_passed_over_is_told_that_it_is_full() -> None:
    hall = Hall(Rules(slots=1, patience=0.01))
    await hall.enter()
    waiting = [asyncio.create_task(hall.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.01, hall.leave)
    time.sleep(0.05)  # noqa: ASYNC251 (their time is over in the same turn of the loop as the place is free)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {getattr(outcome, "status", None) for outcome in outcomes} == {503}
    assert (hall.inside, hall.waiting) == (0, 0)
    await hall.enter()


async def test_work_for_a_client_that_has_gone_is_ended() -> None:
    ended: list[str] = []
    here, sent = asyncio.Event(), []

    async def work(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def receive() -> Any:
        await here.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    small = door(work, rules=Rules(notice=0.05))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/graphql",
        "query_string": b"",
        "client": ("203.0.113.7", 1),
        "headers": [(b"host", b"api.example")],
    }
    task = asyncio.create_task(small(scope, receive, send))
    await asyncio.sleep(0.2)
    assert ended == []
    here.set()
    await asyncio.wait_for(task, 60)
    assert (ended, sent, small.hall.inside, small.busy) == (["cancelled"], [], 0, {})


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        ("", "203.0.113.7", None, "203.0.113.7"),
        ("", "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("", "127.0.0.1", "198.51.100.1", LOCAL),
        ("127.0.0.1", "127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "127.0.0.1", None, LOCAL),
        ("10.0.0.0/8", "10.1.2.3", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", "10.1.1.1", "10.1.1.1"),
        ("10.0.0.0/8, ::1", "::1", "[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "198.51.100.1:5000", "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", "nonsense", "unknown"),
        ("10.0.0.0/8", "", "198.51.100.1", "unknown"),
    ],
)
def test_client_is_known_by_the_last_address_that_no_trusted_proxy_has(
    proxies: str, peer: str, forwarded: str | None, client: str
) -> None:
    assert Visitors(proxies).client(peer, forwarded) == client


def test_wrong_proxies_are_named_with_the_setting() -> None:
    with pytest.raises(ConfigError, match=r"ALLMENDE_PROXIES: .* expected addresses and networks"):
        Visitors("10.0.0.0/8, nginx")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://evil.example", False), ("https://www.altdorf.example", True), ("https://api.example", True)],
)
async def test_websockets_are_opened_by_known_pages_only(origin: str, allowed: bool) -> None:
    sent: list[Any] = []

    async def accept(scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
        await send({"type": "websocket.accept"})

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    headers = [(b"host", b"api.example"), (b"origin", origin.encode())]
    scope = {
        "type": "websocket",
        "path": "/graphql",
        "query_string": b"",
        "client": ("203.0.113.7", 1),
        "headers": headers,
    }
    await door(accept)(scope, receive, send)
    # The code of a refusal reaches the page only on a connection that was opened, and is closed at once.
    assert sent == (["websocket.accept"] if allowed else ["websocket.accept", "websocket.close"])


async def test_a_websocket_that_comes_too_often_is_told_when_to_come_again() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "query_string": b"",
        "client": ("203.0.113.7", 1),
        "headers": [(b"host", b"api.example")],
    }

    async def receive() -> Any:
        raise AssertionError("nothing is read of whom the door turns away")

    await door(rules=Rules(burst=0))(scope, receive, send)
    start, body = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 429)
    assert dict(start["headers"])[b"retry-after"] == b"1"
    assert code(body["body"]) == "RATE_LIMITED"


async def test_what_has_arrived_as_a_whole_is_answered_by_the_same_rules() -> None:
    working, ready = 0, asyncio.Event()

    class Inside:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await answer(scope, receive, send)

        async def directly(self, scope: Any, headers: Any, body: bytes) -> Any:
            nonlocal working
            working += 1
            try:
                await ready.wait()
            finally:
                working -= 1
            return 200, (), scope["allmende.client"].encode() + b" " + body

    rules = Rules(burst=6, rate=0.001, per_client=2, slots=3, queue=1, patience=0.2, body=10)
    inside = door(Inside(), rules=rules)

    def take(path: str = "/graphql", peer: str = "203.0.113.7", body: bytes = b"ok", **headers: bytes) -> Any:
        named = {b"host": b"api.example", **{name.encode(): value for name, value in headers.items()}}
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "client": (peer, 1)}
        return inside.directly(scope | {"headers": list(named.items()), "allmende.headers": named}, body)

    async def refused(given: Any) -> tuple[int, str]:
        status, fields, body = await given
        assert (b"cache-control", b"no-store") in fields
        return status, code(body)

    assert take(path="/desk") is None
    assert take(origin=b"https://news.example") is None
    assert await refused(take(host=b"elsewhere.example")) == (421, "UNKNOWN_HOST")
    assert await refused(take(body=bytes(11))) == (413, "LIMIT_BODY")

    first = [asyncio.create_task(take()) for _ in range(2)]
    await asyncio.sleep(0)
    assert await refused(take()) == (429, "RATE_LIMITED"), "two at once are as many as a client may have"
    others = [asyncio.create_task(take(peer="127.0.0.1")) for _ in range(2)]
    await asyncio.sleep(0)
    assert (working, inside.hall.waiting) == (3, 1)
    assert await refused(take(peer="127.0.0.1")) == (503, "OVERLOADED")
    assert await refused(others[1]) == (503, "OVERLOADED"), "it has waited for long enough"
    others[0].cancel()  # as the connection does whose client has gone
    with pytest.raises(asyncio.CancelledError):
        await others[0]
    ready.set()
    assert await first[0] == (200, (), b"203.0.113.7 ok")
    await first[1]
    assert (working, inside.hall.inside, inside.busy) == (0, 0, {})

    assert [(await take())[0] for _ in range(2)] == [200] * 2
    assert await refused(take()) == (429, "RATE_LIMITED"), "its bucket is empty"


async def test_what_is_ready_is_given_by_the_same_rules() -> None:
    """At once, for who may have it; who may not is left to the ordinary way, which says why."""

    class Kept:
        def at_once(self, scope: Any, headers: Any) -> Any:
            return 200, (), b"kept"

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await answer(scope, receive, send)

    inside = door(Kept(), rules=Rules(burst=2, rate=0.001))

    def take(path: str = "/graphql", peer: str = "203.0.113.7", **headers: bytes) -> Any:
        named = {b"host": b"api.example", **{name.encode(): value for name, value in headers.items()}}
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "client": (peer, 1)}
        return inside.at_once(scope | {"headers": list(named.items()), "allmende.headers": named})

    assert take() == (200, (), b"kept")
    assert take(host=b"elsewhere.example") is None
    assert take(origin=b"https://news.example") is None
    assert take(path="/desk") is None
    assert take() == (200, (), b"kept")
    assert take() is None  # its bucket is empty, as the ordinary way finds too
    assert (await ask(inside))[0] == 429
    assert [take(peer="127.0.0.1") for _ in range(5)] == [(200, (), b"kept")] * 5
    assert door().at_once({"path": "/graphql", "allmende.headers": {}}) is None
