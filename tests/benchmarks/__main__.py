"""`make bench`: serving, side by side with the fastest JavaScript server, on one data set and one PostgreSQL.

Standard error says what is going on; standard output is the table. What this machine lacks is skipped, and named.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from allmende.db.engine import Database
from allmende.registry import load_registry
from allmende.settings import Settings, load_settings
from sqlalchemy import select, update

from . import dataset, load, peers, phones, postgresql, profile, questions, report
from .peers import Peer
from .questions import HOME, QUESTIONS, REPORT, Question
from .report import Row
from .scratch import ROOT, SCRATCH, Missing, alone, require, say

TARGETS = {"home (Q1)": ("2.5", "3.5"), "100 events with venue (Q2)": ("2.0", "4"), "500 places (Q3)": ("1.4", "2")}
TARGETS |= {"one street's pickups (Q4)": ("0.8", "1.1"), "one event (Q5)": ("1.5", "2.2")}
TARGETS |= {"a report filed (M1)": ("0.8", "1.1")}
CACHED = ("15", "27")
CHECKED = 5
"""Rows of each question of which the answers are compared."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement")
    parser.add_argument("--seconds", type=int, default=2, help="length of each measurement")
    parser.add_argument("--only", default="", help="of q1 … q5, m1, cached, anew, sqlite, latency, memory, phones")
    parser.add_argument("--profile", action="store_true", help="show where the time goes in one process")
    parser.add_argument("--write", action="store_true", help="put the results into docs/performance.md")
    options = parser.parse_args()
    try:
        with alone():
            _run(options)
    except Missing as missing:
        sys.exit(f"skipped: {missing}")


def _run(options: argparse.Namespace) -> None:
    require("wrk", "it makes the load (Debian: wrk)")
    dataset.files()
    cities = dataset.city_folders()
    settings = Settings(cities=cities, plugins=ROOT / "plugins")
    load_registry(settings)
    wanted = set(options.only.split(",")) if options.only else set()
    with ExitStack() as stack:
        server = stack.enter_context(postgresql.running())
        ours_url = server.url("allmende", "allmende")
        dataset.load_postgresql(server, load_settings(dataset.settings_for(ours_url)))
        questions.write()
        bench = Bench(options.rounds, options.seconds, wanted, server, ours_url)
        try:
            dataset.load_peer(server)
            bench.peer = stack.enter_context(peers.mercurius(server))
        except Missing as missing:
            say(f"without Mercurius: {missing}")
        for database in sorted(server.databases() & {"allmende", "bench"}):
            server.execute("VACUUM (ANALYZE)", database)  # as autovacuum would have done by now, for both
        rows = bench.rows()
        version = str(server.execute("SHOW server_version")[0][0]).split()[0]
        print(report.table(rows))  # noqa: T201
        where = report.circumstances(options.rounds, options.seconds, f"PostgreSQL {version}")
        print(f"\n{where}")  # noqa: T201
        measured = f"{where}\n\n{report.table(rows)}"
        if options.profile or options.write:
            text = profile.hot_path(dataset.settings_for(ours_url))
            print(text)  # noqa: T201
            measured += f"\n\n```text\n{text}\n```"
        if options.write:
            report.write(measured)
            say(f"written to {report.PAGE.relative_to(ROOT)}")


class Bench:
    """The rows of the table, one after the other; each starts from servers that are up."""

    def __init__(self, rounds: int, seconds: int, wanted: set[str], server: postgresql.Server, url: str) -> None:
        self.rounds, self.seconds, self.wanted = rounds, seconds, wanted
        self.server, self.url = server, url
        self.peer: Peer | None = None

    def rows(self) -> list[Row]:
        rows: list[Row] = []
        with peers.allmende("Allmende", self.environ(self.url)) as ours:
            for number, question in enumerate(QUESTIONS, 1):
                if self.asked(f"q{number}"):
                    rows.append(self.uncached(ours, question))
            if self.asked("m1"):
                rows.append(self.reported(ours))
            if self.asked("cached"):
                rows += self.cached(ours)
        if self.asked("anew"):
            rows += self.anew()
        if self.asked("sqlite"):
            rows.append(self.sqlite())
        with self.fresh() as ours:
            if self.asked("latency"):
                rows += self.latency(ours)
            if self.asked("phones"):
                rows.append(self.phones(ours))
        if self.asked("memory"):
            rows.append(self.memory())
        return rows

    def asked(self, name: str) -> bool:
        return not self.wanted or name in self.wanted

    def environ(self, url: str) -> dict[str, str]:
        return dataset.settings_for(url) | {"ALLMENDE_CLIENTS": str(SCRATCH / "clients")}

    @contextmanager
    def fresh(self) -> Iterator[Peer]:
        """A server that has answered nothing yet."""
        with peers.allmende("Allmende", self.environ(self.url)) as ours:
            yield ours

    def anew(self) -> list[Row]:
        """The lists with nothing kept of their rows either: all columns are read and encoded for each answer."""
        with peers.allmende("Allmende", self.environ(self.url) | {"ALLMENDE_ROW_CACHE": "0"}) as ours:
            return [self.uncached(ours, question, "rows read anew") for question in QUESTIONS[:3]]

    def uncached(self, ours: Peer, question: Question, how: str = "not cached") -> Row:
        """By POST with the full text, which no cache answers."""
        self.compare(ours, question)
        measures = [
            partial(self.run, peer, questions.post(question, who))
            for peer, who in ((self.peer, "peer"), (ours, "ours"))
            if peer is not None
        ]
        *theirs, mine = load.interleaved(self.rounds, measures)
        say(f"{question.name}: {[*theirs, mine]}")
        return _ratio(f"{question.name}, {how}", theirs, mine, *TARGETS[question.name])

    def reported(self, ours: Peer) -> Row:
        """A report is filed: by the peer as one row; by us as a case with receipt, history, routing and search."""
        dataset.forget_reports(self.server)
        for peer, who in ((self.peer, "peer"), (ours, "ours")):
            if peer is not None:
                body = questions.post(REPORT, who).read_text().splitlines()[0]
                said = peer.ask(body.replace("@KEY@", str(uuid4())))
                assert all(said.values()), f"{peer.name} filed nothing: {said}"
        measures = [partial(self.run, self.peer, questions.post(REPORT, "peer"))] if self.peer else []
        measures.append(partial(self.filed, ours))
        *theirs, mine = load.interleaved(self.rounds, measures)
        say(f"{REPORT.name}: {[*theirs, mine]}")
        return _ratio(REPORT.name, theirs, mine, *TARGETS[REPORT.name])

    def filed(self, ours: Peer) -> load.Run:
        """As many cases are there afterwards as were answered: an error of GraphQL is quick, and comes with 200."""
        before = self.server.execute("SELECT count(*)::int FROM case_case", "allmende")[0][0]
        done = self.run(ours, questions.post(REPORT, "ours"))
        there = self.server.execute("SELECT count(*)::int FROM case_case", "allmende")[0][0]
        assert int(str(there)) - int(str(before)) >= 0.98 * done.rps * self.seconds, "not all of them were filed"
        return done

    def run(self, peer: Peer, file: Path, method: str = "POST", connections: int = 16) -> load.Run:
        return load.run(peer, self.server.pid, file, method=method, connections=connections, seconds=self.seconds)

    def compare(self, ours: Peer, question: Question) -> None:
        """Both answer with the same content (of places, which the two order differently, as many with as much)."""
        if self.peer is None:
            return
        theirs = questions.post(question, "peer").read_text().splitlines()
        mine = questions.post(question, "ours").read_text().splitlines()
        for number in range(CHECKED):
            left = questions.leaves(self.peer.ask(theirs[number]))
            right = questions.leaves(ours.ask(mine[number]))
            if "Q3" in question.name:
                left, right = [str(len(left))], [str(len(right))]
            if missing := sorted(set(left) - set(right)):
                # The peer names venues and categories by a number, which ours need not.
                real = [leaf for leaf in missing if not leaf.isdigit() or "Q2" not in question.name]
                if "Q5" in question.name:
                    real = [leaf for leaf in real if not leaf.isdigit()]
                if real:
                    raise AssertionError(f"{question.name}, row {number}: ours lacks {real[:10]}")

    def cached(self, ours: Peer) -> list[Row]:
        """The same reads by hash: answered with bytes from the cache, and as 304."""
        rows, ratios = [], {"": [], "304": []}  # type: tuple[list[Row], dict[str, list[float]]]
        for number, question in enumerate(QUESTIONS, 1):
            paths = [questions.address(question, mine) for _, mine in questions.variables(question)]
            fresh, again = SCRATCH / f"{number}.get", SCRATCH / f"{number}.304"
            try:
                tags = [_warm(ours, path) for path in paths]
            except urllib.error.HTTPError as error:
                return [Row("the same reads from the response cache", "", "", f"refused ({error.code})", *CACHED)]
            fresh.write_text("\n".join(paths) + "\n")
            again.write_text("\n".join(f"{path}\t{tag}" for path, tag in zip(paths, tags, strict=True)) + "\n")
            measures = [partial(self.run, self.peer, questions.post(question, "peer"))] if self.peer else []
            measures += [partial(self.run, ours, file, "GET") for file in (fresh, again)]
            *theirs, bytes_, unchanged = load.interleaved(self.rounds, measures)
            say(f"cached {question.name}: {[*theirs, bytes_, unchanged]}")
            for kind, mine in (("", bytes_), ("304", unchanged)):
                rows.append(_ratio(f"{question.name}, cached{', as 304' if kind else ''}", theirs, mine, *CACHED))
                if theirs:
                    ratios[kind].append(mine.rps / theirs[0].rps)
        for kind, found in ratios.items():
            if found:
                mean = math.exp(sum(map(math.log, found)) / len(found))
                what = f"all five, cached{', as 304' if kind else ''} (geometric mean)"
                rows.append(Row(what, "", "", f"× {mean:.1f}", *CACHED))
        return rows

    def sqlite(self) -> Row:
        """Home on the embedded database, beside Mercurius on PostgreSQL."""
        url = f"sqlite:///{SCRATCH / 'allmende.sqlite'}"
        environ = self.environ(url)
        dataset.load_sqlite(load_settings(dataset.settings_for(url)))
        with peers.allmende("Allmende on SQLite", environ) as ours:
            self.compare(ours, HOME)
            measures = [partial(self.run, self.peer, questions.post(HOME, "peer"))] if self.peer else []
            measures.append(partial(self.run, ours, questions.post(HOME, "ours")))
            *theirs, mine = load.interleaved(self.rounds, measures)
        return _ratio("home on embedded SQLite", theirs, mine, "5", "8")

    def latency(self, ours: Peer) -> list[Row]:
        """The slowest hundredth of the answers: made anew each time, and by GET with the hash, as phones ask."""
        paths = [questions.address(HOME, mine) for _, mine in questions.variables(HOME)]
        for path in paths:
            _warm(ours, path)
        kept = SCRATCH / "home.get"
        kept.write_text("\n".join(paths) + "\n")
        rows = []
        for connections, floor, moonshot in ((16, "10 ms", "7 ms"), (64, "30 ms", "20 ms")):
            measures = [
                partial(self.run, peer, questions.post(HOME, who), connections=connections)
                for peer, who in ((self.peer, "peer"), (ours, "ours"))
                if peer is not None
            ]
            measures.append(partial(self.run, ours, kept, "GET", connections))
            *theirs, made, given = load.interleaved(self.rounds, measures)
            beside = f"{theirs[0].p99:.1f} ms" if theirs else ""
            for kind, mine in (("not cached", made), ("by hash", given)):
                what = f"p99 of home, {kind}, {connections} connections"
                rows.append(Row(what, beside, "", f"{mine.p99:.1f} ms", floor, moonshot))
        return rows

    def memory(self) -> Row:
        """Of servers that have answered nothing yet, while all questions are asked."""
        found = []
        with ExitStack() as stack:
            if self.peer:
                found.append(self.remembered(stack.enter_context(peers.mercurius(self.server)), "peer"))
            found.append(self.remembered(stack.enter_context(self.fresh()), "ours"))
        *theirs, mine = [f"{memory.all:.0f} MB (alone {memory.resident:.0f})" for memory in found]
        return Row("peak memory per worker", theirs[0] if theirs else "", "", mine, "100 MB", "70 MB")

    def remembered(self, peer: Peer, who: str) -> peers.Memory:
        with peers.watched(peer) as memory:
            for question in QUESTIONS:
                self.run(peer, questions.post(question, who))
        return memory

    def phones(self, ours: Peer) -> Row:
        """An alert is published, and 1,000 phones ask for home within five seconds."""
        paths = [questions.address(HOME, mine) for _, mine in questions.variables(HOME) if mine["city"] == "city-1"]
        for path in paths:
            _warm(ours, path)
        asyncio.run(_publish(self.url))
        crowd = asyncio.run(phones.rush(ours.port, paths))
        say(f"phones: {crowd}")
        figure = f"{crowd.errors} errors, p99 {crowd.p99:.0f} ms"
        return Row("1,000 phones in 5 s after an alert, cold cache", "", "", figure, "< 1 s", "< 0.3 s")


def _ratio(what: str, theirs: Sequence[load.Result], mine: load.Result, floor: str, moonshot: str) -> Row:
    rate = f"{mine.rps:,.0f}/s" + (f" ({mine.errors} errors)" if mine.errors else "")
    if not theirs:
        return Row(what, "", rate, "no peer", floor, moonshot)
    peer = theirs[0]
    ratio, by_cpu = mine.rps / peer.rps, peer.cpu / max(mine.cpu, 1e-9)
    return Row(what, f"{peer.rps:,.0f}/s", rate, f"× {ratio:.2f}", floor, moonshot, f"× {by_cpu:.2f}")


def _warm(ours: Peer, path: str) -> str:
    """Ask until both workers have it; its ETag."""
    tag = ""
    for _ in range(6):
        request = urllib.request.Request(f"http://127.0.0.1:{ours.port}{path}", headers={"accept": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as response:
            if b'"data"' not in response.read(10):
                raise urllib.error.HTTPError(path, 500, "not answered", response.headers, None)
            tag = response.headers.get("etag", "")
    return tag


async def _publish(url: str) -> None:
    """What an editor does: one row is changed, by a process of its own."""
    from plugins.news.tables import Item

    database = Database(url)
    async with database.transaction("city-1") as session:
        newest = (await session.scalars(select(Item.id).order_by(Item.published_at.desc()).limit(1))).one()
        await session.execute(update(Item).where(Item.id == newest).values(updated_at=dataset.FETCHED))
    await database.close()


if __name__ == "__main__":
    main()
