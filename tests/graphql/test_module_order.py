"""A city says which modules its citizens see first (the rest follows by name), and what they are called."""

from __future__ import annotations

import pytest
from allmende.errors import ConfigError
from allmende.testing import Town


def order(town: Town, *names: str) -> None:
    file = town.folder / "city.toml"
    text = file.read_text().partition("module_order")[2].partition("\n")[2] or file.read_text()
    file.write_text(f"module_order = {list(names)}\n{text}".replace("'", '"'))
    town.instance.reload()


async def shown(town: Town) -> list[str]:
    return [module["name"] for module in (await town.ask("modules { name }"))["modules"]]


async def test_modules_and_cards_come_in_the_order_of_the_city(town: Town) -> None:
    names = list(town.instance.registry.plugins)
    assert await shown(town) == names
    order(town, "waste", "news")
    assert await shown(town) == ["waste", "news", *(name for name in names if name not in ("waste", "news"))]


async def test_an_order_with_a_module_that_is_not_there_or_twice_is_named(town: Town) -> None:
    with pytest.raises(ConfigError) as error:
        order(town, "waste", "nwes", "waste")
    assert [problem.message for problem in error.value.problems] == [
        "unknown plugin `nwes` (did you mean `news`?)",
        '"waste" stands here twice',
    ]


async def test_modules_are_called_what_the_city_calls_them(town: Town) -> None:
    town.write("texts/de.toml", '[waste]\ntitle = "Müllabfuhr"\nsummary = "Wann sie kommt."\n')
    town.write("texts/en.toml", '[news]\ntitle = "From the town hall"\n')
    town.instance.reload()

    async def called(language: str, name: str) -> tuple[str, str]:
        answer = await town.ask("modules { name title summary }", language=language)
        return next((one["title"], one["summary"]) for one in answer["modules"] if one["name"] == name)

    assert await called("de", "waste") == ("Müllabfuhr", "Wann sie kommt.")
    assert (await called("en", "waste"))[0] == "Waste calendar", (
        "the module's own word in the reader's language goes before"
    )
    assert (await called("en", "news"))[0] == "From the town hall"
