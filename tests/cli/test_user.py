"""`allmende user` and `allmende audit`, as an operator calls them, on an instance of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from allmende.accounts.signing_in import follow_link
from allmende.cli import root
from allmende.cli.user import first_link, open_accounts
from allmende.errors import Denied, InputError, NotFound
from allmende.settings import load_settings
from allmende.testing.databases import create_tables
from click.testing import CliRunner
from sqlalchemy import create_engine, text

EMAIL = "ada@musterstadt.example"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'instance.sqlite'}"
    monkeypatch.setenv("ALLMENDE_DATABASE", url)
    monkeypatch.setenv("ALLMENDE_KEY_FILE", str(tmp_path / "key"))
    create_tables(url)
    return url


def allmende(*arguments: str, error: type[Exception] | None = None) -> str:
    done = CliRunner().invoke(root, arguments)
    if error is not None:
        assert isinstance(done.exception, error), done.output
        return str(done.exception)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def follow(link: str) -> str:
    base, _, token = link.strip().partition("?link=")

    async def run() -> str:
        async with open_accounts(load_settings()) as accounts:
            return await follow_link(accounts, base.split("/")[-3], token)

    return asyncio.run(run())


def test_an_operator_adds_lists_changes_and_shuts_out(database: str) -> None:
    link = allmende("user", "add", "musterstadt", EMAIL, "--name", "Ada", "--role", "admin", "--role", "editor:news")
    assert link.startswith("http://127.0.0.1:8000/musterstadt/desk/enter?link=musterstadt.")
    assert follow(link).startswith("musterstadt.")
    listed = " ".join(allmende("user", "list", "musterstadt").split())
    assert f"Ada {EMAIL} admin, editor:news link" in listed
    assert allmende("user", "role", "musterstadt", EMAIL, "--role", "reader") == f"{EMAIL}: reader\n"
    assert allmende("user", "disable", "musterstadt", EMAIL) == f"{EMAIL}: disabled\n"
    assert "disabled" in allmende("user", "list", "musterstadt")
    assert allmende("user", "link", "musterstadt", EMAIL, error=NotFound) == (
        "there is no such account, or it is disabled"
    )
    assert allmende("user", "disable", "musterstadt", EMAIL, "--enable") == f"{EMAIL}: enabled\n"
    base = "https://app.example"
    assert allmende("user", "link", "musterstadt", EMAIL, "--base", base).startswith(f"{base}/musterstadt/desk/enter")


def test_mistakes_are_named(database: str) -> None:
    add = ("user", "add", "musterstadt", EMAIL, "--name", "Ada")
    assert "role: 'mayor' is none of" in allmende(*add, "--role", "mayor", error=InputError)
    assert "plugin: 'nws' is none of" in allmende(*add, "--role", "editor:nws", error=InputError)
    assert allmende("user", "list", "nirgends", error=NotFound) == "there is no city 'nirgends'"
    assert "nobody of the staff" in allmende("user", "link", "musterstadt", EMAIL, error=NotFound)
    allmende(*add)
    assert "has an account already" in allmende(*add, error=InputError)


def test_the_log_is_whole_until_somebody_changes_it(database: str) -> None:
    allmende("user", "add", "musterstadt", EMAIL, "--name", "Ada")
    assert allmende("audit", "verify", "musterstadt").startswith("musterstadt: 1 entries, whole, ")
    with create_engine(database).begin() as connection:
        connection.execute(text("UPDATE account_audit SET name = 'Eve'"))
    assert allmende("audit", "verify", "musterstadt", error=InputError) == "musterstadt: entry 1 was changed"


def test_development_starts_with_a_link_that_works_once(database: str) -> None:
    for _ in range(2):
        link = asyncio.run(first_link(load_settings(), "http://127.0.0.1:8000"))
        assert follow(link).startswith("musterstadt.")
        with pytest.raises(Denied):
            follow(link)
