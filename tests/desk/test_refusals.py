"""What a module's importers refuse is said in the reader's language, by the module's own texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from allmende.graphql.compose import Composed
from allmende.testing import Town

from tests.desk.conftest import Hire
from tests.desk.test_feeds import CONFIG, PATH, table

PLUGINS = ("events", "news", "parking", "places", "warnings", "waste")


async def test_refused_rows_say_why_in_german_and_in_english(town: Town, hire: Hire) -> None:
    town.write("data/aemter.csv", table(1, 2) + "\n3;Amt 3;;7,6\n4;;51.96;7.63\n5;Amt 5;zwei;7.63\n")
    town.switch_on("places", CONFIG % 'file = "data/aemter.csv"')
    await town.load()
    german, english = await hire("desk.feeds").text(PATH), await hire("desk.feeds", language="en").text(PATH)
    for texts in (
        ("Kein Name.", "no name"),
        ("Keine Lage (Breite 'zwei', Länge '7.63').", "no position (latitude 'zwei', longitude '7.63')"),
    ):
        assert [text in seen for seen, text in zip((german, english), texts, strict=True)] == [True, True], german
        assert texts[1] not in german


@pytest.mark.parametrize("plugin", PLUGINS)
def test_texts_of_refusals_are_what_the_importers_say(composed: Composed, plugin: str) -> None:
    installed = composed.registry.plugins[plugin]
    said = set()
    for path in installed.folder.glob("importers/*.py"):
        said |= set(literals(ast.parse(path.read_text(encoding="utf-8"))))
    texts = {key: text for key, text in installed.texts["en"].items() if key.startswith("refusal.")}
    assert {key: text for key, text in texts.items() if re.sub(r"\{\w+\}", "{}", text) not in said} == {}
    for key, text in texts.items():
        assert set(re.findall(r"\{\w+\}", installed.texts["de"][key])) <= set(re.findall(r"\{\w+\}", text)), key


def literals(tree: ast.AST) -> Iterator[str]:
    """Every text of a program, with {} for what is filled in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
