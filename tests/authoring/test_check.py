"""`allmende plugin check`: every mistake is named, with file, line, key and fix, and all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Workshop

LISTED = """
from allmende import PUBLIC, CityModule, Plugin, field
import strawberry

@strawberry.type(description="A lamp.")
class LampItem:
    name: str

@strawberry.type(description="Lamps.")
class Lamp(CityModule):
    @field(visible=PUBLIC, description="All of them.")
    def items(self, street: str = "") -> list[LampItem]:
        return []

plugin = Plugin(name="lamp", city_field=Lamp)
"""


def lines(workshop: Workshop, name: str) -> list[str]:
    return [str(problem).replace(f"{workshop.folder}/", "") for problem in workshop.check(name)]


def test_a_sound_plugin_has_no_problems(workshop: Workshop) -> None:
    workshop.minimal("lamp")
    assert lines(workshop, "lamp") == []


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            "plugin.toml",
            'licence = "EUPL-1.2"',
            'licence = "EUPL"',
            "plugins/lamp/plugin.toml:4:1 licence: unknown licence `EUPL`",
        ),
        (
            "plugin.toml",
            'owner = "beckum"',
            'owner = "bekcum"',
            "plugins/lamp/plugin.toml:3:1 owner: unknown city `bekcum` (did you mean `beckum`?); expected one of",
        ),
        (
            "plugin.toml",
            'version = "0.1.0"',
            'version = "1"',
            'plugins/lamp/plugin.toml:6:1 version: "1" is no version; expected three numbers (semver.org): 1.0.0',
        ),
        (
            "plugin.toml",
            'title = { de = "Lamp", en = "Lamp" }',
            'title = "Lampen"',
            'plugins/lamp/plugin.toml:1:1 title: lacks de and en; expected { de = "…", en = "…" }',
        ),
        (
            "plugin.toml",
            'icon = "•"',
            'icno = "•"',
            "plugins/lamp/plugin.toml:7:1 icno: unknown key `icno` (did you mean `icon`?)",
        ),
        (
            "plugin.toml",
            'tests = "done"',
            'test = "done"',
            "plugins/lamp/plugin.toml:12:1 maturity.test: unknown rule `test` (did you mean `tests`?)",
        ),
        (
            "plugin.toml",
            'tests = "done"',
            'map = "done"',
            'plugins/lamp/plugin.toml:12:1 maturity.map: is said to be done and is not; expected what it says ("',
        ),
        (
            "plugin.toml",
            "personal_data = []",
            'personal_data = [{ table = "lamp_x", field = "mail" }]',
            "plugins/lamp/plugin.toml:9:18 personal_data.0.legal_basis: is missing; expected what the",
        ),
        (
            "README.md",
            "## Personal data",
            "## People",
            "plugins/lamp/README.md:1:1: a part is missing; expected a part `## Personal data`",
        ),
        (
            "README.md",
            "cities/<slug>/plugins/lamp.toml",
            "the file",
            "plugins/lamp/README.md:1:1: a part is missing; expected `cities/<slug>/plugins/lamp.toml`, the switch",
        ),
        (
            "__init__.py",
            "import strawberry\n",
            "import strawberry\nfrom allmende.errors import InputError\n",
            "plugins/lamp/__init__.py:8:1 allmende.errors: is inside the core; expected from allmende import",
        ),
        (
            "__init__.py",
            "import strawberry\n",
            "import strawberry\nfrom plugins.news import plugin as other\n",
            "plugins/lamp/__init__.py:8:1 plugins.news: plugins never import each other; expected a relative import",
        ),
        (
            "__init__.py",
            'description="The entries, in the order',
            'description="Entries of Münster, in the order',
            "plugins/lamp/__init__.py:28:1 Münster: names the city 'muenster', which does not own this plugin",
        ),
        (
            "__init__.py",
            'description="One entry."',
            'description=""',
            "plugins/lamp/__init__.py:21:1 LampItem: has no description; expected description=",
        ),
        (
            "__init__.py",
            "items(first: 5) { name text }",
            "items(first: 5) { nmae }",
            "plugins/lamp/__init__.py:37:1 home: Cannot query field 'nmae' on type 'LampItem'. Did you mean 'name'?",
        ),
        (
            "__init__.py",
            'name="lamp"',
            'name="lamps"',
            "plugins/lamp/__init__.py:38:1 plugin: Plugin(name='lamps') differs from the folder's name 'lamp'",
        ),
        (
            "demo/lamp.toml",
            "[[items]]",
            "[[itmes]]",
            "plugins/lamp/demo/lamp.toml:1:1 itmes: unknown key `itmes` (did you mean `items`?); expected items",
        ),
    ],
)
def test_each_mistake_is_named_with_place_and_fix(
    workshop: Workshop, file: str, old: str, new: str, problem: str
) -> None:
    workshop.minimal("lamp")
    workshop.change(f"lamp/{file}", old, new)
    found = lines(workshop, "lamp")
    assert [line for line in found if line.startswith(problem)], "\n".join(found)


def test_texts_lists_and_previews_are_looked_at(workshop: Workshop) -> None:
    folder = workshop.minimal("lamp")
    (folder / "__init__.py").write_text(LISTED)
    (folder / "demo/lamp.toml").write_text("")
    texts = {
        "de": 'near = "In {metres} m"\nonly = "Nur hier"\n',
        "en": 'near = "In {meters} m"\n',
        "fr": 'near = "{"\n',
    }
    (folder / "texts").mkdir()
    for language, text in texts.items():
        (folder / f"texts/{language}.toml").write_text(text)
    (folder / "preview.html").write_text('<p>{{ t("near", metres=1) }}</p>\n<p>{{ t("nowhere") }}</p>\n')
    assert lines(workshop, "lamp") == [
        "plugins/lamp/__init__.py:7:1 LampItem.name: has no description; expected "
        'description="…", which app developers read',
        "plugins/lamp/__init__.py:12:1 Lamp.items: is a list without a bound; expected an argument `first`, a "
        'Connection, or in plugin.toml: [small_lists] "Lamp.items" = "why it is"',
        "plugins/lamp/__init__.py:12:1 Lamp.items(street): has no description; expected "
        'description="…", which app developers read',
        'plugins/lamp/preview.html:2:1 nowhere: no text has the key "nowhere"; expected a key of texts/*.toml',
        "plugins/lamp/texts/en.toml:1:1 near: has the placeholders meters; "
        "expected those of the other languages: metres",
        "plugins/lamp/texts/en.toml:1:1 only: is missing; expected a text, as in de, fr",
        "plugins/lamp/texts/fr.toml:1:1 near: has a brace without its partner; expected {name}, or {{ for a brace",
        "plugins/lamp/texts/fr.toml:1:1 only: is missing; expected a text, as in de, en",
    ]


def test_a_plugin_that_cannot_be_loaded_is_checked_as_far_as_it_can_be(workshop: Workshop) -> None:
    folder = workshop.minimal("lamp")
    (folder / "__init__.py").write_text("raise RuntimeError('no lamp')\n")
    workshop.change("lamp/plugin.toml", 'version = "0.1.0"', 'version = "new"')
    (folder / "README.md").unlink()
    assert [(Path(p.file).name, p.message) for p in workshop.check("lamp")] == [
        ("README.md", "is missing"),
        ("__init__.py", "cannot be imported: RuntimeError: no lamp"),
        ("plugin.toml", '"new" is no version'),
    ]


def test_tables_migrations_and_personal_columns_are_looked_at(workshop: Workshop) -> None:
    """In a process of its own, since tables stay declared for as long as the process lives."""
    assert workshop.run("plugin", "new", "stall", "--owner", "beckum")[0] == 0
    workshop.change(
        "stall/tables.py",
        "    text: Mapped[str] = mapped_column(Text)\n",
        "    text: Mapped[str] = mapped_column(Text)\n    contact_email: Mapped[str | None]\n",
    )
    code, output = workshop.run("plugin", "check")
    assert (code, output.splitlines()) == (
        1,
        [
            "plugins/stall/migrations:1:1 tables: stall_item.contact_email: this column is missing in the database; "
            "run: allmende db revision stall -m …",
            "plugins/stall/plugin.toml:16:1 maturity.migration-reversible: is said to be done and is not; expected "
            'what it says ("Its tables come and go by migrations, without a trace."), or "todo", or '
            '{ exempt = "reason" }',
            "plugins/stall/plugin.toml:17:1 maturity.personal-data-declared: is said to be done and is not; expected "
            'what it says ("What it stores of people is declared, with purpose, legal basis and retention."), or '
            '"todo", or { exempt = "reason" }',
            "plugins/stall/tables.py:18:1 stall_item.contact_email: could be about a person; expected "
            "[[personal_data]] with table, field, purpose, legal_basis and retention in plugin.toml, or [not_personal] "
            '"stall_item.contact_email" = "why it is not"',
            "plugins checked: 1, problems: 4",
        ],
    )
    assert workshop.run("db", "revision", "stall", "-m", "Who answers.")[0] == 0
    with (workshop.settings.plugins / "stall/plugin.toml").open("a") as file:
        file.write('\n[not_personal]\n"stall_item.contact_email" = "an address of the office that runs the stalls"\n')
    assert workshop.run("plugin", "check", "stall") == (0, "plugins checked: 1, problems: none\n")
    migration = next((workshop.settings.plugins / "stall/migrations").glob("*0001*.py"))
    migration.write_text(migration.read_text().replace('op.drop_table("stall_item")', "pass"))
    output = workshop.run("plugin", "check", "stall")[1]
    assert "plugins/stall/migrations:1:1 downgrade: cannot be taken back: the migrations in" in output, output
    assert "leave tables behind: stall_item" in output
