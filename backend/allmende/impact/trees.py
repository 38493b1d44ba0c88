"""Takes a version out of git, and has it looked at with its own code, in a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import msgspec
from msgspec import structs

from allmende.errors import AllmendeError
from allmende.impact import probe
from allmende.impact.picture import Picture

PARTS = ("backend", "plugins", "cities", "clients")
SECONDS = 180
"""How long one version may take to say what it is."""


class NoBase(AllmendeError):
    """There is no earlier version to compare with: a shallow clone, or the first commit."""

    code = "NO_BASE"


def git(root: Path, *arguments: str) -> bytes:
    """What a git command prints. NoBase with its complaint where it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False, timeout=60)
    if done.returncode:
        raise NoBase(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return done.stdout


def base_revision(root: Path, wanted: str = "") -> str:
    """The commit to compare with: the one asked for, else where this branch left main, else the one before."""
    if wanted:
        return git(root, "rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}").decode().strip()
    head = git(root, "rev-parse", "HEAD").decode().strip()
    for main in ("origin/main", "main"):
        try:
            base = git(root, "merge-base", main, "HEAD").decode().strip()
        except NoBase:
            continue
        if base != head:
            return base
    return git(root, "rev-parse", "--verify", "HEAD~1").decode().strip()


def extract(root: Path, revision: str, folder: Path) -> None:
    """Write what the revision has of the parts that matter into the folder."""
    there = git(root, "ls-tree", "--name-only", revision).decode().split("\n")
    parts = [part for part in PARTS if part in there]
    if parts:
        archive = git(root, "archive", "--format=zip", revision, *parts)
        with ZipFile(io.BytesIO(archive)) as packed:  # nothing of it gets outside the folder; of tar, since 3.11.4 only
            packed.extractall(folder)


def look(tree: Path) -> Picture:
    """The picture of a version that lies in this folder. Where its code cannot tell its schema, its file does."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ALLMENDE_", "PYTHON"))}
    environ["PYTHONPATH"] = os.pathsep.join((str(tree / "backend"), str(tree)))
    with TemporaryDirectory(prefix="allmende-impact-") as folder:
        target = Path(folder) / "picture.json"
        command = [sys.executable, "-P", str(Path(probe.__file__)), str(target)]
        try:
            done = subprocess.run(
                command, cwd=tree, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False
            )
            said = done.stderr.strip().splitlines()
        except subprocess.TimeoutExpired:
            said = [f"it took longer than {SECONDS} s"]
        if target.exists():
            picture = msgspec.json.decode(target.read_bytes(), type=Picture)
        else:
            picture = Picture(failures=(f"its code could not be run: {said[-1] if said else 'no reason given'}",))
    committed = tree / "backend" / "schema.graphql"
    if not picture.schema and committed.exists():
        picture = structs.replace(picture, schema=committed.read_text())
    return picture
