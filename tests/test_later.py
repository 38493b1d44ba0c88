"""Large libraries are loaded when they are used, and not by who only serves."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from allmende.later import bare, lazily


def test_module_is_loaded_at_the_first_use_of_something_of_it() -> None:
    script = (
        "import sys; from allmende.later import lazily; wave = lazily('wave'); "
        "hasattr(wave, '__path__'); assert 'wave' not in sys.modules; "
        "assert wave.WAVE_FORMAT_PCM == 1; assert 'wave' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_what_is_not_there_is_an_error_as_for_the_module_itself() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        lazily("json").nothing()
    with pytest.raises(ModuleNotFoundError):
        lazily("json_that_is_not_there").dumps()


def test_a_bare_package_has_its_modules_by_name_and_imports_none_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lands/far").mkdir(parents=True)
    (tmp_path / "lands/__init__.py").touch()
    (tmp_path / "lands/far/__init__.py").write_text("import lands.far.away\n")
    (tmp_path / "lands/far/away.py").touch()
    (tmp_path / "lands/far/near.py").write_text("HERE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    bare("lands.far")
    assert import_module("lands.far.near").HERE == 1
    assert "lands.far.away" not in sys.modules
    assert lazily("lands").far.near.HERE == 1
    bare("lands.that_are_not_there")


def test_worker_that_serves_does_not_load_what_reads_feeds_or_turns_pictures() -> None:
    script = (
        "import sys; import allmende.cli.serve; import allmende.app; from allmende.registry import load_registry; "
        "from allmende.settings import load_settings; registry = load_registry(load_settings({})); "
        "assert len(registry.plugins) > 3; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, timeout=120, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert {"shapely", "numpy", "PIL", "openpyxl", "feedparser", "obstore", "rich", "segno"} & loaded == set()
    assert {name for name in loaded if name.startswith("holidays.countries.")} == {"holidays.countries.germany"}
