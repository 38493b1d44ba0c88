"""cases: a case is found by the client's key that it was submitted with"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0021"
down_revision = "core_0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_case", sa.Column("once", sa.String(64), nullable=True))
    op.create_index("uq_case_case_once", "case_case", ["city", "once"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_case_case_once", table_name="case_case")
    op.drop_column("case_case", "once")
