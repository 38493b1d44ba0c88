"""A plugin from outside the tree: a package that is installed, works under the same rules, and goes without a trace."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import clean_environment
from tests.warm import ROOT, allmende

HERE = Path(__file__).parent / "outside_benches"
BIN = Path(sys.executable).parent


class Site:
    """A folder that packages are installed into, and an instance that sees it."""

    def __init__(self, folder: Path) -> None:
        self.packages, self.folder = folder / "packages", folder
        shutil.copytree(HERE, folder / "source")
        shutil.copytree(ROOT / "cities", folder / "cities")

    def install(self) -> None:
        command = [str(BIN / "uv"), "--no-config", "pip", "install", "--quiet", "--offline", "--no-deps"]
        command += ["--no-build-isolation", "--python", sys.executable, "--target", str(self.packages)]
        subprocess.run([*command, str(self.folder / "source")], check=True, timeout=120)

    def run(self, *command: str) -> tuple[int, str]:
        environ = clean_environment(
            COLUMNS="200",
            PYTHONPATH=str(self.packages),
            ALLMENDE_PLUGINS=str(ROOT / "plugins"),
            ALLMENDE_DATABASE=f"sqlite:///{self.folder / 'instance.sqlite'}",
        )
        done = allmende(*command, cwd=self.folder, environ=environ)
        return done.returncode, done.stdout + done.stderr

    def tables(self) -> list[str]:
        with sqlite3.connect(self.folder / "instance.sqlite") as connection:
            return sorted(name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_package_from_outside_comes_works_and_goes_without_a_trace(site: Site) -> None:
    schema = site.run("schema")
    assert site.run("db", "upgrade")[0] == 0
    tables = site.tables()

    site.install()
    assert "  outside_benches: OutsideBenches\n" in site.run("schema")[1]
    code, output = site.run("plugin", "list")
    assert (code, "outside_benches  Benches from outside" in output) == (0, True), output
    assert site.run("plugin", "check", "outside_benches") == (0, "plugins checked: 1, problems: none\n")
    code, output = site.run("plugin", "test", "outside_benches", "source/tests/check_outside.py")
    assert (code, "2 passed" in output) == (0, True), output
    (site.folder / "cities/beckum/plugins/outside_benches.toml").write_text('[[benches]]\nname = "Lindenbank"\n')
    assert site.run("city", "check", "beckum")[0] == 0
    assert "outside_benches: outside_benches_0001" in site.run("db", "upgrade")[1]
    assert "outside_benches_rest" in site.tables()

    assert site.run("db", "downgrade", "outside_benches", "--yes")[0] == 0
    shutil.rmtree(site.packages)
    (site.folder / "cities/beckum/plugins/outside_benches.toml").unlink()
    assert site.run("schema") == schema
    assert site.tables() == tables
    assert "outside" not in site.run("plugin", "list")[1]
    assert site.run("city", "check")[0] == 0


def test_a_package_that_takes_a_name_of_the_tree_is_refused_and_named(site: Site) -> None:
    pyproject = site.folder / "source/pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('outside_benches = "', 'news = "'))
    site.install()
    code, output = site.run("plugin", "list")
    reason = "entry point outside_benches has the name of a plugin that is already there"
    assert (code, reason in " ".join(output.split())) == (0, True), output
    assert "News" in output
