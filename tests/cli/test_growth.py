"""A plugin leaks: workers that have grown too large are replaced one by one, and nobody who asks notices."""

from __future__ import annotations

import json
import threading
from collections import Counter
from itertools import count
from pathlib import Path
from urllib.request import Request, urlopen

from tests.cli.test_serve import needs_proc
from tests.cli.test_work import CITY, MANIFEST, write
from tests.server import clean_environment, eventually, running, workers
from tests.warm import allmende

LEAK = """
import strawberry
from allmende import PUBLIC, CityModule, Plugin, field

KEPT = []

@strawberry.type
class Sieve(CityModule):
    @field(visible=PUBLIC, description="Keeps two megabytes each time.")
    def leak(self, number: int) -> int:
        KEPT.append(bytearray(b"x" * 2_000_000))
        return number

plugin = Plugin(name="sieve", city_field=Sieve)
"""


@needs_proc
def test_workers_that_have_grown_too_large_are_replaced_and_no_request_fails(tmp_path: Path) -> None:
    write(tmp_path / "cities/adorf/city.toml", CITY)
    write(tmp_path / "cities/adorf/plugins/sieve.toml", "")
    write(tmp_path / "plugins/sieve/__init__.py", LEAK)
    write(tmp_path / "plugins/sieve/plugin.toml", MANIFEST)
    environ = {f"ALLMENDE_{name.upper()}": str(tmp_path / name) for name in ("cities", "plugins")}
    environ |= {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'x.sqlite'}", "ALLMENDE_WORKER_MEMORY": "260"}
    environ |= {"ALLMENDE_PRODUCTION": "true"}
    allmende("db", "upgrade", environ=clean_environment(**environ), check=True)
    numbers, over = count(), threading.Event()
    answers = Counter[str]()

    def ask(url: str) -> None:
        while not over.is_set():
            number = next(numbers)  # so that no answer is a kept one
            body = json.dumps({"query": f'{{ city(slug: "adorf") {{ sieve {{ leak(number: {number}) }} }} }}'})
            try:
                request = Request(f"{url}/graphql", body.encode(), {"content-type": "application/json"})
                with urlopen(request, timeout=60) as response:
                    answer = json.load(response)
            except OSError as error:
                answers[repr(error)] += 1
            else:
                good = answer == {"data": {"city": {"sieve": {"leak": number}}}}
                answers["good" if good else str(answer)] += 1

    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        eventually(lambda: len(workers(server.process)) == 2)
        first = workers(server.process)
        asking = [threading.Thread(target=ask, args=[server.url]) for _ in range(3)]
        for thread in asking:
            thread.start()
        eventually(lambda: not {*first} & {*workers(server.process)})
        over.set()
        for thread in asking:
            thread.join()
        told = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [*answers] == ["good"], answers
    grown = {line["pid"]: line for line in told if line["event"] == "worker_grew"}
    assert {*first} <= {*grown}
    assert all(line["most"] == 260 < line["megabytes"] >= line["at_first"] for line in grown.values())
    assert "worker_ended" not in {line["event"] for line in told}
