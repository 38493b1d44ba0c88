"""Arguments that several fields of the core have, each with what it means."""

from __future__ import annotations

from typing import Annotated

import strawberry

After = Annotated[
    str | None,
    strawberry.argument(
        description="Cursor of the last one that is known (`pageInfo.endCursor`); none is the beginning."
    ),
]
First = Annotated[int, strawberry.argument(description="How many at most.")]
Language = Annotated[
    str | None,
    strawberry.argument(
        description="BCP 47 tag; what is not offered falls back. Without it, `Accept-Language` decides."
    ),
]
Modules = Annotated[list[str] | None, strawberry.argument(description="Only these modules; all of them by default.")]
Slug = Annotated[str, strawberry.argument(description="Slug of the city.")]
