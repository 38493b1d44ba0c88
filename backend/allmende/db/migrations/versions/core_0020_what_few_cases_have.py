"""cases: indexes of what few cases have hold only those, and one that nothing uses goes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0020"
down_revision = "core_0019"
branch_labels = None
depends_on = None

_FEW = {
    "ix_case_case_parent": ("parent", "parent <> ''"),
    "ix_case_case_merged": ("merged_into", "merged_into <> ''"),
    "ix_case_case_closed": ("closed", "closed IS NOT NULL"),
}


def upgrade() -> None:
    for name, (column, rule) in _FEW.items():
        few = sa.text(rule)
        op.drop_index(name, table_name="case_case")
        op.create_index(name, "case_case", ["city", column], unique=False, sqlite_where=few, postgresql_where=few)
    op.drop_index("ix_case_event_at", table_name="case_event")


def downgrade() -> None:
    op.create_index("ix_case_event_at", "case_event", ["city", "at"], unique=False)
    for name, (column, _) in _FEW.items():
        op.drop_index(name, table_name="case_case")
        op.create_index(name, "case_case", ["city", column], unique=False)
