"""Who may see what a plugin adds. Every entry says so; what says nothing does not load."""

from __future__ import annotations

import re

from msgspec import Struct

from allmende.errors import Denied
from allmende.reader import Reader


class Visibility(Struct, frozen=True):
    """Who may see an entry of a plugin (a field of its module, a mutation, a route, a hook) and what it leads to."""

    name: str
    permission: str = ""
    """Of staff and services, `<plugin>.<permission>`."""

    def admits(self, reader: Reader) -> bool:
        """Whether this reader, as it is in the city that is asked for, may see the entry."""
        if self.name == "public":
            return True
        if self.name == "signed_in":
            return reader.is_signed_in
        return reader.kind in ("staff", "service") and reader.may(self.permission)

    def check(self, reader: Reader) -> None:
        """Denied where the reader is not admitted: what to do about it is in the message."""
        if self.admits(reader):
            return
        if reader.kind == "anonymous":
            raise Denied("send a token of this city (Authorization: Bearer …)", code="UNAUTHENTICATED")
        raise Denied(f"this needs the permission {self.permission}" if self.permission else "this is not for staff")


PUBLIC = Visibility("public")
"""Everybody who asks for this city, without saying who they are."""

SIGNED_IN = Visibility("signed_in")
"""A device or a citizen of this city; what they see of it is their own (`ctx.reader.id`)."""

_PERMISSION = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def staff(permission: str) -> Visibility:
    """Staff and services of this city whose roles grant the permission: `staff("reports.work")`."""
    return Visibility("staff", permission)


def visibility_fault(entry: str, visible: object, fix: str, permissions: frozenset[str] | None = None) -> str | None:
    """What is wrong with what this entry says about its visibility, and what to write instead.

    With `permissions`, those that the plugin declares; a visibility may name no other.
    """
    if visible is None:
        return f"{entry} does not say who may see it: write {fix}"
    if visible in (PUBLIC, SIGNED_IN):
        return None
    if not isinstance(visible, Visibility) or visible.name != "staff" or not _PERMISSION.fullmatch(visible.permission):
        return (
            f"{entry} has visible={visible!r}, which this core cannot enforce; there are PUBLIC, SIGNED_IN and "
            f'staff("plugin.permission"): write {fix}'
        )
    if permissions is not None and visible.permission not in permissions:
        declared = ", ".join(sorted(permissions)) or "none"
        return f"{entry} needs the permission {visible.permission!r}, which is not declared (declared: {declared})"
    return None
