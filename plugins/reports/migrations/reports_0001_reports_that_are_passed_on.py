"""Reports that are passed on"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "reports_0001"
down_revision = None
branch_labels = ("reports",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "reports_passed",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("remote_id", sa.String(length=200), nullable=False),
        sa.Column("token", sa.String(length=200), nullable=False),
        sa.Column("remote_status", sa.String(length=500), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("city", "case_id"),
        info={"allmende_home": "plugins.reports.tables"},
    )
    with op.batch_alter_table("reports_passed", schema=None) as batch_op:
        batch_op.create_index("ix_reports_passed_due", ["city", "state", "due"], unique=False)
        batch_op.create_index("ix_reports_passed_remote", ["city", "remote_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("reports_passed", schema=None) as batch_op:
        batch_op.drop_index("ix_reports_passed_remote")
        batch_op.drop_index("ix_reports_passed_due")

    op.drop_table("reports_passed")
