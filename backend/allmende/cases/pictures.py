"""The pictures of cases: those of the public part, which everybody sees with it, and those that stay private."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.cases.tables import Case
from allmende.context import Context
from allmende.files import service as files

SHOWN, HELD = "case", "case-held"
"""Purposes of the files of a case: part of what everybody sees once it is published, or never."""


class Picture(Struct, frozen=True, kw_only=True):
    """One picture of a case."""

    id: str
    path: str
    """Below the instance's address; signed and for a while only, where not everybody may fetch it."""
    alt: str
    public: bool
    held: bool
    """Whether it stays private when the case is published."""


async def pictures(
    session: AsyncSession,
    ctx: Context[Any],
    cases: Sequence[Case],
    *,
    size: str = "medium",
    every: bool = False,
    lasting: timedelta = files.LINK,
) -> dict[str, list[Picture]]:
    """Id of the case → its pictures, oldest first: those for everybody, or `every` one. One statement.

    The address of one that not everybody may fetch works for as long as `lasting`.
    """
    if not cases:
        return {}
    found = await files.owned(session, [owner(case) for case in cases])
    return {
        case.id: [
            Picture(
                id=one.id,
                path=files.address(one, size, ctx.clock(), lasting),
                alt=one.alt,
                public=one.public,
                held=one.purpose == HELD,
            )
            for one in found[owner(case)]
            if every or one.public
        ]
        for case in cases
    }


async def show(session: AsyncSession, case: Case) -> None:
    """Let everybody fetch the pictures of the public part, or nobody: as the case is now."""
    await files.publish(session, owner(case), case.published and case.shown, purpose=SHOWN)


def owner(case: Case) -> str:
    return f"case:{case.id}"
