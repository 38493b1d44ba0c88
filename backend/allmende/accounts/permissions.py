"""What staff can be allowed to do in the rooms of the core, and what the roles that somebody has add up to.

Plugins declare theirs in `Plugin(permissions=…)`. Whatever no role grants, nobody may do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from allmende.city.model import Role
from allmende.errors import InputError
from allmende.plugin import Permission

EVERYWHERE = "*"
"""Instead of a plugin: all of them, and all rooms of the core."""
ROLES: tuple[Role, ...] = get_args(Role)
_ALL: tuple[Role, ...] = ROLES
_WRITING: tuple[Role, ...] = ("editor", "publisher")

CORE: Mapping[str, tuple[Permission, ...]] = {
    "cases": (
        Permission(name="read", title={"de": "Vorgänge lesen", "en": "Read cases"}, roles=("case_worker",)),
        Permission(
            name="work",
            title={"de": "Vorgänge bearbeiten, beantworten, abgeben", "en": "Work on cases, answer, hand over"},
            roles=("case_worker",),
        ),
        Permission(name="export", title={"de": "Vorgänge ausleiten", "en": "Export cases"}, roles=("case_worker",)),
    ),
    "content": (
        Permission(
            name="read",
            title={"de": "Entwürfe und Fassungen sehen", "en": "See drafts and versions"},
            roles=("reader", *_WRITING),
        ),
        Permission(name="edit", title={"de": "Inhalte schreiben", "en": "Write content"}, roles=_WRITING),
        Permission(
            name="publish",
            title={"de": "Inhalte veröffentlichen und zurückziehen", "en": "Publish and withdraw content"},
            roles=("publisher",),
        ),
        Permission(
            name="share",
            title={"de": "Inhalte mit anderen Städten teilen", "en": "Share content with other cities"},
            roles=("publisher",),
        ),
    ),
    "desk": (
        Permission(name="usage", title={"de": "Nutzungszahlen sehen", "en": "See usage numbers"}, roles=_ALL),
        Permission(
            name="feeds",
            title={"de": "Quellen prüfen, Importe freigeben", "en": "Look after sources, approve imports"},
            roles=("publisher", "admin"),
        ),
        Permission(
            name="notify",
            title={"de": "Zustellung von Mitteilungen sehen", "en": "See how notifications are delivered"},
            roles=("publisher", "admin"),
        ),
        Permission(
            name="settings",
            title={"de": "Module und Einstellungen sehen, Notschalter", "en": "See modules and settings, kill switch"},
            roles=("admin",),
        ),
        Permission(
            name="users",
            title={"de": "Konten, Rollen und Schlüssel verwalten", "en": "Manage accounts, roles and tokens"},
            roles=("admin",),
        ),
        Permission(name="audit", title={"de": "Protokoll lesen", "en": "Read the audit log"}, roles=("admin",)),
        Permission(
            name="privacy",
            title={"de": "Auskunft und Löschung bearbeiten", "en": "Handle access and erasure"},
            roles=("admin",),
        ),
        Permission(
            name="export",
            title={"de": "Die ganze Stadt ausleiten", "en": "Export the whole city"},
            roles=("admin",),
        ),
    ),
    "notify": (
        Permission(
            name="connect",
            title={"de": "Server von Partnern benachrichtigen lassen", "en": "Have partners' servers notified"},
            roles=("admin",),
        ),
    ),
}
"""Room → its permissions; `cases` and `work` make the permission `cases.work`."""

PER_PLUGIN = frozenset({"cases", "content"})
"""Rooms whose things belong to plugins: a role for one plugin gives `cases.work:reports`, see `Reader.may`."""

CORE_NAMES = frozenset(f"{room}.{one.name}" for room, permissions in CORE.items() for one in permissions)

Declared = Mapping[str, Sequence[Permission]]
"""Plugin → the permissions that it declares."""


def known(plugins: Declared) -> frozenset[str]:
    """The names of all permissions that there are with these plugins."""
    return CORE_NAMES | {f"{name}.{one.name}" for name, permissions in plugins.items() for one in permissions}


def granted(roles: Iterable[tuple[str, str]], plugins: Declared) -> frozenset[str]:
    """The permissions that these roles, each for a plugin (or room) or everywhere, add up to."""
    names: set[str] = set()
    for role, scope in roles:
        for room, permissions in CORE.items():
            given = [f"{room}.{one.name}" for one in permissions if role in one.roles]
            if scope in (EVERYWHERE, room):
                names.update(given)
            elif room in PER_PLUGIN:
                names.update(f"{name}:{scope}" for name in given)
        for plugin, declared in plugins.items():
            if scope in (EVERYWHERE, plugin):
                names.update(f"{plugin}.{one.name}" for one in declared if role in one.roles)
    return frozenset(names)


def check_role(role: str, scope: str, plugins: Iterable[str]) -> None:
    """InputError where there is no such role, or nothing that it could be for."""
    if role not in ROLES:
        raise InputError(f"role: {role!r} is none of {', '.join(ROLES)}")
    scopes = {EVERYWHERE, *CORE, *plugins}
    if scope not in scopes:
        raise InputError(f"plugin: {scope!r} is none of {', '.join(sorted(scopes))}")


def check_permissions(names: Iterable[str], plugins: Declared) -> None:
    """InputError that names the first permission which is not one."""
    there = known(plugins)
    for name in names:
        if name not in there:
            raise InputError(f"permissions: {name!r} is none of {', '.join(sorted(there))}")
