"""The tables of docs/ that list what the code has: none of them may forget or invent anything."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from allmende.graphql.faults import INTERNAL_CODES
from allmende.settings import Settings

ROOT = Path(__file__).parents[2]
CODE = re.compile(
    r'(?:\bcode(?:=| = |": )|\b(?:failure|refusal|_?coded|_fault)\([^"\n]*(?:f?"[^"\n]*", )?)"([A-Z][A-Z_]{3,})"'
)
SOURCES = (
    "backend/allmende/errors.py",
    "backend/allmende/accounts/oidc/*.py",
    "backend/allmende/accounts/tokens.py",
    "backend/allmende/documents.py",
    "backend/allmende/visibility.py",
    "backend/allmende/graphql/**/*.py",
    "backend/allmende/gate/*.py",
    "backend/allmende/notify/*.py",
    "plugins/*/*.py",
)


def test_settings_table_is_what_the_settings_are() -> None:
    rows = re.findall(r"^\| `(ALLMENDE_[A-Z_]+)` \| (?:`(.*?)`)? ?\|", (ROOT / "docs/operations.md").read_text(), re.M)
    assert rows == [
        (field.encode_name, "false" if field.default is False else str(field.default))
        for field in msgspec.structs.fields(Settings)
    ]


def test_every_error_code_of_the_api_is_in_the_table() -> None:
    """A code is part of the contract with the apps, so a new one needs a line that says what an app does about it."""
    files = [path for pattern in SOURCES for path in ROOT.glob(pattern)]
    text = "".join(path.read_text() for path in files)
    used = set(CODE.findall(text))
    section = (ROOT / "docs/apps.md").read_text().partition("## Errors")[2].partition("\n## ")[0]
    named = {code for row in re.findall(r"^\| (`.*?) \|", section, re.M) for code in re.findall(r"`([A-Z_]+)`", row)}
    assert len(used) > 15
    assert used - (INTERNAL_CODES - {"INTERNAL"}) - named == set(), "codes without a line in docs/apps.md"
    assert [code for code in sorted(named) if f'"{code}"' not in text] == [], "codes that nothing answers"
