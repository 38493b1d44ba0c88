"""Who asks: nobody in particular, a device, a citizen, staff of a town hall, or a service; always for one city."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Reader(Struct, frozen=True, kw_only=True):
    """What an answer may depend on besides the question. Made by the accounts room from a token, never by a plugin."""

    kind: Literal["anonymous", "device", "citizen", "staff", "service"] = "anonymous"
    id: str = ""
    """The account, 32 hexadecimal digits; empty for the anonymous one."""
    city: str = ""
    """The slug of the city that the token was given for; in every other city the reader is anonymous."""
    name: str = ""
    """What colleagues see of staff and services; empty for devices and citizens."""
    session: str = ""
    """The sign-in that the token came from, which its owner can end."""
    permissions: frozenset[str] = frozenset()
    """`<plugin>.<permission>` that the reader's roles grant, `news.publish` for instance."""

    @property
    def is_signed_in(self) -> bool:
        """Whether it is a device or a citizen, who have things of their own."""
        return self.kind in ("device", "citizen")

    def may(self, permission: str, plugin: str = "") -> bool:
        """Whether a role of the reader grants it, everywhere or for this plugin. Nobody has a permission by default.

        Cases and content belong to plugins: `reader.may("cases.work", case.plugin)`.
        """
        return permission in self.permissions or (bool(plugin) and f"{permission}:{plugin}" in self.permissions)


ANONYMOUS = Reader()
