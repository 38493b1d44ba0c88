"""`[login]` in city.toml: what is wrong in it is named by place, and no secret stands in it."""

from __future__ import annotations

from typing import Any

import pytest

CITIZENS = '[login.citizens]\nissuer = "https://login.example"\nclient_id = "allmende"\n'
STAFF = '[login.staff]\nissuer = "https://login.example"\nclient_id = "desk"\n'
ROLE = 'roles = [{ value = "presse", role = "publisher" }]\n'


def problems(folder: Any, login: str) -> list[str]:
    """What is wrong, without the place in the file."""
    folder.write("altdorf/city.toml", folder.text("altdorf", 1) + "\n" + login)
    return [line.partition(" ")[2] for line in folder.problems()]


def test_a_sign_in_as_the_documentation_has_it_is_right(folder: Any) -> None:
    login = f'{CITIZENS}apps = ["org.example.app:/signed-in", "https://app.example/back"]\n{STAFF}{ROLE}'
    assert problems(folder, login) == []
    found = folder.load().by_slug["altdorf"].login
    assert (found.passwords, found.second_factor) == (True, True)
    assert found.staff.roles[0].plugin == "*"


@pytest.mark.parametrize(
    ("login", "problem"),
    [
        (CITIZENS.replace("https", "http"), 'login.citizens.issuer: "http://login.example" is not safe'),
        (CITIZENS + 'apps = ["myapp://back"]\n', 'login.citizens.apps[0]: "myapp://back" is no address of an app'),
        (CITIZENS + 'apps = ["javascript:alert(1)"]\n', 'login.citizens.apps[0]: "javascript:alert(1)" is no address'),
        (CITIZENS + 'scopes = ["email"]\n', 'login.citizens.scopes: lacks "openid"'),
        (STAFF, "login.staff: gives nobody a role, so nobody is let in"),
        (STAFF + ROLE.replace(" }", ', plugin = "nws" }'), "login.staff.roles[0].plugin: unknown plugin `nws`"),
        (STAFF + ROLE.replace("publisher", "mayor"), "login.staff.roles[0].role"),
        (STAFF + ROLE + 'client_secret = "hunter2"\n', "login.staff.client_secret: a secret must not stand in a file"),
        (STAFF + ROLE + 'client_secret = "secret:DESK"\n', "login.staff.client_secret: the secret DESK is missing"),
        ("[login]\npassword = false\n", "login.password: unknown key `password` (did you mean `passwords`?)"),
        (CITIZENS.replace("https://login.example", "login.example"), "login.citizens.issuer"),
    ],
)
def test_mistakes_are_named(folder: Any, login: str, problem: str) -> None:
    (found,) = problems(folder, login)
    assert found.startswith(problem)
    assert "hunter2" not in found
