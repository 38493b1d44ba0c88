"""A city says which modules its citizens see first; what it does not name follows by name."""

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
