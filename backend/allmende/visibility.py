"""Who may see what a plugin adds. Every entry says so; what says nothing does not load."""

from __future__ import annotations

from msgspec import Struct


class Visibility(Struct, frozen=True):
    """Who may see an entry of a plugin (a field of its module, a mutation, a route, a hook) and what it leads to."""

    name: str


PUBLIC = Visibility("public")
"""Everybody who asks for this city, without saying who they are."""

KNOWN = (PUBLIC,)


def visibility_fault(entry: str, visible: object, fix: str) -> str | None:
    """What is wrong with what this entry says about its visibility, and what to write instead."""
    if visible is None:
        return f"{entry} does not say who may see it: write {fix}"
    if visible not in KNOWN:
        names = ", ".join(one.name.upper() for one in KNOWN)
        return f"{entry} has visible={visible!r}, which this core cannot enforce; there is only {names}: write {fix}"
    return None
