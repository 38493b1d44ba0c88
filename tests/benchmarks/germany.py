"""One deployment with every municipality of Germany, beside one with the six example cities: `make germany`.

Both serve from one PostgreSQL with the example cities' data in it, so that the only difference are the folders.
`ARGS="--write"` puts the result into docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from allmende.city.new import slug_of, write_city
from allmende.city.register import read_coordinates, read_register

from . import postgresql, report
from .scratch import ROOT, SCRATCH, Missing, say

DATA = ROOT / "../shared/data/municipalities"
BEGIN, END = "<!-- germany: begin -->", "<!-- germany: end -->"
PLUGINS = ("events", "news", "places", "waste")
SOURCES = {
    "events": '[[sources]]\nid = "kalender"\nkind = "ical"\nurl = "https://www.{slug}.example/kalender.ics"\n',
    "news": '[[sources]]\nid = "rathaus"\nkind = "feed"\nurl = "https://www.{slug}.example/feed.xml"\n\n'
    '[[sources]]\nid = "presse"\nkind = "jsonfeed"\nurl = "https://www.{slug}.example/presse.json"\n',
}
"""What the module's file holds in a generated city, besides its defaults; every third city writes its own."""
ASKED = 150
"""Requests of each kind to each of the two."""
HOME = (ROOT / "clients/allmende-app/1.0/Home.graphql").read_text(encoding="utf-8")
NODES = "{ nodes { slug name kreis position { lat lon } } }"
QUERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "city(slug)": ("query($city: String!) { city(slug: $city) { name ars population } }", {"city": "dortmund"}),
    "cities(near), the nearest 5": ("{ cities(near: {lat: 51.9, lon: 8.4}, first: 5) " + NODES + " }", {}),
    "cities(search), the first": ('{ cities(search: "b", first: 1) ' + NODES + " }", {}),
    "cities(near), 20 (of 6: all)": ("{ cities(near: {lat: 51.9, lon: 8.4}, first: 20) " + NODES + " }", {}),
    "cities(search), 20 (of 6: one)": ('{ cities(search: "b", first: 20) ' + NODES + " }", {}),
    "Home": (HOME, {"city": "dortmund", "lat": 51.51, "lon": 7.46, "street": "Kampstraße"}),
}
PAGES = ("/", "/health/ready")


class Row(NamedTuple):
    what: str
    six: str
    all: str
    aim: str


def generate(folder: Path) -> int:
    """The example cities, and a folder for every other municipality of the register; how many folders there are."""
    if not DATA.is_dir():
        raise Missing("the register of municipalities (../shared/data/municipalities) is not here")
    shutil.copytree(ROOT / "cities", folder)
    there = {path.parent.name for path in folder.glob("[!_]*/city.toml")}
    keys = {line for slug in there for line in (folder / slug / "city.toml").read_text().splitlines() if "ags" in line}
    coordinates = read_coordinates(DATA / "AuszugGV4QAktuell_koordinaten.csv")
    for number, found in enumerate(read_register(DATA / "GV100AD_31082025.txt")):
        if f'ags = "{found.ags}"' in keys:
            continue
        slug = slug_of(found.name)[:50].strip("-")
        slug = f"{slug}-{found.ags}" if slug in there else slug
        there.add(slug)
        on = [name for index, name in enumerate(PLUGINS) if (number + index) % 4]
        position = coordinates.get(found.ags, (51.0, 10.0))
        write_city(folder, found, slug=slug, position=position, defaults={}, plugins=on)
        for name in on if number % 3 == 0 else ():
            if name in SOURCES:
                (folder / slug / "plugins" / f"{name}.toml").write_text(SOURCES[name].format(slug=slug))
    return len(there)


class Instance:
    """One deployment: its cities, its cache, and a server while it runs."""

    def __init__(self, cities: Path, database: str) -> None:
        self.cities, self.database = cities, database
        self.port = postgresql._free_port()
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120)

    @property
    def environ(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("ALLMENDE_")}
        own = {"CITIES": str(self.cities), "DATABASE": self.database, "CACHE": str(self.cities.with_suffix(".cache"))}
        return clean | {f"ALLMENDE_{key}": value for key, value in own.items()}

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).parent / "allmende"), *arguments]

    def run(self, *arguments: str) -> float:
        """Seconds that the command takes."""
        started = time.monotonic()
        subprocess.run(self.command(*arguments), cwd=ROOT, env=self.environ, check=True, capture_output=True)
        return time.monotonic() - started

    @contextmanager
    def serving(self) -> Iterator[str]:
        """A server with one worker; yields how long it took from its start to its first answer."""
        started = time.monotonic()
        command = self.command("serve", "--workers", "1", "--port", str(self.port))
        with self.cities.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=log, stderr=log)
        try:
            while True:
                if process.poll() is not None:
                    raise Missing(f"the server ended; see {log.name}")
                try:
                    self.ask('{ city(slug: "dortmund") { name } }', {})
                except httpx2.TransportError:
                    time.sleep(0.02)
                else:
                    break
            self.process = process
            yield f"{time.monotonic() - started:.1f} s ({self.processor_seconds():.1f} s CPU)"
        finally:
            process.terminate()
            process.wait(timeout=30)

    def ask(self, query: str, variables: dict[str, Any]) -> Any:
        body = self.client.post("/graphql", json={"query": query, "variables": variables}).json()
        if "errors" in body:
            raise Missing(f"the server answered with {body['errors']}")
        return body["data"]

    def workers(self) -> list[str]:
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()

    def processor_seconds(self) -> float:
        """What the server and its worker have taken so far; other processes of the machine hardly disturb it."""
        stats = [
            Path(f"/proc/{one}/stat").read_text().split(")")[1].split() for one in [self.process.pid, *self.workers()]
        ]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Proportional set size of the worker, and of the process that it was forked from."""
        return sum(_pss(one) for one in [str(self.process.pid), *self.workers()])

    def reload(self, number: int) -> float:
        """Milliseconds from an edit of one folder until an answer shows it."""
        path = self.cities / "beckum" / "city.toml"
        lines = path.read_text().splitlines()
        lines = [f"population = {number}" if line.startswith("population =") else line for line in lines]
        started = time.perf_counter()
        path.write_text("\n".join(lines) + "\n")
        while self.ask('{ city(slug: "beckum") { population } }', {})["city"]["population"] != number:
            if time.perf_counter() - started > 20:
                raise Missing("a change of a folder was not seen within 20 s")
        return (time.perf_counter() - started) * 1000


def _pss(process: str) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def in_turn(pair: tuple[Instance, Instance], work: Callable[[Instance], Any], times: int) -> list[list[float]]:
    """The same work on both, alternately, so that what else the machine does hits both."""
    for instance in pair:
        work(instance)
    taken: list[list[float]] = [[], []]
    for _ in range(times):
        for instance, list_ in zip(pair, taken, strict=True):
            list_.append(milliseconds(lambda instance=instance: work(instance)))  # type: ignore[misc]
    return taken


def shown(taken: list[float]) -> str:
    ordered = sorted(taken)
    return f"{statistics.median(ordered):.1f} / {ordered[int(len(ordered) * 0.95)]:.1f} ms"


def timetable(instance: Instance) -> str:
    """What the scheduler of imports needs for one look at what is due, and for all cities, part by part."""
    code = (
        "import asyncio, time\n"
        "from allmende.cli.feeds import open_house\n"
        "from allmende.jobs.tasks import Rounds\n"
        "from allmende.settings import load_settings\n"
        "async def main():\n"
        "    async with open_house(load_settings()) as house:\n"
        "        rounds, count, taken = Rounds(house), 0, []\n"
        "        _, parts = await rounds.look()\n"
        "        for _ in range(parts):\n"
        "            started = time.process_time()\n"
        "            count += len((await rounds.look())[0])\n"
        "            taken.append((time.process_time() - started) * 1000)\n"
        "        print(round(sum(taken) / parts, 1), parts, count)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=instance.environ, capture_output=True, text=True, check=True
    )
    took, parts, count = done.stdout.split()[-3:]
    return f"{took} ms × {parts} ({count} due)"


def measure(folder: Path, server: postgresql.Server) -> Iterator[Row]:
    """All figures, row by row."""
    if "germany" not in server.databases():
        server.execute("CREATE DATABASE germany")
    six, all_ = (Instance(folder / name, server.url("germany")) for name in ("six", "germany"))
    shutil.copytree(ROOT / "cities", six.cities)
    say("writing the folders …")
    count = generate(all_.cities)
    say(f"{count} cities; importing the example cities …")
    six.run("db", "upgrade")
    six.run("import")
    yield Row("cities", "6", f"{count:,}", "")
    with six.serving() as small:
        pass
    with all_.serving() as first:
        pass
    yield Row("start to first answer, nothing kept from before", small, first, "")
    with ExitStack() as stack:
        starts = [stack.enter_context(instance.serving()) for instance in (six, all_)]
        yield Row("start to first answer", *starts, "under 5 s")  # type: ignore[call-arg]
        pair = (six, all_)
        rows = []
        for name, (query, variables) in QUERIES.items():
            taken = in_turn(pair, lambda one, q=query, v=variables: one.ask(q, v), ASKED)  # type: ignore[misc]
            aim = "" if "of 6" in name else "not slower"  # a longer answer takes longer to write
            rows.append(Row(f"{name}, median / 95 %", shown(taken[0]), shown(taken[1]), aim))
        for path in PAGES:
            taken = in_turn(pair, lambda one, p=path: one.client.get(p).raise_for_status(), 30)  # type: ignore[misc]
            rows.append(Row(f"`{path}`, median / 95 %", shown(taken[0]), shown(taken[1]), ""))
        memory = [instance.megabytes() for instance in pair]
        more = f"{memory[1]:.0f} MB (+{memory[1] - memory[0]:.0f})"
        yield Row("memory of a server with one worker (PSS)", f"{memory[0]:.0f} MB", more, "+150 MB at most")
        taken = [[instance.reload(50_000 + number) for number in range(15)] for instance in pair]
        yield Row("edit of one folder until an answer shows it", shown(taken[0]), shown(taken[1]), "under 100 ms")
        yield from rows
    yield Row("`allmende city check` of all", *(f"{one.run('city', 'check'):.1f} s" for one in (six, all_)), "")  # type: ignore[call-arg]
    yield Row("the scheduler's look at what is due (CPU)", timetable(six), timetable(all_), "")


def table(rows: list[Row]) -> str:
    lines = [Row("", "six cities", "all of Germany", "aim"), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]

    def line(row: Row) -> str:
        cells = zip(row, widths, strict=True)
        return "| " + " | ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(cells)) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([line(lines[0]), rule, *(line(row) for row in lines[1:])])


def write(measured: str) -> None:
    """Into docs/performance.md, as a section of its own at the end."""
    text = report.PAGE.read_text(encoding="utf-8") if report.PAGE.exists() else "# Performance\n"
    before, _, rest = text.partition(f"\n## All of Germany\n\n{BEGIN}")
    after = rest.partition(END)[2]
    section = f"\n## All of Germany\n\n{BEGIN}\n\n{measured}\n\n{END}"
    report.PAGE.write_text(f"{before.rstrip()}\n{section}{after or chr(10)}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make germany", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md")
    arguments = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="allmende-germany-") as folder, postgresql.running() as server:
            rows = []
            for row in measure(Path(folder), server):
                rows.append(row)
                say("  ".join(row))
    except Missing as error:
        say(f"skipped: {error}")
        return
    commit = report._git("rev-parse", "--short=12", "HEAD")
    load = f"load average {os.getloadavg()[0]:.1f}"
    machine = f"{report._processor()}, {os.cpu_count()} cores, {load}"
    said = f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}, commit {commit}. {machine}. One worker each, PostgreSQL."
    measured = f"{said}\n\n{table(rows)}"
    sys.stdout.write(measured + "\n")
    if arguments.write:
        write(measured)


if __name__ == "__main__":
    main()
