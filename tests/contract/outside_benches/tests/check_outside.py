"""The package's own tests, run by `allmende plugin test outside_benches …`."""

from __future__ import annotations

from allmende.testing import Town


async def test_benches_are_those_of_the_city_and_rests_are_counted(town: Town) -> None:
    town.switch_on("outside_benches", '[[benches]]\nname = { de = "Lindenbank", en = "Lime tree bench" }\n')
    answer = {"outside_benches": {"names": ["Lindenbank"], "rests": 0}}
    assert await town.ask("outside_benches { names rests }") == answer
    assert (await town.ask("outside_benches { names }", language="en"))["outside_benches"]["names"] == [
        "Lime tree bench"
    ]
    assert await town.neighbour().ask("outside_benches { rests }") == {"outside_benches": None}
