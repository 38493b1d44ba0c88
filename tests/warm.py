"""Runs `allmende` in processes of their own that need not import the libraries first: each is a fork of one that has.

`python -m tests.warm` is that one. It reads a request per line, and answers with the exit code of the command.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
IMPORTED = ("allmende.app", "allmende.authoring.check", "allmende.cli.db", "allmende.cli.dev", "allmende.cli.doctor")
"""With all libraries that they need, and no plugin: each command imports those of its own folder."""
LIBRARIES = ("feedparser", "holidays.countries", "icalendar", "opening_hours", "recurring_ical_events", "shapely")
"""Those of the plugins."""
SECONDS = 300
UNUSED = "-p no:faker -p no:schemathesis"
"""Of pytest where a command starts it: to import these two takes as long as all the rest of its start."""


def allmende(
    *command: str, cwd: Path = ROOT, environ: Mapping[str, str] | None = None, check: bool = False
) -> subprocess.CompletedProcess[str]:
    """`allmende …`, called from this folder in this environment. With `check`, an error fails with what was printed."""
    warm = _warm()
    assert warm.stdin is not None
    assert warm.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        environ = {**(environ or os.environ), "PYTEST_ADDOPTS": UNUSED}
        request = {"command": command, "cwd": str(cwd), "environ": environ, "folder": folder}
        warm.stdin.write(json.dumps(request) + "\n")
        warm.stdin.flush()
        answer = warm.stdout.readline()
        assert answer, "`python -m tests.warm` has ended; what it printed says why"
        code = int(answer)
        out, err = (Path(folder, name).read_text(encoding="utf-8") for name in ("out", "err"))
    assert not (check and code), f"allmende {' '.join(command)} ended with {code}:\n{out}{err}"
    return subprocess.CompletedProcess(command, code, out, err)


@cache
def _warm() -> subprocess.Popen[str]:
    """Ends by itself, when this process does not hold the other end of its input any more."""
    program = [sys.executable, "-m", "tests.warm"]
    return subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def serve() -> None:
    """Do what is asked, one command after the other, until nobody asks any more."""
    for name in (*IMPORTED, *LIBRARIES):
        import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def become(command: list[str], cwd: str, environ: dict[str, str], folder: str) -> None:
    """In the fork: be the command, and end."""
    code = 70
    try:
        for number, name in enumerate((os.devnull, f"{folder}/out", f"{folder}/err")):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(cwd)
        signal.alarm(SECONDS)
        sys.argv = ["allmende", *command]
        sys.modules["__main__"].__package__ = None  # so that click says `allmende` in its texts, and not `tests.warm`
        sys.path[:1] = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        invalidate_caches()
        main: Any = import_module("allmende.cli").main
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())  # as the interpreter would
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
