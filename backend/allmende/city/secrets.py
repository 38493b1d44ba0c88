"""Secrets are named in configuration (`secret:NAME`) and looked up only where they are used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from allmende.errors import AllmendeError

PREFIX = "secret:"
_FIELD = re.compile(r"(^|_)(token|password|secret|api_key|private_key|credentials)$")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")


class SecretMissing(AllmendeError):
    """A secret that configuration names and the instance does not have. The message holds its name, never a value."""

    code = "SECRET_MISSING"


def is_secret_field(key: str) -> bool:
    """Whether a configuration key holds a secret by its name: `token`, `smtp_password`, …"""
    return bool(_FIELD.search(key))


def is_reference(value: str) -> bool:
    return value.startswith(PREFIX) and bool(_NAME.match(value.removeprefix(PREFIX)))


def has_secret(reference: str, folder: Path, environ: Mapping[str, str] | None = None) -> bool:
    name = reference.removeprefix(PREFIX)
    return bool((os.environ if environ is None else environ).get(name)) or (folder / name).is_file()


def resolve_secret(reference: str, folder: Path, environ: Mapping[str, str] | None = None) -> str:
    """The value behind `secret:NAME`: the environment variable NAME, else the file NAME in the folder of secrets."""
    if not is_reference(reference):
        raise SecretMissing("a secret must be given as secret:NAME")
    name = reference.removeprefix(PREFIX)
    value = (os.environ if environ is None else environ).get(name)
    if value:
        return value
    try:
        return (folder / name).read_text(encoding="utf-8").strip()
    except OSError:
        raise SecretMissing(
            f"secret {name} is missing: set the environment variable {name} or write the file {folder / name}"
        ) from None
