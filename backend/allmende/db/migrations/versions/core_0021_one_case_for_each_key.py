"""cases: one for each key of a client, which finds it again; the index of the map holds what is published only"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0021"
down_revision = "core_0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_case", sa.Column("once", sa.String(32), nullable=True))
    op.create_index("uq_case_case_once", "case_case", ["city", "once"], unique=True)
    op.drop_index("ix_case_case_map", table_name="case_case")
    sqlite, postgresql = sa.text("published = 1"), sa.text("published")
    op.create_index("ix_case_case_map", "case_case", ["city", "lat"], sqlite_where=sqlite, postgresql_where=postgresql)


def downgrade() -> None:
    op.drop_index("ix_case_case_map", table_name="case_case")
    op.create_index("ix_case_case_map", "case_case", ["city", "published", "lat"], unique=False)
    op.drop_index("uq_case_case_once", table_name="case_case")
    op.drop_column("case_case", "once")
