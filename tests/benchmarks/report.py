"""The table of the benchmark, and docs/performance.md with it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from .scratch import ROOT

PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Row(Struct, frozen=True):
    """One line of the table, its figures as text."""

    what: str
    peer: str
    ours: str
    figure: str
    """What counts: a ratio, milliseconds, megabytes."""
    floor: str
    moonshot: str
    cpu: str = ""
    """The same ratio by CPU time (server and database), which other processes of the machine hardly disturb."""


def table(rows: Sequence[Row]) -> str:
    """Markdown, readable as it is."""
    head = ("", "Mercurius", "Allmende", "result", "by CPU", "floor", "moonshot")
    lines = [head] + [(r.what, r.peer, r.ours, r.figure, r.cpu, r.floor, r.moonshot) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join(("-" * (w + 2)) if i == 0 else ("-" * (w + 1) + ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *(line(cells) for cells in lines[1:])])


def circumstances(rounds: int, seconds: int, database: str) -> str:
    """Machine, date and commit."""
    commit = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    changed = " with uncommitted changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{date}, commit {commit}{changed}. {_processor()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()} (built {platform.python_build()[1]}), {database}. "
        f"Two workers each, wrk with 16 connections, median of {rounds} rounds of {seconds} s, in turn. Load average "
        f"at the end: {os.getloadavg()[0]:.0f} (of which the benchmark itself makes 2 to 3)."
    )


def write(measured: str) -> None:
    """Put what was measured into docs/performance.md, between the two marks."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
