"""How a field says who may see it, and what is wrong with those that do not."""

from __future__ import annotations

from typing import Any

import strawberry
from graphql import GraphQLField
from strawberry.types.private import is_private

from allmende.visibility import Visibility, visibility_fault

_VISIBLE = "allmende_visible"


def field(*, visible: Visibility | None = None, description: str, **options: Any) -> Any:
    """An entry field of a plugin: `@field(visible=PUBLIC, description="…")`, for everything else as strawberry.field.

    Every field of a `city_field` and every mutation is made with it. The types that it leads to are as visible as the
    entry, so their fields remain plain `strawberry.field`s.
    """
    return strawberry.field(description=description, metadata={_VISIBLE: visible}, **options)


def entries(kind: type) -> dict[str, Visibility | None]:
    """The entry fields of a `city_field` or of a type of mutations, by Python name → who may see them."""
    fields = kind.__strawberry_definition__.fields  # type: ignore[attr-defined]
    public = (one for one in fields if one.base_resolver or not is_private(one.type))
    return {one.python_name: one.metadata.get(_VISIBLE) for one in public}


def visibility_of(field: GraphQLField) -> Visibility | None:
    """Who may see this field of the composed schema, where it is an entry of a plugin."""
    definition = (field.extensions or {}).get("strawberry-definition")
    visible = definition.metadata.get(_VISIBLE) if definition is not None else None
    return visible if isinstance(visible, Visibility) else None


def field_faults(kind: type, permissions: frozenset[str] = frozenset()) -> list[str]:
    """The entry fields of this type that do not say who may see them, or name a permission that is not declared."""
    fix = "@field(visible=PUBLIC, …) with allmende's field"
    faults = (
        visibility_fault(f"{kind.__name__}.{name}", visible, fix, permissions)
        for name, visible in entries(kind).items()
    )
    return [fault for fault in faults if fault]
