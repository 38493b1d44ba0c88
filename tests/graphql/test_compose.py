"""The schema is made of all plugins that fit; one that does not fit is left out and named, and the rest stands."""

from __future__ import annotations

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field
from allmende.graphql.compose import CORE_MUTATIONS, compose, undescribed
from allmende.graphql.ownership import owner, prefix
from graphql import GraphQLObjectType

from .gazette import GAZETTE, SOUND, Tower, install


@strawberry.type(description="Has the name of another plugin's type.")
class GazetteNotice:
    x: int = strawberry.field(description="A number.")


@strawberry.type(description="Takes a type of another plugin's name.")
class Thief(CityModule):
    @field(visible=PUBLIC, description="Stolen.")
    def stolen(self) -> GazetteNotice:
        return GazetteNotice(x=1)


@strawberry.type(name="Position", description="Not the core's.")
class OwnPosition:
    x: int = strawberry.field(description="A number.")


@strawberry.type(description="Redefines a type of the core.")
class Usurper(CityModule):
    @field(visible=PUBLIC, description="Stolen.")
    def where(self) -> OwnPosition:
        return OwnPosition(x=1)


@strawberry.type(description="Needs a value that nobody gives.")
class Needy(CityModule):
    value: int = field(visible=PUBLIC, description="A number.")


@strawberry.type(description="Has a type that there is not.")
class Dangling(CityModule):
    @field(visible=PUBLIC, description="Of no type.")
    def lost(self) -> "NoSuchType":  # type: ignore[name-defined]  # noqa: F821, UP037
        return None


@strawberry.type
class Mute(CityModule):
    @field(visible=PUBLIC, description="")
    def word(self) -> str:
        return ""


@strawberry.input(description="How much higher, and where.")
class TowerBuildUpInput:
    city: str = strawberry.field(description="In which city.")
    metres: int = strawberry.field(description="How much higher.")


@strawberry.type(description="What can be changed.")
class TowerMutations(CityModule):
    @field(visible=PUBLIC, description="Make it higher.")
    def build_up(self, input: TowerBuildUpInput) -> int:
        return 42 + input.metres


def test_composed_schema_has_one_nullable_field_per_plugin() -> None:
    city = compose(install(*SOUND)).schema.type_map["City"]
    assert isinstance(city, GraphQLObjectType)
    assert {name: str(city.fields[name].type) for name in ("gazette", "tower")} == {
        "gazette": "Gazette",
        "tower": "Tower",
    }


def test_misfits_are_left_out_by_name_and_the_rest_stands() -> None:
    misfits = {
        "thief": Thief,
        "usurper": Usurper,
        "needy": Needy,
        "dangling": Dangling,
        "search": Tower,
        "map": Tower,
        "plain": str,
    }
    composed = compose(install(*SOUND, *(Plugin(name=name, city_field=kind) for name, kind in misfits.items())))
    assert set(composed.registry.plugins) == {"gazette", "tower"}
    reasons = {name: broken.reason for name, broken in composed.registry.broken.items()}
    assert reasons.keys() == misfits.keys()
    assert reasons["thief"] == "type GazetteNotice does not begin with Thief (it reads as one of 'gazette')"
    assert "Position" in reasons["usurper"]
    assert reasons["needy"] == "city_field Needy.value has neither a default nor a resolver"
    assert "Could not resolve the type of 'lost'" in reasons["dangling"]
    assert reasons["search"] == "City already has a field 'search'; the plugin needs another name"
    assert reasons["plain"] == "city_field <class 'str'> is no CityModule"


def test_types_belong_to_the_plugin_with_the_longest_prefix() -> None:
    assert prefix("oak_moth") == "OakMoth"
    assert owner("NewsletterIssue", ["news", "newsletter"]) == "newsletter"
    assert owner("NewsItem", ["news", "newsletter"]) == "news"
    assert owner("PageInfo", ["news"]) is None


def test_undescribed_names_every_place_without_a_description() -> None:
    assert undescribed(compose(install(*SOUND)).schema) == []
    composed = compose(install(Plugin(name="mute", city_field=Mute)))
    assert undescribed(composed.schema) == ["Mute", "Mute.word"]


def test_schema_text_does_not_depend_on_the_order_of_plugins() -> None:
    assert compose(install(*SOUND)).sdl == compose(install(*reversed(SOUND))).sdl


def test_mutations_are_flat_and_carry_the_plugins_name() -> None:
    composed = compose(install(GAZETTE, Plugin(name="tower", city_field=Tower, mutations=TowerMutations)))
    assert composed.schema.mutation_type is not None
    fields = [name for name in composed.schema.mutation_type.fields if not name.startswith(tuple(CORE_MUTATIONS))]
    assert fields == ["towerBuildUp"]
    assert composed.ownership.of("Mutation", "towerBuildUp") == "tower"
