"""What people can do with their own data: take it along (`me { export }`), and have it erased (`privacyErase`)."""

from __future__ import annotations

from functools import partial
from typing import Any

import strawberry
from strawberry.scalars import JSON

from allmende.graphql.core import CoreMutations
from allmende.graphql.request import RequestContext
from allmende.graphql.visibility import field
from allmende.privacy.declared import held
from allmende.privacy.erase import Hook, erase
from allmende.privacy.export import Hook as ExportHook
from allmende.privacy.export import export
from allmende.privacy.rooms import erasers, exporters
from allmende.reader import Reader
from allmende.visibility import SIGNED_IN


async def export_of(context: RequestContext, reader: Reader) -> JSON:
    """All that the instance holds about this account in its city."""
    services = context.services
    city = services.cities().by_slug[reader.city]
    hooks: dict[str, ExportHook] = {**exporters(services.database, city, services.clock)}
    for name, installed in services.registry.plugins.items():
        ctx = context.plugin(city, name, "en")
        if installed.plugin.export is not None and ctx is not None:
            hooks[name] = partial(installed.plugin.export, ctx)
    manifests = {name: installed.manifest for name, installed in services.registry.plugins.items()}
    found: Any = await export(services.database, reader.city, reader.id, held(manifests), hooks)
    return JSON(found)


@strawberry.input(description="Have everything erased that is held about the account that asks.")
class PrivacyEraseInput:
    city: str = strawberry.field(description="Slug of the city that the token is for.")
    dry_run: bool = strawberry.field(default=True, description="Only say what would go; nothing is changed.")


@strawberry.type(description="What became of the data of one module, or would.")
class PrivacyPart:
    owner: str = strawberry.field(description="The module, or the room of the core.")
    table: str = strawberry.field(description="Where it lay; empty for what is no table.")
    rows: int = strawberry.field(description="How many things that were.")
    status: str = strawberry.field(
        description="`erased`, `cleared` (emptied of what is personal), `kept` (the law wants it), "
        "or `failed` (is tried again by itself)."
    )


@strawberry.type(description="Personal data.")
class PrivacyMutations(CoreMutations):
    @field(visible=SIGNED_IN, description="Erase what is held about the account, and the account (Art. 17 GDPR).")
    async def erase(self, input: PrivacyEraseInput) -> list[PrivacyPart]:
        services = self.request.services
        hooks: dict[str, Hook] = {**erasers(services.database, self.city, services.clock)}
        for name, installed in services.registry.plugins.items():
            ctx = self.request.plugin(self.city, name, self.city.language)
            if installed.plugin.erase is not None and ctx is not None:
                hooks[name] = partial(installed.plugin.erase, ctx)
        manifests = {name: installed.manifest for name, installed in services.registry.plugins.items()}
        parts = await erase(
            services.database,
            self.city.slug,
            self.reader.id,
            held(manifests),
            hooks,
            services.clock(),
            dry_run=input.dry_run,
        )
        return [PrivacyPart(owner=one.owner, table=one.table, rows=one.rows, status=one.status) for one in parts]
