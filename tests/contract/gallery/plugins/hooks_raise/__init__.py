"""Hooks that raise before there is anything to wait for."""

from typing import Any

from allmende import PUBLIC, Feed, Home, Map, Plugin


def fail(*args: Any) -> Any:
    raise RuntimeError("secret")


plugin = Plugin(
    name="hooks_raise",
    feed=Feed(load=fail, visible=PUBLIC),
    map=Map(load=fail, visible=PUBLIC),
    home=Home(selection="", variables={"hooks_raise_x": "String"}, defaults=fail),
)
