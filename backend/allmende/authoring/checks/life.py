"""The plugin at work, on a scratch database: migrated, imported, asked, shown, and taken out again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2 import TemplateError
from msgspec import Struct

from allmende.authoring.subject import Subject
from allmende.db import drift, migrate
from allmende.db.branches import CORE_TABLES, Branch
from allmende.db.engine import Database
from allmende.errors import AllmendeError, ConfigError, Problem
from allmende.graphql.compose import Composed
from allmende.pages.operation import home_operation
from allmende.pages.render import environment
from allmende.testing.town import Instance, Town


class Life(Struct, frozen=True, kw_only=True):
    """What was seen. `statements` is what the Home operation cost; None where it could not be asked."""

    problems: tuple[Problem, ...]
    reversible: bool = True
    statements: int | None = None


def live(subject: Subject, composed: Composed) -> Life:
    """Go through the plugin's whole life once; every step that fails is told, and the next ones are left out."""
    for module in CORE_TABLES:
        import_module(module)
    with TemporaryDirectory() as scratch:
        url = f"sqlite:///{scratch}/scratch.sqlite"
        problems = _upgrade(subject, url)
        statements = None
        if not problems:
            found, statements = asyncio.run(_demo(subject, composed, Path(scratch), url))
            problems += found
            problems += _downgrade(subject, url)
    reversible = not any(problem.key == "downgrade" for problem in problems)
    return Life(problems=tuple(problems), reversible=reversible, statements=statements)


def show(subject: Subject, composed: Composed) -> tuple[Mapping[str, Any], str]:
    """The whole answer to the Home operation with the plugin's demo, and its part of the preview page."""
    for module in CORE_TABLES:
        import_module(module)
    with TemporaryDirectory() as scratch:
        url = f"sqlite:///{scratch}/scratch.sqlite"
        if problems := _upgrade(subject, url):
            raise ConfigError(problems)
        return asyncio.run(_show(subject, composed, Path(scratch), url))


async def _show(subject: Subject, composed: Composed, scratch: Path, url: str) -> tuple[Mapping[str, Any], str]:
    database = Database(url)
    try:
        town = _town(subject, composed, database, scratch / "cities")
        if isinstance(town, Problem):
            raise ConfigError([town])
        await town.load(subject.name)
        body = await town.home()
        there = "errors" not in body and body["data"]["city"].get(subject.name) is not None
        return body, await town.preview(subject.name) if there else ""
    finally:
        await database.close()


def _upgrade(subject: Subject, url: str) -> list[Problem]:
    folder = subject.folder.resolve() / "migrations"
    tables = subject.plugin.tables if subject.plugin else ()
    command = f"allmende db revision {subject.name} -m …"
    if tables and not any(folder.glob("*.py")):
        migrate.upgrade(url, {})
        return [subject.at("migrations", "is missing, but the plugin has tables", command, key="upgrade")]
    folders = {subject.name: folder} if tables else {}
    done = migrate.upgrade(url, folders)
    if reason := done.failed.get(subject.name):
        return [subject.at("migrations", reason, "one newest revision that runs", key="upgrade")]
    lines = [line for line in drift.check(url, folders) if line.startswith(f"{subject.name}: ")]
    return [subject.at("migrations", line.partition(": ")[2], key="tables") for line in lines]


def _downgrade(subject: Subject, url: str) -> list[Problem]:
    folder = subject.folder.resolve() / "migrations"
    if not subject.plugin or not subject.plugin.tables:
        return []
    try:
        dropped = migrate.downgrade(url, subject.name, folder)
        again = migrate.upgrade(url, {subject.name: folder}).failed
    except Exception as error:  # whatever a migration raises
        return [subject.at("migrations", f"cannot be taken back: {error}", "a downgrade()", key="downgrade")]
    missing = {table.__tablename__ for table in subject.plugin.tables} - set(dropped)
    wrong = [f"does not drop {table}" for table in sorted(missing)] + [*again.values()]
    newest = Branch(subject.name, folder).newest()
    return [subject.at("migrations", line, f"a downgrade() of {newest}", key="downgrade") for line in wrong]


async def _demo(subject: Subject, composed: Composed, scratch: Path, url: str) -> tuple[list[Problem], int | None]:
    """Import the demo, ask what the home screen asks, and render it in every language."""
    database = Database(url)
    try:
        town = _town(subject, composed, database, scratch / "cities")
        if isinstance(town, Problem):
            return [town], None
        problems = []
        for source, run in (await town.load(subject.name)).items():
            if run.status not in ("fresh", "waiting"):  # a source that is filled by hand at the desk has no sample
                reason = f"the demo's source {source!r} is {run.status}: {run.reason}"
                problems.append(subject.at("demo", reason, "a sample that can be imported", key=source))
        values, text = await town.home_variables(), home_operation(composed.registry).text
        with town.count() as statements:
            body = await town.answer(text, **values)
        if "errors" in body:
            messages = "; ".join(error["message"] for error in body["errors"])
            return [*problems, subject.in_code((r"Home\(", r"selection"), messages, key="home")], None
        data = body["data"]["city"].get(subject.name)
        return [*problems, *(_render(subject, town, data) if data is not None else ())], len(statements)
    except (AllmendeError, AssertionError) as error:
        return [subject.at("demo", str(error), "a demo that works")], None
    finally:
        await database.close()


def _town(subject: Subject, composed: Composed, database: Database, folder: Path) -> Town | Problem:
    """A town with the demo on: the plugin's own one, else what a made-up city of this instance has."""
    own = subject.folder / "demo" / f"{subject.name}.toml"
    instance = Instance(composed, database, folder)
    try:
        if own.is_file():
            town = instance.town("teststadt")
            for path in sorted(own.parent.rglob("*")):
                if path.is_file() and path != own:
                    town.write(str(path.relative_to(own.parent)), path)
            town.switch_on(subject.name, own.read_text(encoding="utf-8"))
            return town
        for slug, city in subject.cities.by_slug.items():
            if city.fictional and subject.name in city.plugins:
                shutil.copytree(city.folder, folder / slug, ignore=shutil.ignore_patterns("plugins", "texts"))
                (folder / slug / "plugins").mkdir()
                shutil.copy(Path(city.folder) / f"plugins/{subject.name}.toml", folder / slug / "plugins")
                instance.reload()
                return Town(instance, slug)
    except ConfigError as error:
        first = error.problems[0]
        return Problem(file=str(own), line=first.line, key=first.key, message=first.message, expected=first.expected)
    expected = f"demo/{subject.name}.toml as a city would write it, with its files in demo/data/"
    return subject.at("demo", "there is nothing to try the plugin with", expected)


def _render(subject: Subject, town: Town, data: object) -> list[Problem]:
    if not (subject.folder / "preview.html").is_file():
        return []
    problems = []
    for language in ("de", "en"):
        ctx = town.context(subject.name, language)
        values = {"data": data, "t": ctx.text, "city": ctx.city, "language": language, "now": ctx.now}
        try:
            environment(subject.folder.resolve()).get_template("preview.html").render(**values)
        except Exception as error:  # whatever a template raises
            message = f"cannot be rendered in {language}: {type(error).__name__}: {error}"
            line = error.lineno or 1 if isinstance(error, TemplateError) and hasattr(error, "lineno") else 1
            problems.append(subject.at("preview.html", message, "what renders the demo's answer", line=line))
    return problems
