"""cases: pictures that are still to be fetched from their addresses"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "core_0010"
down_revision = "core_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_fetch",
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("city", "case_id", "id"),
    )
    with op.batch_alter_table("case_fetch", schema=None) as batch_op:
        batch_op.create_index("ix_case_fetch_due", ["due"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("case_fetch", schema=None) as batch_op:
        batch_op.drop_index("ix_case_fetch_due")

    op.drop_table("case_fetch")
