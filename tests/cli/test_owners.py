"""CODEOWNERS says what the folders say, and a plugin that nobody looks after is named."""

from __future__ import annotations

from pathlib import Path

from allmende.cli.owners import HEAD, codeowners

ROOT = Path(__file__).parents[2]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_the_file_of_the_repository_is_up_to_date() -> None:
    text, problems = codeowners(ROOT)
    assert problems == []
    assert (ROOT / "CODEOWNERS").read_text(encoding="utf-8") == text


def test_a_plugin_has_its_own_reviewers_or_those_of_the_city_that_owns_it(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[tool.allmende]\nmaintainers = ["@core/team"]\n',
        "cities/adorf/city.toml": 'maintainers = ["@adorf/it", "it@adorf.example"]\n',
        "cities/bedorf/city.toml": "",
        "cities/_shared/05/city.toml": "",
        "plugins/benches/plugin.toml": 'owner = "adorf"\n',
        "plugins/news/plugin.toml": 'owner = "allmende"\n',
        "plugins/trees/plugin.toml": 'owner = "adorf"\nmaintainers = ["@trees/team"]\n',
    }
    write(tmp_path, **files)
    text, problems = codeowners(tmp_path)
    assert problems == []
    assert [line.split() for line in text.removeprefix(HEAD).splitlines() if line] == [
        ["*", "@core/team"],
        ["/cities/adorf/", "@adorf/it", "it@adorf.example"],
        ["/cities/bedorf/", "@core/team"],
        ["/plugins/benches/", "@adorf/it", "it@adorf.example"],
        ["/tests/plugins/benches/", "@adorf/it", "it@adorf.example"],
        ["/plugins/news/", "@core/team"],
        ["/tests/plugins/news/", "@core/team"],
        ["/plugins/trees/", "@trees/team"],
        ["/tests/plugins/trees/", "@trees/team"],
    ]


def test_a_plugin_of_nobody_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, **{"pyproject.toml": '[tool.allmende]\nmaintainers = ["@core/team"]\n'})
    write(tmp_path, **{"plugins/benches/plugin.toml": 'owner = "nowhere"\n'})
    assert codeowners(tmp_path)[1] == [
        "plugins/benches/plugin.toml owner: 'nowhere' has no maintainers; "
        "expected maintainers, or an owner that has some: allmende or a city"
    ]
