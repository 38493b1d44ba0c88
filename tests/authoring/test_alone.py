"""`allmende plugin test`: nothing but this machine is reached, and no other plugin is there."""

from __future__ import annotations

from .conftest import Workshop

NETWORK = """
import socket
import urllib.request
import pytest
from allmende.testing.alone import NetworkBlocked


def test_outside():
    with pytest.raises(NetworkBlocked, match="a test wanted to reach '192.0.2.1': tests run without a network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_names_are_not_even_looked_up():
    with pytest.raises(NetworkBlocked, match="city.example"):
        urllib.request.urlopen("http://city.example/feed.json", timeout=1)


def test_datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, pytest.raises(NetworkBlocked):
        udp.sendto(b"x", ("192.0.2.1", 53))


def test_this_machine():
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())


async def test_async_too():
    import asyncio
    with pytest.raises(NetworkBlocked):
        await asyncio.open_connection("192.0.2.1", 80)


def test_a_plugin_that_asks_outside_fails():
    urllib.request.urlopen("http://192.0.2.1/", timeout=1)
"""


def test_outside_connections_fail_with_a_clear_message_and_local_ones_work(workshop: Workshop) -> None:
    workshop.minimal("kerb")
    (workshop.folder / "tests/plugins/kerb/test_network.py").write_text(NETWORK)
    code, output = workshop.run("plugin", "test", "kerb", "-k", "network")
    assert (code, "1 failed, 5 passed" in output) == (1, True), output
    assert "Put what the server answers into a file under payloads/ and replay it" in output


def test_a_plugin_that_needs_another_one_is_caught(workshop: Workshop) -> None:
    workshop.minimal("kerb")
    workshop.minimal("lamp")
    assert workshop.run("plugin", "test", "kerb")[0] == 0
    workshop.change("kerb/__init__.py", "import strawberry\n", "import strawberry\nimport plugins.lamp\n")
    code, output = workshop.run("plugin", "test", "kerb")
    assert code != 0
    assert "kerb (or its test) imports plugins.lamp: plugins never import each other" in output


def test_only_the_one_plugin_is_installed(workshop: Workshop) -> None:
    workshop.minimal("kerb")
    workshop.minimal("lamp")
    test = 'async def test_alone(town):\n    assert list(town.instance.registry.plugins) == ["kerb"]\n'
    (workshop.folder / "tests/plugins/kerb/test_only.py").write_text(test)
    code, output = workshop.run("plugin", "test", "kerb", "-k", "test_only")
    assert (code, "2 passed" in output) == (0, True), output


def test_an_unknown_plugin_or_one_without_tests_says_so(workshop: Workshop) -> None:
    workshop.minimal("kerb")
    assert "unknown plugin `kreb` (did you mean `kerb`?)" in workshop.run("plugin", "test", "kreb")[1]
    workshop.minimal("lamp")
    for path in (workshop.folder / "tests/plugins/lamp").iterdir():
        path.unlink()
    (workshop.folder / "tests/plugins/lamp").rmdir()
    assert "there are no tests in tests/plugins/lamp" in workshop.run("plugin", "test", "lamp")[1]
