"""Every code block of the README and of docs/ is executed, in order, in a workspace made for that page.

`console` blocks are run (`$ …` lines; what follows must be in the output, `…` stands for anything); blocks with a path
behind the language are written to that file; `graphql` is asked of a running instance with all example cities, and must
answer without errors; `json` behind it must have the answer's shape; `text` is a picture and not code. `make` and
`docker compose` are not run here: the target, or the service that is named, must exist. A page that makes a plugin of
its own is asked of an instance with that plugin, started anew at `make dev`. A block may be fenced by four backticks.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.server import Server, instance
from tests.warm import ROOT, allmende

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(`{3,})([a-z]*)(?: +(\S+))?\n(.*?)^\1$", re.M | re.S)
ELSEWHERE = "http://127.0.0.1:8000"
REGISTER = "".join(
    f"{kind}20250831{key:<12}{name:<100}{rest}".ljust(220) + "\n"
    for kind, key, name, rest in (
        ("10", "05", "Nordrhein-Westfalen", ""),
        ("40", "05570", "Warendorf", ""),
        ("60", "055700120012", "Drensteinfurt, Stadt", "63    000000106460000001576200000007800    48317"),
    )
)
"""An extract of the official register, for the pages that make a city from it."""
SHELL = re.compile(r"[|&;<>$`*?(){}~]")
"""What is for the shell to do."""
SERVICE = re.compile(r"compose (?:exec|run)(?: -[-a-zT]+)* ([a-z]+)")


class Block(NamedTuple):
    line: int
    language: str
    path: str
    text: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(text[: match.start()].count("\n") + 1, match[2], match[3] or "", match[4])
        for match in BLOCK.finditer(text)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_the_page_works(page: Path, tmp_path: Path, server: Server) -> None:
    found = blocks(page)
    assert found, f"{page.name} has no code at all"
    with ExitStack() as stack:
        execute(found, Workspace(tmp_path, server, stack), page)


def execute(found: list[Block], workspace: Workspace, page: Path) -> None:
    for block in found:
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.path:
            workspace.write(block)
        elif block.language == "console":
            workspace.run(block, where)
        elif block.language == "graphql":
            workspace.ask(block, where)
        elif block.language == "json":
            assert shape(json.loads(block.text)) <= shape(workspace.answer), where
        elif block.language != "text":
            pytest.fail(f"{where}: a block of {block.language or 'no language'} is not executed; give it a path")


class Workspace:
    """A copy of the folders that a reader works in."""

    def __init__(self, folder: Path, shared: Server, stack: ExitStack) -> None:
        self.folder, self.shared, self.stack = folder, shared, stack
        self.own: Server | None = None
        self.answer: Any = {}
        for name in ("cities", "plugins"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "GV100AD.txt").write_text(REGISTER, encoding="utf-8")

    def write(self, block: Block) -> None:
        path = self.folder / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)

    @property
    def url(self) -> str:
        """The running instance with the example cities; one of the workspace, once it has a plugin of its own."""
        if {path.name for path in (self.folder / "plugins").iterdir()} <= {
            p.name for p in (ROOT / "plugins").iterdir()
        }:
            return self.shared.url
        if self.own is None:
            folder = Path(mkdtemp(dir=self.folder))
            places = {f"ALLMENDE_{name.upper()}": str(self.folder / name) for name in ("cities", "plugins")}
            self.own = self.stack.enter_context(instance(folder, **places))
        return self.own.url

    def run(self, block: Block, where: str) -> None:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("ALLMENDE_")}
        environ |= {"PATH": f"{Path(sys.executable).parent}:{environ['PATH']}", "COLUMNS": "200", "NO_COLOR": "1"}
        for command, expected in commands(block.text):
            if command.startswith("make "):
                target = command.split("#")[0].split()[1]
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M), f"{where}: make {target}"
                if target == "dev":
                    self.own = None
                continue
            if command.startswith("docker compose "):
                service = SERVICE.search(command)
                known = re.findall(r"^  ([a-z]+):$", (ROOT / "docker-compose.yml").read_text(), re.M)
                assert service is None or service[1] in known, f"{where}: {command}"
                continue
            done = self._call(command.replace(ELSEWHERE, self.url) if ELSEWHERE in command else command, environ)
            output = done.stdout + done.stderr
            assert missing(expected, output) == [], f"{where}: `{command}` printed:\n{output}"
            if not expected:
                assert done.returncode == 0, f"{where}: `{command}` ended with {done.returncode}:\n{output}"

    def _call(self, command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """As a shell does; the command alone, where there is nothing else in the line."""
        if command.startswith("allmende ") and not SHELL.search(command):
            return allmende(*shlex.split(command, comments=True)[1:], cwd=self.folder, environ=environ)
        shell = ["bash", "-c", command]
        return subprocess.run(
            shell, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=300, check=False
        )

    def ask(self, block: Block, where: str) -> None:
        answer = httpx2.post(f"{self.url}/graphql", json={"query": block.text}, timeout=60).json()
        assert "errors" not in answer, f"{where}: {answer['errors']}"
        self.answer = answer


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each `$ command` (continued by a backslash) with the lines that are expected behind it."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        lines = part.replace("\\\n", " ").splitlines()
        yield lines[0], [line for line in lines[1:] if line.strip()]


def missing(expected: list[str], output: str) -> list[str]:
    """Expected lines that are not in the output, blanks folded, `…` for anything."""
    folded = re.sub(r"\s+", " ", output)
    patterns = {
        line: ".*".join(re.escape(re.sub(r"\s+", " ", p.strip())) for p in line.split("…")) for line in expected
    }
    return [line for line, pattern in patterns.items() if not re.search(pattern, folded)]


def shape(value: Any, path: str = "$") -> set[str]:
    if isinstance(value, dict):
        return {path}.union(*(shape(inner, f"{path}.{key}") for key, inner in value.items()))
    if isinstance(value, list):
        return {path}.union(*(shape(inner, f"{path}[]") for inner in value))
    return {path}
