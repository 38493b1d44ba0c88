"""Who may see what: entries for devices and citizens, for staff by permission, in the city of the token only."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from allmende import SIGNED_IN, CityModule, Permission, Plugin, field, staff
from allmende.graphql.compose import compose
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import NoDatabase

from .gazette import ask, install, make_engine

NO_DATABASE: Any = NoDatabase()
WORK = staff("vault.work")


@strawberry.input(description="What to put in.")
class VaultFillInput:
    city: str = strawberry.field(description="In which city.")
    thing: str = strawberry.field(description="What.")


@strawberry.type(description="What is not for everybody.")
class Vault(CityModule):
    @field(visible=SIGNED_IN, description="Whose it is.")
    def mine(self) -> str | None:
        return str(self.ctx.reader.id)

    @field(visible=WORK, description="What staff see.")
    def files(self) -> str | None:
        return str(self.ctx.reader.name)


@strawberry.type(description="What can be changed.")
class VaultMutations(CityModule):
    @field(visible=WORK, description="Put something in.")
    async def fill(self, input: VaultFillInput) -> str | None:
        return f"{self.ctx.city.slug}: {input.thing}, by {self.ctx.reader.name}"


PERMISSION = Permission(name="work", title="Tresor", roles=("case_worker",))
PLUGIN = Plugin(name="vault", city_field=Vault, mutations=VaultMutations, permissions=(PERMISSION,))
DEVICE = Reader(kind="device", id="d" * 32, city="oben")
WORKER = Reader(kind="staff", id="5" * 32, city="oben", name="Amt", permissions=frozenset({"vault.work"}))
EDITOR = Reader(kind="staff", id="6" * 32, city="oben", name="Presse", permissions=frozenset({"news.publish"}))
READ = '{ city(slug: "oben") { vault { mine files } } }'
FILL = 'mutation { vaultFill(input: { city: "%s", thing: "gold" }) }'
ELSEWHERE = Reader(kind="staff", id="7" * 32, city="unten", name="Fremd", permissions=frozenset({"vault.work"}))


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body.get("errors", ())]


@pytest.mark.parametrize(
    ("reader", "seen", "refused"),
    [
        (ANONYMOUS, {"mine": None, "files": None}, ["UNAUTHENTICATED", "UNAUTHENTICATED"]),
        (DEVICE, {"mine": "d" * 32, "files": None}, ["FORBIDDEN"]),
        (WORKER, {"mine": None, "files": "Amt"}, ["FORBIDDEN"]),
        (EDITOR, {"mine": None, "files": None}, ["FORBIDDEN", "FORBIDDEN"]),
        (ELSEWHERE, {"mine": None, "files": None}, ["UNAUTHENTICATED", "UNAUTHENTICATED"]),
    ],
)
async def test_entries_are_null_with_a_code_for_whoever_may_not_see_them(
    reader: Reader, seen: dict[str, Any], refused: list[str]
) -> None:
    body = await ask(make_engine(NO_DATABASE, PLUGIN), READ, reader=reader)
    assert (body["data"]["city"]["vault"], codes(body)) == (seen, refused)


async def test_a_mutation_is_bound_to_the_city_of_its_input_and_to_whoever_asks() -> None:
    engine = make_engine(NO_DATABASE, PLUGIN)
    body = await ask(engine, FILL % "oben", reader=WORKER)
    assert body == {"data": {"vaultFill": "oben: gold, by Amt"}}
    for city, reader, code in (
        ("oben", ANONYMOUS, "UNAUTHENTICATED"),
        ("oben", EDITOR, "FORBIDDEN"),
        ("oben", ELSEWHERE, "UNAUTHENTICATED"),
        ("unten", ELSEWHERE, "MODULE_OFF"),
        ("nirgends", WORKER, "NOT_FOUND"),
    ):
        body = await ask(engine, FILL % city, reader=reader)
        assert (body["data"], codes(body)) == ({"vaultFill": None}, [code])


def test_a_permission_that_is_not_declared_and_a_mutation_without_a_city_do_not_load() -> None:
    @strawberry.type(description="Bad.")
    class LooseMutations(CityModule):
        @field(visible=staff("loose.work"), description="Bad.")
        def burn(self, thing: str) -> bool:
            return True

    composed = compose(install(Plugin(name="loose", mutations=LooseMutations)))
    assert composed.registry.broken["loose"].reason == (
        "LooseMutations.burn needs the permission 'loose.work', which is not declared (declared: none)"
    )

    @strawberry.type(description="Bad.")
    class RashMutations(CityModule):
        @field(visible=SIGNED_IN, description="Bad.")
        def burn(self, thing: str) -> bool:
            return True

    composed = compose(install(Plugin(name="rash", mutations=RashMutations)))
    assert composed.registry.broken["rash"].reason == (
        "RashMutations.burn needs one argument, `input`, with a field `city: str`"
    )
