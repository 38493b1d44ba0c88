"""Libraries without their docstrings do what they do; only what they would say is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from allmende.serving.terse import NOTHING, terse

SOURCE = '''
"""Of the module."""
class Told:
    """Of the class."""
    kind = "told"
    def method(self, value=1):
        """Of the method."""
        return lambda: "Of the method." if value else None
class Untold:
    kind = "untold"
    def method(self):
        return "Of nothing."
class Shared:
    "shared"
    kind = "shared"
def same():
    "same"
    return "same"
async def later():
    "Of later."
    yield "Of later, too."
words = [f"{word} one" for word in ("just", "this")]
'''


def run(source: str, change: Any) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(change(compile(source, "<source>", "exec")), names)
    return names


def test_functions_and_classes_lose_their_docstrings_and_nothing_else() -> None:
    names, plain = run(SOURCE, terse), run(SOURCE, lambda code: code)
    assert names["Told"]().method()() == "Of the method."
    assert names["Untold"]().method() == "Of nothing."
    assert names["same"]() == names["same"].__doc__ == "same"  # it is what the function gives
    assert names["Shared"].kind == names["Shared"].__doc__ == "shared"
    assert [names[name].kind for name in ("Told", "Untold")] == ["told", "untold"]
    assert names["words"] == ["just one", "this one"]
    shown = [names["Told"].__doc__, names["Told"].method.__doc__, names["later"].__doc__, names["Untold"].__doc__]
    assert shown == [NOTHING, NOTHING, NOTHING, None]
    assert names["__doc__"] == plain["__doc__"] == "Of the module."


def test_libraries_are_loaded_without_and_our_own_modules_with_them() -> None:
    """In a process of its own: this one has loaded them with all that they say."""
    script = (
        "from allmende.serving.terse import NOTHING, be_terse; be_terse();"
        "import allmende.app, graphql, sqlalchemy.orm, allmende.plugin;"
        "assert sqlalchemy.orm.relationship.__doc__ == graphql.execute.__doc__ == NOTHING;"
        "assert len(allmende.plugin.Plugin.__doc__) > 20"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_tracebacks_name_the_same_lines() -> None:
    names = run("def fails():\n    'Why.'\n    raise ValueError\n", terse)
    with pytest.raises(ValueError) as caught:
        names["fails"]()
    assert caught.traceback[-1].lineno + 1 == 3
