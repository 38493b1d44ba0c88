"""What a fetch brings."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from allmende.importer import Payload


class Validators(Struct, frozen=True, kw_only=True):
    """What tells a payload from the next one."""

    etag: str = ""
    last_modified: str = ""
    content_hash: str = ""


class Fetched(Struct, frozen=True, kw_only=True):
    """A payload, or None where it is the one that is already known."""

    payload: Payload | None
    validators: Validators
    asked: datetime | None = None
    """When the server was asked, where that was done for somebody else."""
