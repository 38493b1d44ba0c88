"""What each role may do: default deny, per plugin or everywhere, and no permission that nobody has declared."""

from __future__ import annotations

import pytest
from allmende.accounts.permissions import CORE_NAMES, ROLES, check_permissions, check_role, granted, known
from allmende.errors import InputError
from allmende.reader import Reader

from .people import REPORTS

PLUGINS = {"reports": REPORTS, "news": ()}
EVERYWHERE = {
    "reader": {"content.read", "desk.usage"},
    "editor": {"content.read", "content.edit", "desk.usage"},
    "publisher": {
        "content.read", "content.edit", "content.publish", "content.share",
        "desk.usage", "desk.feeds", "desk.notify", "reports.publish",
    },
    "case_worker": {"cases.read", "cases.work", "cases.export", "desk.usage", "reports.triage"},
    "admin": {
        "desk.usage", "desk.feeds", "desk.notify", "desk.settings", "desk.users", "desk.audit", "desk.privacy",
        "desk.export", "notify.connect",
    },
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_each_role_grants_exactly_this_everywhere(role: str) -> None:
    assert granted([(role, "*")], PLUGINS) == EVERYWHERE[role]


def test_every_permission_is_granted_by_some_role_and_none_without_a_role() -> None:
    assert set().union(*EVERYWHERE.values()) == known(PLUGINS)
    assert granted([], PLUGINS) == frozenset()
    assert granted([("mayor", "*")], PLUGINS) == frozenset()


def test_a_role_for_one_plugin_reaches_its_cases_and_content_only() -> None:
    worker = Reader(kind="staff", permissions=granted([("case_worker", "reports")], PLUGINS))
    assert worker.permissions == {"cases.read:reports", "cases.work:reports", "cases.export:reports", "reports.triage"}
    assert worker.may("cases.work", "reports")
    assert not worker.may("cases.work")
    assert not worker.may("cases.work", "news")
    assert not worker.may("cases.work", "")
    everywhere = Reader(kind="staff", permissions=granted([("case_worker", "*")], PLUGINS))
    assert everywhere.may("cases.work", "reports")


def test_a_role_for_a_room_reaches_that_room_only() -> None:
    assert granted([("admin", "desk")], PLUGINS) == EVERYWHERE["admin"] - {"notify.connect"}
    assert granted([("admin", "notify")], PLUGINS) == {"notify.connect"}
    assert granted([("publisher", "content")], PLUGINS) == {
        "content.read", "content.edit", "content.publish", "content.share"
    }  # fmt: skip


def test_unknown_roles_plugins_and_permissions_are_named() -> None:
    check_role("editor", "news", PLUGINS)
    check_permissions(["reports.triage", "desk.feeds"], PLUGINS)
    for role, plugin, message in (
        ("mayor", "*", "role: 'mayor' is none of reader, editor, publisher, case_worker, admin"),
        ("editor", "nws", r"plugin: 'nws' is none of \*, cases, content, desk, news, notify, reports"),
    ):
        with pytest.raises(InputError, match=message):
            check_role(role, plugin, PLUGINS)
    with pytest.raises(InputError, match=r"permissions: 'news.burn' is none of"):
        check_permissions(["news.burn"], PLUGINS)
    assert "cases.work" in CORE_NAMES
