"""Writing the next migration of one branch, from what its tables look like now."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations.ops import DowngradeOps, UpgradeOps

from allmende.db.branches import CORE, CORE_BRANCH, Branch, migrating, upgrade_to
from allmende.db.drift import compare, render_item
from allmende.db.table import Base


def revision(branch: Branch, message: str) -> Path | None:
    """Write a migration with what has changed since the branch's newest one; None where nothing has.

    Compared with a database that is made for this from the migrations alone, so no database needs to be at hand.
    """
    branch.folder.mkdir(parents=True, exist_ok=True)
    newest = branch.newest()
    with TemporaryDirectory() as folder, migrating(f"sqlite:///{folder}/scratch.sqlite") as connection:
        for step in dict.fromkeys((CORE_BRANCH, branch)):
            if (to := step.newest()) is not None:
                upgrade_to(connection, step, to)
        found = produce_migrations(compare(connection, branch), Base.metadata)
    if found.upgrade_ops is None or found.downgrade_ops is None or found.upgrade_ops.is_empty():
        return None
    number = len([path for path in branch.folder.glob("*.py") if path.name != "__init__.py"]) + 1
    script = branch.scripts().generate_revision(
        f"{branch.name}_{number:04}",
        message,
        head=newest or "base",
        splice=False,
        branch_labels=None if newest else branch.name,
        version_path=str(branch.folder),
        depends_on=None if newest or branch.name == CORE else f"{CORE}_0001",
        upgrades=_code(found.upgrade_ops),
        downgrades=_code(found.downgrade_ops),
        imports="",
    )
    return _formatted(Path(script.path)) if script else None


def _formatted(path: Path) -> Path:
    """The file in the project's style, where the formatter is installed."""
    if find_spec("ruff"):
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", "--line-length=120", str(path)], check=False)
    return path


def _code(operations: UpgradeOps | DowngradeOps) -> str:
    code = render_python_code(
        operations,
        sqlalchemy_module_prefix="sa.",
        alembic_module_prefix="op.",
        render_as_batch=True,
        render_item=render_item,
    )
    return "\n".join(line for line in code.splitlines() if "### " not in line).strip()
